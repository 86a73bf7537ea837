"""A connection and its cursors where no database is."""

from __future__ import annotations

import contextlib
import functools
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from timetracer_otel import ports
from timetracer_otel.errors import MissError, NoSessionError, ReplayError
from timetracer_otel.integrations.base import Invocation
from timetracer_otel.integrations.dbapi.core import once, refused
from timetracer_otel.integrations.dbapi.pending import Pending
from timetracer_otel.integrations.dbapi.values import restore, restore_row
from timetracer_otel.integrations.sqlalchemy.beyond import CURSORS, UNRECORDED, Below, by_driver
from timetracer_otel.integrations.sqlalchemy.checkout import KEEPS, NEXT, Checkout
from timetracer_otel.integrations.sqlalchemy.drivers import Driver, keeps
from timetracer_otel.integrations.sqlalchemy.driving import breathe, drive
from timetracer_otel.integrations.sqlalchemy.silent import SilentCursor
from timetracer_otel.messages import Failure, SqlResult, SqlStatement

_SHORTCUTS = frozenset({"execute", "executemany", "executescript"})
"""What connections of some drivers make a cursor for."""


class ReplayConnection:
    """What SQLAlchemy and its listeners need of a driver's connection, doing nothing.

    Its class looks like the driver's, and so do its attributes: what the driver's connection can
    do, this one accepts and ignores. Cursors made here, below SQLAlchemy's pool, belong to pings,
    isolation levels and listeners: nothing that was recorded. The app's cursors are
    :class:`ReplayCursor`.
    """

    def __init__(self, driver: Driver, known: Callable[[], dict[str, Any]], pool: Any = None) -> None:
        facts = known()
        learned = facts.get("learned")
        self._pool = pool
        self._live: Any = None
        self.timetracer_below = Below(driver, pool, known)
        self.timetracer_new = False
        """It was just made, and the app's listeners set it up."""
        self._driver = driver
        self._level: str | None = None
        self._default_level = learned.get("default_isolation_level") if isinstance(learned, dict) else None
        self._connection = _DriverConnection(self)
        # a method in some drivers
        self.autocommit: Any = _ignore if callable(getattr(driver.connection, "autocommit", None)) else False
        self.closed = False
        self.broken = False
        self.isolation_level = "" if driver.name == "pysqlite" else None
        self.notices: list[str] = []
        self.status = 1
        self.info = SimpleNamespace(
            transaction_status=0, dbname=facts.get("namespace") or None, host=None, port=None
        )

    @property  # type: ignore[misc]  # isinstance() asks for it
    def __class__(self) -> type:
        return self._driver.connection or ReplayConnection

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor that no recorded call belongs to, but those that the driver's integration saw."""
        return SilentCursor(self)

    def timetracer_live(self) -> Any:
        """A real connection, for statements that nothing recorded answers and that may pass."""
        if self._live is None:
            if self._pool is None or not ports.is_inside():
                raise _no_way_out()
            self._live = self._pool.connect()
        return self._live

    def timetracer_release(self) -> None:
        """Give the real connection back, where there is one; forget the driver's own."""
        self.timetracer_below.release()
        live, self._live = self._live, None
        if live is not None:
            with ports.inside():
                live.close()

    def commit(self) -> None:
        """Commit what passed, if anything did."""
        if self._live is not None:
            self._live.commit()

    def rollback(self) -> None:
        """Roll back what passed, if anything did."""
        if self._live is not None:
            self._live.rollback()

    def close(self, *args: Any, **kwargs: Any) -> None:
        """Close it."""
        self.closed = True
        self.timetracer_release()

    def tpc_recover(self) -> list[Any]:
        """No prepared transactions."""
        return []

    def isolation(self) -> str:
        """The isolation level in force, as a server says it: it knows nothing of autocommit."""
        level = None if self._level == "AUTOCOMMIT" else self._level
        return level or self._default_level or "READ COMMITTED"

    @property
    def driver_connection(self) -> Any:
        """What an async adapter has below it."""
        return self.timetracer_below.own(self)

    def run_async(self, function: Callable[[Any], Any]) -> Any:
        """Have a coroutine function called with the driver's own connection."""
        return self.timetracer_below.run_async(function)

    def timetracer_begun(self) -> None:
        """A statement was asked: where none commits itself, a transaction is open now."""
        if self._level != "AUTOCOMMIT":
            self.timetracer_below.begun(open_=True)

    def __getattr__(self, name: str) -> Any:
        kind = self._driver.connection
        if name in UNRECORDED and hasattr(kind, name):
            return self.timetracer_below.method(name)
        if name in _SHORTCUTS and hasattr(kind, name):
            return getattr(self.cursor(), name)
        return _like(kind, name)


