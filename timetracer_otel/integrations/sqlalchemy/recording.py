"""The app's cursor while calls go out: the driver's own, watched."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import wrapt

from timetracer_otel import ports
from timetracer_otel.integrations.base import Invocation
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import once
from timetracer_otel.integrations.dbapi.pending import Pending, columns_of, number, quiet
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.direct import record
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.sqlalchemy.beyond import CURSORS, below_of
from timetracer_otel.integrations.sqlalchemy.checkout import KEEPS, NEXT, Checkout
from timetracer_otel.integrations.sqlalchemy.drivers import keeps
from timetracer_otel.messages import SqlResult, SqlStatement


class RecordingCursor(wrapt.ObjectProxy):  # type: ignore[type-arg]  # generic for type checkers only
    """Everything passes through to the driver's cursor; what comes back is copied.

    Rows are reported once the app has them all, closes the cursor or runs its next statement.
    """

    def __init__(self, cursor: Any, integration: Any, checkout: Checkout) -> None:
        super().__init__(cursor)
        self._self_integration = integration
        self._self_checkout = checkout
        self._self_context: Callable[[], Any] | None = None
        self._self_pending: Pending | None = None
        self._self_asked: SqlStatement | None = None
        self._self_returned: Any = None

    # -- what integration.request and integration.span read

    @property
    def timetracer_checkout(self) -> Checkout:
        """The connection this cursor belongs to."""
        return self._self_checkout

    @property
    def timetracer_asked(self) -> SqlStatement | None:
        """The statement before."""
        return self._self_asked

    def timetracer_ask(self, asked: SqlStatement) -> None:
        """That is asked next."""
        self._self_asked = asked

    def timetracer_context(self, context: Callable[[], Any]) -> None:
        """SQLAlchemy's execution context, weakly."""
        self._self_context = context

    @property
    def timetracer_span(self) -> Any:
        """The span that SQLAlchemy's instrumentation opened for the statement about to run."""
        context = self._self_context and self._self_context()
        return getattr(context, "_otel_span", None)

    # -- statements

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run one statement."""
        return self._timetracer_run("execute", args, kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        """Run one statement for each set of parameters."""
        return self._timetracer_run("executemany", once(args), kwargs)

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        """Call a procedure."""
        return self._timetracer_run("callproc", args, kwargs)

    def _timetracer_run(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.timetracer_call(getattr(self.__wrapped__, method), args, kwargs)

    def timetracer_call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run a statement by that function of the driver's cursor."""
        self.timetracer_finish(complete=False)
        call, port = Invocation(function, self, args, kwargs), ports.current()
        if port is None or port.replaying:
            result = run(self._self_integration.exchange(call), None if port is not None else call)
        else:
            result = record(self._self_integration, port, call)
        return self if result is self.__wrapped__ else result

    def timetracer_watch(self, exchange: Any, limit: int, returned: Any) -> None:
        """A statement has run, or another step: report it now, or once its rows were fetched."""
        cursor = self.__wrapped__
        pending = Pending.of(cursor, exchange, limit)
        below = below_of(self._self_checkout.driver)
        if below is not None:
            pending.taken = below.taken(cursor)
        if keeps(self._self_checkout.driver, cursor):
            pending.extra[KEEPS] = True
        if self._self_asked is not None and self._self_asked.step:
            pending.extra["returned"] = plain(returned)
            if self._self_asked.step == NEXT and not returned:
                exchange.finish(SqlResult(extra=pending.extra))
                return
        # psycopg2 knows a server-side cursor's columns once the first rows were fetched
        if pending.columns is None and not isinstance(quiet(cursor, "name"), str):
            exchange.finish(pending.result(pending.rowcount, complete=True))
        else:
            self._self_pending = pending

    def timetracer_finish(self, *, complete: bool) -> None:
        """Report the statement before, if it was not yet."""
        try:
            pending, self._self_pending = self._self_pending, None
            if pending is None:
                return
            rowcount = number(quiet(self.__wrapped__, "rowcount", pending.rowcount))
            pending.exchange.finish(pending.result(rowcount, complete=complete))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: reading rows", error)

    # -- rows

    def fetchone(self, *args: Any, **kwargs: Any) -> Any:
        """The next row."""
        row = self._timetracer_fetch(self.__wrapped__.fetchone, args, kwargs)
        self._timetracer_keep([] if row is None else [row], last=row is None)
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:
        """The next rows."""
        rows = self._timetracer_fetch(self.__wrapped__.fetchmany, args, kwargs)
        wanted = args[0] if args else kwargs.get("size", self.__wrapped__.arraysize)
        self._timetracer_keep(rows, last=not rows or (isinstance(wanted, int) and len(rows) < wanted))
        return rows

    def fetchall(self, *args: Any, **kwargs: Any) -> Any:
        """All rows that are left."""
        rows = self._timetracer_fetch(self.__wrapped__.fetchall, args, kwargs)
        self._timetracer_keep(rows, last=True)
        return rows

    def __iter__(self) -> Iterator[Any]:
        return self if hasattr(self.__wrapped__, "__next__") else self._timetracer_rows()

    def __next__(self) -> Any:
        try:
            row = self._timetracer_fetch(self.__wrapped__.__next__, (), {})
        except StopIteration:
            self.timetracer_finish(complete=True)
            raise
        self._timetracer_keep([row], last=False)
        return row

    def _timetracer_rows(self) -> Iterator[Any]:
        rows = iter(self.__wrapped__)
        with contextlib.suppress(StopIteration):
            while True:
                row = self._timetracer_fetch(rows.__next__, (), {})
                self._timetracer_keep([row], last=False)
                yield row
        self.timetracer_finish(complete=True)

    def _timetracer_fetch(
        self, fetch: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            with ports.inside():  # also after the last row: a server-side cursor asks its server again
                return fetch(*args, **kwargs)
        except StopIteration:
            raise
        except BaseException as error:
            pending = self._self_pending
            if pending is not None:
                with contextlib.suppress(Exception):
                    pending.extra["error"] = failures.describe(error).plain()
                self.timetracer_finish(complete=False)
            raise

    def _timetracer_keep(self, rows: Any, *, last: bool) -> None:
        try:
            pending = self._self_pending
            if pending is None:
                return
            if pending.columns is None:
                pending.columns = columns_of(quiet(self.__wrapped__, "description"))
            if rows and not pending.rows and _has_names(rows[0]):
                detail = f"rows of {type(rows[0]).__qualname__} are plain tuples in a replay"
                pending.exchange.gap("rows of a class", detail)
            below = below_of(self._self_checkout.driver) if rows else None
            if below is None:
                pending.keep(rows)
            else:
                pending.keep(rows, below.sent(self.__wrapped__, rows, len(pending.rows), pending.taken))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: reading rows", error)
            if self._self_pending is not None:
                self._self_pending.cut = True
        if last:
            self.timetracer_finish(complete=True)

    def __getattr__(self, name: str) -> Any:
        if name in CURSORS:  # the driver's integration says what is asked; what was asked before is over
            self.timetracer_finish(complete=False)
        return super().__getattr__(name)

    # -- the end

    def nextset(self, *args: Any, **kwargs: Any) -> Any:
        """The next result of the statement: a call of its own, as the one before may be read long before."""
        if self._self_asked is None:
            return self.__wrapped__.nextset(*args, **kwargs)
        before, self._self_pending = self._self_pending, None
        found: Any = None
        try:
            found = self._timetracer_run("nextset", args, kwargs)
        finally:
            after, self._self_pending = self._self_pending, before
            if found:  # else what is there can still be read
                self.timetracer_finish(complete=False)
                self._self_pending = after
        return found

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the cursor."""
        self.timetracer_finish(complete=False)
        with ports.inside():
            return self.__wrapped__.close(*args, **kwargs)

    def __enter__(self) -> Any:
        entered = self.__wrapped__.__enter__()
        return self if entered is self.__wrapped__ else entered

    def __exit__(self, *args: Any) -> Any:
        self.timetracer_finish(complete=False)
        with ports.inside():
            return self.__wrapped__.__exit__(*args)

    def __del__(self) -> None:
        try:  # not in any call of the app's: what is raised here nobody sees
            self.timetracer_finish(complete=False)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: the end of a cursor", error)


def _has_names(row: Any) -> bool:
    """Whether a row of a raw cursor is more than its values, and no dict: ``sqlite3.Row``, a named tuple."""
    return hasattr(row, "_fields") or type(row).__module__ == "sqlite3"
