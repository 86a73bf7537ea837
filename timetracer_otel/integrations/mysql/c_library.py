"""What stands between mysql.connector's own code and its C library, which it calls for everything.

It passes on what it is asked, and tells the call being made what came of it. Where a replay answers it asks a
:class:`ReplayedMySql` instead, which was told the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.core import replaying
from timetracer_otel.integrations.mysql import c_telling, told
from timetracer_otel.integrations.mysql.c_replayed import ReplayedMySql
from timetracer_otel.integrations.mysql.c_statement import ReplayedStatement
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.told import Told

_TAKES_NOTES = 1 << 27
"""The server's capability of query attributes."""
_NOTE = "traceparent"


class WatchedMySql:
    """Stands where the object of a connection in the C library would be.

    Args:
        real: that object; ``None`` where there is nothing behind the connection.
        line: its connection.
        replayed: makes what answers in a replay, given ``real``.
    """

    def __init__(self, real: Any, line: Line, replayed: Callable[[Any], ReplayedMySql]) -> None:
        self.real = real
        self.through: Any = None
        """Another such object, for a call that a replay lets through."""
        self.lent = False
        """A call of a replay, or something else that a replay does, is being made."""
        self.telling = c_telling.Telling(line)
        self._line = line
        self._make = replayed
        self._replayed: ReplayedMySql | None = None
        self._port: ports.Port | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.answering(), name)

    @property
    def converter_str_fallback(self) -> bool:
        """What has no conversion is converted as text."""
        return bool(self.answering().converter_str_fallback)

    @converter_str_fallback.setter
    def converter_str_fallback(self, value: bool) -> None:
        for one in (self.real, self._replayed):
            if one is not None:
                one.converter_str_fallback = value

    # -- who answers

    def answering(self) -> Any:
        """The C library's object, or what answers for it in a replay."""
        try:
            return self._answering()
        except Exception as error:
            if replaying():
                raise
            ports.report("mysqlconnector: asking whether this is a replay", error)
        return self.through or self.real

    def _answering(self) -> Any:
        line = self._line
        if line.given is not None:
            self.through = None  # its rows were not read to the end, and are not any more
            return self.replayed()
        if self.through is not None:
            return self.through
        known = self._replayed
        if line.replayed or self.lent or (known is not None and known.pending) or line.integration.mocks():
            return self.replayed()
        return self.real

    def replayed(self) -> ReplayedMySql:
        """What answers in the replay that this is, made when it is first asked."""
        port = ports.current()
        known = self._replayed
        if known is None or (not self._line.replayed and port is not None and port is not self._port):
            known = self._replayed = self._make(self.real)
            self._port = port
        return known

    def let_through(self, library: Any) -> None:
        """Ask that object instead, for a call that a replay lets through; ``None``: not any more."""
        if library is None and self.through is not None:
            self.replayed().facts = told.facts(self.through)
        self.through = library

    # -- commands

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for a statement."""
        library = self.answering()
        if isinstance(library, ReplayedMySql):
            return library.query(*args, **kwargs)
        text = args[0] if args else kwargs.get("statement")
        return self.telling.command(library, library.query, args, kwargs, c_telling.result, text)

    def next_result(self) -> Any:
        """Ask for the next result of a statement."""
        library = self.answering()
        if isinstance(library, ReplayedMySql):
            return library.next_result()
        return self.telling.more(library, library.next_result, c_telling.further_result)

    def fetch_row(self) -> Any:
        """The next row, ``None`` after the last one."""
        library = self.answering()
        if isinstance(library, ReplayedMySql):
            return library.fetch_row()
        return self.telling.more(library, library.fetch_row, c_telling.row)

    def consume_result(self) -> None:
        """Read what is left of a result, for nobody."""
        library = self.answering()
        if isinstance(library, ReplayedMySql) or not library.have_result_set:
            library.consume_result()
        else:
            self.telling.more(library, library.consume_result, c_telling.dropped)

    def free_result(self) -> None:
        """Read no more of a result."""
        library = self.answering()
        if isinstance(library, ReplayedMySql) or not library.have_result_set:
            library.free_result()
        else:
            self.telling.more(library, library.free_result, c_telling.dropped)

    def commit(self) -> Any:
        """Commit."""
        library = self.answering()
        if isinstance(library, ReplayedMySql):
            return library.commit()
        return self.telling.command(library, library.commit, (), {}, c_telling.ended)

    def rollback(self) -> Any:
        """Roll back."""
        library = self.answering()
        if isinstance(library, ReplayedMySql):
            return library.rollback()
        return self.telling.command(library, library.rollback, (), {}, c_telling.ended)

    def select_db(self, name: Any) -> Any:
        """Choose another database."""
        chosen = self.answering().select_db(name)
        self._line.current = name.decode() if isinstance(name, bytes) else str(name)
        return chosen

    def stmt_prepare(self, statement: bytes) -> Any:
        """Prepare a statement."""
        library = self.answering()
        if isinstance(library, ReplayedMySql):
            return library.stmt_prepare(statement)
        made = self.telling.command(library, library.stmt_prepare, (statement,), {}, c_telling.prepared)
        return WatchedStatement(made, self, library)

    def close(self) -> Any:
        """Close the connection, the real one as well."""
        try:
            self._line.ended()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysqlconnector: closing a connection", error)
        self.through = None
        if self._replayed is not None:
            self._replayed.close()
        return None if self.real is None else self.real.close()


class WatchedStatement:
    """Stands where a prepared statement of the C library would be.

    Args:
        real: that.
        connection: its connection.
        library: the C library's object that prepared it.
    """

    def __init__(self, real: Any, connection: WatchedMySql, library: Any) -> None:
        self._real = real
        self._connection = connection
        self._library = library
        self._replayed: ReplayedStatement | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answering(), name)

    @property
    def converter_str_fallback(self) -> bool:
        """What has no conversion is converted as text."""
        return bool(self._real.converter_str_fallback)

    @converter_str_fallback.setter
    def converter_str_fallback(self, value: bool) -> None:
        self._real.converter_str_fallback = value

    def _answering(self) -> Any:
        try:
            library = self._connection.answering()
            if not isinstance(library, ReplayedMySql):
                return self._real
            if self._replayed is None or self._replayed.connection is not library:
                self._replayed = ReplayedStatement(library, self._real.param_count)
        except Exception as error:
            if replaying():
                raise
            ports.report("mysqlconnector: asking whether this is a replay", error)
            return self._real
        return self._replayed

    def stmt_execute(self, *args: Any, **kwargs: Any) -> Any:
        """Execute it."""
        statement = self._answering()
        if statement is not self._real:
            return statement.stmt_execute(*args, **kwargs)
        kwargs = self._understood(kwargs)
        telling = self._connection.telling
        return telling.command(self._library, statement.stmt_execute, args, kwargs, self._result)

    def _understood(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Without the driver's note of a span for a server that takes no notes (MariaDB).

        The C library takes it for a parameter, and the statement would say something else where it is traced.
        """
        try:
            notes = kwargs.get("query_attrs")
            if notes and not self._library.st_server_capabilities() & _TAKES_NOTES:
                return {**kwargs, "query_attrs": [note for note in notes if note[0] != _NOTE]}
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysqlconnector: a prepared statement", error)
        return kwargs

    def fetch_row(self) -> Any:
        """The next row, ``None`` after the last one."""
        statement = self._answering()
        if statement is not self._real:
            return statement.fetch_row()
        return self._connection.telling.more(self._library, statement.fetch_row, c_telling.prepared_row)

    def free_result(self) -> None:
        """Read no more of its result."""
        statement = self._answering()
        if statement is not self._real or not statement.have_result_set:
            statement.free_result()
        else:
            self._connection.telling.more(self._library, statement.free_result, c_telling.dropped)

    def _result(self, reply: Told, done: Any, library: Any) -> None:
        known = told.facts(library)
        if self._real.have_result_set:
            text = bool(library.use_unicode())
            reply.result(self._real.fetch_fields(), known, text=text, prepared=True)
        else:
            reply.done(known)