class _DriverConnection:
    """What async adapters have below them."""

    def __init__(self, owner: ReplayConnection) -> None:
        self._owner = weakref.ref(owner)

    def is_closed(self) -> bool:
        owner = self._owner()
        return owner is None or owner.closed

    def __getattr__(self, name: str) -> Any:
        owner = self._owner()
        if name.startswith("__") or owner is None:
            raise AttributeError(name)
        return getattr(owner.timetracer_below.connection(f"{name} of the driver's own connection"), name)


class ReplayCursor:
    """A cursor whose statements are answered from a recording."""

    def __init__(self, integration: Any, checkout: Checkout, connection: Any, *, server_side: bool) -> None:
        self._integration = integration
        self._context: Callable[[], Any] | None = None
        self._driver_class = checkout.driver.server_cursor if server_side else checkout.driver.cursor
        self._rows: Sequence[Any] = ()
        self._next = 0
        self._end: BaseException | None = None
        self._after: int | None = None
        self._keeps = False
        self._passed: Pending
        self._returned: Any = None
        self._step = ""
        self.timetracer_asked: SqlStatement | None = None
        self.timetracer_checkout = checkout
        self.connection = connection
        self.arraysize = 1
        self.description: list[Any] | None = None
        self.rowcount = -1
        self.lastrowid: Any = None
        self.closed = False

    @property  # type: ignore[misc]  # isinstance() asks for it
    def __class__(self) -> type:
        return self._driver_class or ReplayCursor

    def timetracer_context(self, context: Callable[[], Any]) -> None:
        """SQLAlchemy's execution context, weakly."""
        self._context = context

    @property
    def timetracer_span(self) -> Any:
        """The span that SQLAlchemy's instrumentation opened for the statement about to run."""
        context = self._context and self._context()
        return getattr(context, "_otel_span", None)

    # -- statements

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one statement."""
        return self._run(self._go_live, args, kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one statement with many sets of parameters."""
        return self._run(self._go_live_many, once(args), kwargs)

    def _run(self, live: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if live != self._go_live_next:
            self.timetracer_load(SqlResult())
        call = Invocation(live, self, args, kwargs)
        try:
            result = drive(self._integration.exchange(call))
        except MissError:
            if not self._integration.request(call).controls_transaction:
                raise
            result = self.timetracer_returned()
        if type(self.connection) is ReplayConnection:
            self.connection.timetracer_begun()
        breathe(self.timetracer_checkout.dialect)
        return result

    def _go_live(self, *args: Any, **kwargs: Any) -> Any:
        return self._pass_through("execute", args, kwargs)

    def _go_live_next(self) -> Any:
        raise refused("nextset() of a statement that a replay let through", "sqlalchemy")

    def _go_live_procedure(self, *args: Any, **kwargs: Any) -> Any:
        raise refused("callproc() that a replay lets through", "sqlalchemy")

    def _go_live_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._pass_through("executemany", args, kwargs)

    def _pass_through(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not ports.is_inside():
            raise _no_way_out()
        self.timetracer_checkout.passed = True
        connection = self.connection
        real = connection.timetracer_live() if type(connection) is ReplayConnection else connection
        with contextlib.closing(real.cursor()) as cursor:
            getattr(cursor, method)(*args, **kwargs)
            self._passed = Pending.of(cursor, None, sys.maxsize)
            if keeps(self.timetracer_checkout.driver, cursor):
                self._passed.extra[KEEPS] = True
            if cursor.description is not None:
                self._passed.keep(cursor.fetchall())
        return self.timetracer_returned()

    def timetracer_ask(self, asked: SqlStatement) -> None:
        """That is asked next."""
        self.timetracer_asked, self._step = asked, asked.step

    def timetracer_watch(self, exchange: Any, limit: int, returned: Any) -> None:
        """A statement has passed: report its result, and hold it."""
        result = self._passed.result(self._passed.rowcount, complete=True)
        exchange.finish(result)
        self.timetracer_load(result)

    def timetracer_load(self, result: SqlResult) -> None:
        """Hold that result, as if its statement had just run."""
        self._returned = restore(result.extra.get("returned"))
        if self._step == NEXT and not self._returned:
            return  # there was no other: the last one stays
        driver = self.timetracer_checkout.driver
        self.description = None if result.columns is None else driver.description(restore(result.columns))
        names = [str(column[0]) for column in self.description or ()]
        reader = functools.cache(self._reader)
        self._rows = [driver.row(names, restore_row(row, reader)) for row in result.rows]
        self._next = 0
        self._end = None
        self._after = result.extra.get("rowcount_after")
        self._keeps = result.extra.get(KEEPS) is True
        self.rowcount = result.rowcount
        self.lastrowid = restore(result.lastrowid)
        self.statusmessage = result.extra.get("statusmessage")
        error = result.extra.get("error")
        if isinstance(error, dict):
            failure = Failure.from_plain(error)
            self._end = self._integration.rebuild_failure(failure, Invocation(self._run, self, (), {}))
        elif not result.complete:
            self._end = ReplayError(
                f"the app asks for more than the {len(self._rows)} rows it fetched when this was recorded"
                " (or than were kept); record again"
            )

    def _reader(self) -> Callable[[Any], Any]:
        if type(self.connection) is not ReplayConnection:
            raise refused(
                "a value of a class of the app's, on a connection from before the replay,", "sqlalchemy"
            )
        return self.connection.timetracer_below.reader()

    def timetracer_returned(self) -> Any:
        """What the driver's ``execute`` returns, or another step."""
        if self._step:
            return self._returned
        result = self.timetracer_checkout.driver.result
        return self if result == "cursor" else self.rowcount if result == "rowcount" else None

    # -- rows

    def fetchone(self) -> Any:
        """The next row."""
        rows = self._take(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> Any:
        """The next rows."""
        return self._all(self._take(self.arraysize if size is None else size))

    def fetchall(self) -> Any:
        """All rows that are left."""
        return self._all(self._take(None))

    def _all(self, rows: list[Any]) -> Any:
        driver = self.timetracer_checkout.driver
        return tuple(rows) if driver.tuples and self._driver_class is driver.cursor else rows

    def _take(self, count: int | None) -> list[Any]:
        end = len(self._rows) if count is None else self._next + count
        rows = list(self._rows[self._next : end])
        if self._end is not None and (count is None or len(rows) < count):
            raise self._end
        self._next += len(rows)
        if self._after is not None and (count is None or len(rows) < count):
            self.rowcount = self._after
        return rows

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        rows = self._take(1)
        if not rows:
            raise StopIteration
        return rows[0]

    # -- the end

    def close(self, *args: Any, **kwargs: Any) -> bool | None:
        """Close the cursor."""
        driver, known = self.timetracer_checkout.driver, self.closed
        self.closed = True
        if driver.forgets and not self._keeps:
            self.rowcount, self.description = -1, None
        return not known if driver.closes else None

    async def _async_soft_close(self) -> None:
        """Close the cursor, its rows still to be read."""

    def nextset(self) -> Any:
        """The next result of the statement."""
        if self.timetracer_asked is None:
            return None
        return self._run(self._go_live_next, (), {})

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        """Call a procedure."""
        return self._run(self._go_live_procedure, args, kwargs)

    def setinputsizes(self, *sizes: Any) -> None:
        """Nothing depends on it."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in CURSORS and hasattr(self._driver_class, name):
            return functools.partial(by_driver, self, self.connection.timetracer_below, name)
        return _like(self._driver_class, name)


def _like(kind: type | None, name: str) -> Any:
    """An attribute that does nothing, where the driver's class has one of that name."""
    if name.startswith("__") or (kind is None and name.startswith("_")):
        raise AttributeError(name)
    if kind is None:
        return functools.partial(_refuse, f"{name}()") if name in UNRECORDED else _ignore
    if not hasattr(kind, name):
        raise AttributeError(f"a {kind.__name__} has no {name!r}, nor has it in a replay")
    if name in UNRECORDED:
        return functools.partial(_refuse, f"{kind.__name__}.{name}()")
    return _ignore if callable(getattr(kind, name)) else None


def _ignore(*args: Any, **kwargs: Any) -> None:
    return None


def _refuse(what: str, *args: Any, **kwargs: Any) -> Any:
    raise refused(what, "sqlalchemy")


def _no_way_out() -> ReplayError:
    if ports.current() is None:
        return NoSessionError(
            "a database connection of a replay was used outside of it; open a connection of its own there"
        )
    return ReplayError("a replayed database connection has no pool to take a real one from; record again")
