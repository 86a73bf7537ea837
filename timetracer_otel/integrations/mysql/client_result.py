"""A result of mysqlclient's C library, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.told import Told


class ToldByClient(Told):
    """What is told of the reply to one command, columns as this driver has them."""

    how: int | None = None

    def described(self, result: Any, known: Sequence[int]) -> None:
        """A result with rows."""
        flags = result.field_flags()
        columns = [[*map(plain, one), flag] for one, flag in zip(result.describe(), flags, strict=True)]
        self.rows_of(columns, list(known))

    def taken(self, rows: Sequence[Any], how: int) -> None:
        """Rows of it: tuples, or dictionaries."""
        if how and rows and self.how is None:
            self.how = how
            self.note(how=how, keys=list(rows[0]))
        for row in rows:
            self.row(tuple(row.values()) if how else row, raw=False)

    def raised(self, error: BaseException, known: Sequence[int]) -> None:
        """Reading it failed, or the command did."""
        self.ends_with([exceptions.type_name(type(error)), plain(list(error.args))], list(known))


def facts(connection: Any, line: Line, library: Any) -> list[Any]:
    """What the library knows of a connection after a reply, or a part of it."""
    more = packets.MORE_RESULTS if library.more_results() else 0
    return [
        library.affected_rows(), library.insert_id(), library.warning_count(), library.field_count(),
        line.status & ~packets.MORE_RESULTS | more,
    ]  # fmt: skip


class WatchedResult:
    """A result of the C library; its rows are told.

    Args:
        result: the library's.
        connection: whose it is.
        line: the same.
        talk: the call that it belongs to.
        reply: the reply that it is a part of.
    """

    def __init__(self, result: Any, connection: Any, line: Line, talk: Any, reply: ToldByClient) -> None:
        self._result = result
        self._connection = connection
        self._line = line
        self._talk = talk
        self._reply = reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def fetch_row(self, *args: Any, **kwargs: Any) -> Any:
        """The next rows."""
        try:
            rows = self._result.fetch_row(*args, **kwargs)
        except BaseException as error:
            failure = error
            self._tell(lambda: self._reply.raised(failure, [0, 0, 0, 0, self._line.status]))
            raise
        self._tell(lambda: self._taken(rows, *args, **kwargs))
        return rows

    def _taken(self, rows: Any, maxrows: int = 1, how: int = 0) -> None:
        self._reply.taken(rows, how)
        if maxrows == 0 or len(rows) < maxrows:
            self._reply.end(facts(self._connection, self._line, self._connection))

    def discard(self) -> Any:
        """Read no more of it."""
        done = self._result.discard()
        self._tell(
            lambda: self._reply.end(facts(self._connection, self._line, self._connection), dropped=True)
        )
        return done

    def _tell(self, tell: Callable[[], None]) -> None:
        try:
            tell()
            self._talk.heard()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysqlclient: reading a result", error)
            self._line.lose()
