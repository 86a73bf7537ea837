"""What drivers have beyond statements, on a connection below SQLAlchemy: COPY, streams, their own connection.

The driver's integration records and answers it, as it does where the driver is used alone. In a replay it
makes the driver's own connection for that, when it is first asked for.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.dbapi.core import SharedDriver, refused
from timetracer_otel.integrations.sqlalchemy.checkout import NAMESPACE, Checkout
from timetracer_otel.integrations.sqlalchemy.drivers import Driver
from timetracer_otel.messages import SqlStatement

CURSORS = frozenset({"copy", "copy_expert", "copy_from", "copy_to", "stream"})
"""What cursors have, and the drivers' integrations record."""
UNRECORDED = CURSORS | {
    *("backup", "blobopen", "iterdump", "lobject", "notifies", "pipeline", "scroll", "serialize"),
    "transaction",
}
"""All that is not simply ignored in a replay."""


class Below:
    """The driver's own connection below a replayed one of SQLAlchemy's.

    Args:
        driver: which it is.
        pool: the app's pool.
    """

    def __init__(self, driver: Driver, pool: Any) -> None:
        self._driver = driver
        self._pool = pool
        self._made: Any = None
        self._integration: SharedDriver | None = None
        self._open = False
        self._set_up: list[Callable[[Any], Any]] = []

    @property
    def _asynchronous(self) -> bool:
        return bool(getattr(getattr(self._pool, "_dialect", None), "is_async", False))

    def connection(self, what: str) -> Any:
        """The driver's connection.

        Args:
            what: is asked of it, for the error.

        Raises:
            ReplayError: no integration of that driver replays one.
        """
        if self._made is None:
            integration, port = _below(self._driver), ports.current()
            if integration is None or port is None or port.live(integration):
                raise refused(what, "sqlalchemy")
            dialect, namespace = self._pool._dialect, vars(self._pool).get(NAMESPACE) or ""
            made = integration.stand_in(str(namespace), dialect, asynchronous=self._asynchronous)
            integration.begun(made, open_=self._open)
            self._made, self._integration = made, integration
            for function in self._set_up:
                _at_once(function(made))
        return self._made

    def own(self, connection: Any) -> Any:
        """What ``driver_connection`` is: of a driver that is not asynchronous, the connection itself."""
        if self._asynchronous:
            return self.connection("the driver's own connection")
        try:
            return self.connection("the driver's own connection")
        except ReplayError:
            return connection

    def asked(self, statement: str) -> Any:
        """The driver's connection, where a statement on it is what was recorded; else ``None``."""
        integration, port = _below(self._driver), ports.current()
        if integration is None or port is None or port.live(integration):
            return None
        waiting = port.pending_requests(integration)
        if any(isinstance(one, SqlStatement) and one.text == statement for one in waiting):
            return self.connection("the driver's own connection")
        return None

    def method(self, name: str) -> Any:
        """A method of the driver's connection."""
        return getattr(self.connection(f"{name}()"), name)

    def run_async(self, function: Callable[[Any], Any]) -> Any:
        """Call a coroutine function with the driver's connection, now and with any that is made later."""
        self._set_up.append(function)
        return None if self._made is None else _at_once(function(self._made))

    def begun(self, *, open_: bool) -> None:
        """SQLAlchemy began a transaction, or ended one."""
        self._open = open_
        if self._made is not None and self._integration is not None:
            self._integration.begun(self._made, open_=open_)

    def wrote(self) -> bool:
        """Whether something was written since this was last asked, but not by SQLAlchemy."""
        return (
            self._made is not None and self._integration is not None and self._integration.wrote(self._made)
        )

    def release(self) -> None:
        """The connection goes back to its pool."""
        self._made, self._integration, self._open = None, None, False


def _below(driver: Driver) -> SharedDriver | None:
    found = wrapping.find(driver.name)
    return found if isinstance(found, SharedDriver) else None


def wrote(checkout: Checkout, connection: Any) -> bool:
    """Whether something was written since this was last asked, but not by SQLAlchemy.

    Args:
        checkout: what is known of the connection.
        connection: the one below the pool, replayed or not.
    """
    below = getattr(connection, "timetracer_below", None)
    if isinstance(below, Below):
        return below.wrote()
    integration = _below(checkout.driver)
    own = getattr(connection, "_connection", None) if checkout.dialect.is_async else connection
    return integration is not None and own is not None and integration.wrote(own)


def by_driver(cursor: Any, below: Below, name: str, *args: Any, **kwargs: Any) -> Any:
    """A method that only the driver's cursor has, of a replayed one.

    Args:
        cursor: SQLAlchemy's replayed cursor.
        below: the driver's connection.
        name: the method.
        args: its arguments.
        kwargs: likewise.
    """
    own = below.connection(f"{name}()").cursor()

    told = functools.partial(tell, cursor, own)
    try:
        result = getattr(own, name)(*args, **kwargs)
    finally:
        told()
    if isinstance(result, contextlib.AbstractContextManager):
        return _then(result, told)
    return _rows(result, told) if inspect.isgenerator(result) else result


def tell(cursor: Any, own: Any) -> None:
    """Let a replayed cursor say what the driver's own says of its last statement."""
    for attribute in ("rowcount", "description", "statusmessage"):
        setattr(cursor, attribute, getattr(own, attribute, None))


@contextlib.contextmanager
def _then(block: contextlib.AbstractContextManager[Any], tell: Callable[[], None]) -> Iterator[Any]:
    try:
        with block as entered:
            yield entered
    finally:
        tell()


def _rows(rows: Iterator[Any], tell: Callable[[], None]) -> Iterator[Any]:
    with contextlib.closing(rows):  # type: ignore[type-var]  # a generator
        for row in rows:
            tell()
            yield row
    tell()


def _at_once(coroutine: Any) -> Any:
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise refused("a coroutine that waits, of the driver's own connection,", "sqlalchemy")
