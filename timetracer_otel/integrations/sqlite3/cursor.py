"""Cursors of sqlite3 that see what passes, and hold recorded results."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import Statement, no_session, once
from timetracer_otel.integrations.dbapi.pending import Pending
from timetracer_otel.integrations.dbapi.values import plain, restore
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.sqlite3.telling import is_telling
from timetracer_otel.messages import Failure, SqlResult

if TYPE_CHECKING:
    from timetracer_otel.integrations.sqlite3.connection import Connection, Link

_ROW_FACTORY: Any = vars(sqlite3.Cursor)["row_factory"]
_ROWCOUNT: Any = vars(sqlite3.Cursor)["rowcount"]
_LASTROWID: Any = vars(sqlite3.Cursor)["lastrowid"]
# An unknown pragma does nothing and has no columns. An empty statement would do, but from Python 3.12 on,
# run a second time while another cursor has rows left, it fails: "another row available".
_NOTHING = "PRAGMA timetracer_nothing"
_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


class _Seen:
    """A row factory that keeps the rows before it hands them to the app's."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.rows: list[Any] = []

    def __call__(self, cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Any:
        self.rows.append(row)
        return self.factory(cursor, row) if self.factory is not None else row


class _Given:
    """A row factory that puts recorded rows in the place of those it is given."""

    def __init__(self, factory: Any, result: SqlResult, end: BaseException | None) -> None:
        self.factory = factory
        self.rows = [tuple(restore(row)) for row in result.rows]
        self.next = 0
        self.end = end

    def __call__(self, cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Any:
        if self.next == len(self.rows):
            raise self.end or StopIteration
        row = self.rows[self.next]
        self.next += 1
        return self.factory(cursor, row) if self.factory is not None else row


class Cursor(sqlite3.Cursor):
    """A cursor whose statements and rows are recorded, or answered from a recording."""

    _timetracer_held: _Seen | _Given | None = None
    _timetracer_pending: Pending | None = None
    _timetracer_result: SqlResult | None = None
    _timetracer_closed = False

    # -- statements

    def execute(self, *args: Any) -> Any:
        """Run one statement."""
        return self._timetracer_run(super().execute, args)

    def executemany(self, *args: Any) -> Any:
        """Run one statement for each set of parameters."""
        return self._timetracer_run(super().executemany, once(args))

    def executescript(self, *args: Any) -> Any:
        """Run several statements."""
        return self._timetracer_run(super().executescript, args)

    def _timetracer_run(self, method: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        port, call = ports.current(), None
        try:
            call = self._timetracer_statement(method, args, port)
        except Exception as error:
            if self._timetracer_strict(port):
                raise
            ports.report("sqlite3: reading a statement", error)
        if call is None:
            return method(*args)
        run(
            call.instance.connection.timetracer_link.integration.ask(call),
            None if self._timetracer_strict(port) else call,
        )
        return self

    def _timetracer_strict(self, port: ports.Port | None) -> bool:
        """True where nothing but a recording may answer."""
        link = getattr(getattr(self, "connection", None), "timetracer_link", None)
        return (port is not None and port.replaying) or getattr(link, "replayed", False)

    def _timetracer_statement(
        self, method: Callable[..., Any], args: tuple[Any, ...], port: ports.Port | None
    ) -> Statement | None:
        """What is asked; ``None``: it is not to be seen, or sqlite3 itself refuses it."""
        connection: Connection | None = getattr(self, "connection", None)
        link: Link | None = getattr(connection, "timetracer_link", None)
        if link is None or connection is None:
            return None
        self.timetracer_finish(complete=False)
        unseen = port is None and not link.replayed
        unfit = not args or not isinstance(args[0], str)
        if unseen or unfit or is_telling() or self._timetracer_closed or not connection.timetracer_usable():
            self._timetracer_let_go()
            return None
        if port is None:
            raise no_session()
        self._timetracer_let_go()
        message = link.statement(
            args[0],
            plain(args[1]) if len(args) > 1 else None,
            executemany=method.__name__ == "executemany",
        )
        if not connection.in_transaction:
            link.wrote = False  # what was written before is kept already
        if message.writes:
            link.wrote = True
        if link.replayed:
            live: Callable[..., Any] = functools.partial(self._timetracer_pass, link, method.__name__)
        else:
            live = method
            factory = _ROW_FACTORY.__get__(self)
            if factory is not None and not link.integration.mocks():
                self._timetracer_hold(_Seen(factory))
        return Statement(
            live, self, args, {}, message,
            load=self._timetracer_load, watch=functools.partial(self._timetracer_watch, link, connection),
            state=connection.timetracer_state, failed=link.hold,
        )  # fmt: skip

    def _timetracer_watch(
        self, link: Link, connection: Connection, exchange: ports.Exchange, limit: int
    ) -> None:
        if link.replayed:
            result = self._timetracer_result or SqlResult()
            exchange.finish(result)
            self._timetracer_load(result)
            return
        pending = Pending.of(self, exchange, limit)
        pending.extra["state"] = connection.timetracer_state()
        if pending.columns is None:
            exchange.finish(pending.result(pending.rowcount, complete=True))
        else:
            self._timetracer_pending = pending

    def timetracer_finish(self, *, complete: bool) -> None:
        """Report the statement before, if it was not yet."""
        try:
            pending, self._timetracer_pending = self._timetracer_pending, None
            if pending is None:
                return
            pending.exchange.finish(pending.result(_ROWCOUNT.__get__(self), complete=complete))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlite3: reading rows", error)

    # -- rows

    def fetchone(self) -> Any:
        """The next row."""
        if self._timetracer_pending is None:
            return super().fetchone()
        row = self._timetracer_fetch(super().fetchone, (), {})
        self._timetracer_keep([] if row is None else [row], last=row is None)
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The next rows."""
        if self._timetracer_pending is None:
            return super().fetchmany(*args, **kwargs)
        wanted = args[0] if args else kwargs.get("size", self.arraysize)
        rows: list[Any] = self._timetracer_fetch(super().fetchmany, args, kwargs)
        self._timetracer_keep(rows, last=not rows or len(rows) < wanted)
        return rows

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        if self._timetracer_pending is None:
            return super().fetchall()
        rows: list[Any] = self._timetracer_fetch(super().fetchall, (), {})
        self._timetracer_keep(rows, last=True)
        return rows

    def __next__(self) -> Any:
        if self._timetracer_pending is None:
            return super().__next__()
        try:
            row = self._timetracer_fetch(super().__next__, (), {})
        except StopIteration:
            self._timetracer_keep((), last=True)
            raise
        self._timetracer_keep([row], last=False)
        return row

    def _timetracer_fetch(self, fetch: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        try:
            return fetch(*args, **kwargs)
        except StopIteration:
            raise
        except BaseException as error:
            pending = self._timetracer_pending
            if pending is not None:
                with contextlib.suppress(Exception):
                    self._timetracer_keep((), last=False)
                    pending.extra["error"] = failures.describe(error).plain()
                self.timetracer_finish(complete=False)
            raise

    def _timetracer_keep(self, rows: Iterable[Any], *, last: bool) -> None:
        try:
            pending, held = self._timetracer_pending, self._timetracer_held
            if pending is None:
                return
            if isinstance(held, _Seen):
                rows, held.rows = held.rows, []
            pending.keep(list(rows))
            if "rowcount_at" not in pending.extra and _ROWCOUNT.__get__(self) != pending.rowcount:
                pending.extra["rowcount_at"] = len(pending.rows)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlite3: reading rows", error)
            if self._timetracer_pending is not None:
                self._timetracer_pending.cut = True
        if last:
            self.timetracer_finish(complete=True)

    # -- a recorded result

    def _timetracer_load(self, result: SqlResult) -> Any:
        """Hold that result, as if its statement had just run."""
        self._timetracer_let_go()
        link: Link = self.connection.timetracer_link  # type: ignore[attr-defined]  # only ours gets here
        link.hold(result.extra.get("state"))
        end: BaseException | None = None
        error = result.extra.get("error")
        if isinstance(error, dict):
            end = failures.rebuild(Failure.from_plain(error), link.integration.exception_classes())
        elif not result.complete:
            end = ReplayError(
                f"the app asks for more than the {len(result.rows)} rows it fetched when this was recorded"
                " (or than were kept); record again"
            )
        given = _Given(None, result, end)
        if result.columns is None:
            super().execute(_NOTHING)
        else:
            names = ", ".join(f"NULL AS {_quoted(str(column[0]))}" for column in result.columns)
            query = f"{_NUMBERS} SELECT {names} FROM n LIMIT ?"  # noqa: S608  # quoted, in an empty database
            super().execute(query, (len(given.rows) + (end is not None),))
            self._timetracer_hold(given)
        self._timetracer_result = result
        return self

    def _timetracer_hold(self, held: _Seen | _Given) -> None:
        held.factory = _ROW_FACTORY.__get__(self)
        self._timetracer_held = held
        _ROW_FACTORY.__set__(self, held)

    def _timetracer_let_go(self) -> None:
        """What was held of the statement before; the app's row factory stays."""
        held, self._timetracer_held = self._timetracer_held, None
        if held is not None:
            _ROW_FACTORY.__set__(self, held.factory)
        self._timetracer_result = None

    def _timetracer_pass(self, link: Link, method: str, *args: Any) -> None:
        """A call that a replay lets through, on the real connection."""
        with contextlib.closing(link.go_live().cursor()) as cursor:
            getattr(cursor, method)(*args)
            passed = Pending.of(cursor, None, sys.maxsize)
            if cursor.description is not None:
                passed.keep([tuple(row) for row in cursor.fetchall()])
            self._timetracer_result = passed.result(cursor.rowcount, complete=True)

    # -- what the cursor says of itself

    @property
    def row_factory(self) -> Any:
        """What makes rows; ``None`` for tuples."""
        held = self._timetracer_held
        return _ROW_FACTORY.__get__(self) if held is None else held.factory

    @row_factory.setter
    def row_factory(self, factory: Any) -> None:
        held = self._timetracer_held
        if held is None:
            _ROW_FACTORY.__set__(self, factory)
        else:
            held.factory = factory

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        result, held = self._timetracer_result, self._timetracer_held
        if result is None:
            own: int = _ROWCOUNT.__get__(self)
            return own
        after = result.extra.get("rowcount_after")
        at = result.extra.get("rowcount_at", len(result.rows))
        if isinstance(after, int) and isinstance(held, _Given) and held.next >= at:
            return after
        return result.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The row id of the last row inserted."""
        result = self._timetracer_result
        own: int | None = _LASTROWID.__get__(self) if result is None else restore(result.lastrowid)
        return own

    def close(self) -> None:
        """Close the cursor."""
        self.timetracer_finish(complete=False)
        super().close()
        self._timetracer_closed = True

    def __del__(self) -> None:
        try:  # not in any call of the app's: what is raised here nobody sees
            self.timetracer_finish(complete=False)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlite3: the end of a cursor", error)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
