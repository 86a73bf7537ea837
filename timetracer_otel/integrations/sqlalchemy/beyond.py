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
from timetracer_otel.integrations.dbapi import links, setting_up
from timetracer_otel.integrations.dbapi.core import SharedDriver, refused
from timetracer_otel.integrations.sqlalchemy import driving
from timetracer_otel.integrations.sqlalchemy.checkout import NAMESPACE, Checkout
from timetracer_otel.integrations.sqlalchemy.drivers import Driver
from timetracer_otel.messages import SqlStatement
from timetracer_otel.ports import Port

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
        facts: what is known, in the session under way, of the recorded connection.
    """

    def __init__(self, driver: Driver, pool: Any, facts: Callable[[], dict[str, Any]]) -> None:
        self._driver = driver
        self._pool = pool
        self._facts = facts
        self._made: Any = None
        self._integration: SharedDriver | None = None
        self._in_use = False
        self._open = False
        self._set_up: list[Callable[[Any], Any]] = []
        self._setting_up = False
        self._answers: dict[str, Any] = {}

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
        if not self._in_use:
            integration, port = below_of(self._driver), ports.current()
            if integration is None or port is None or port.live(integration):
                raise refused(what, "sqlalchemy")
            namespace = str(vars(self._pool).get(NAMESPACE) or "")
            answers = self._facts().get(setting_up.SET_UP)
            known = {**links.set_up(integration), **(answers if isinstance(answers, dict) else {})}
            as_before = not known or known == self._answers
            if self._made is None or not (as_before and integration.renew(self._made, namespace)):
                made = integration.stand_in(namespace, self._pool._dialect, asynchronous=self._asynchronous)
                self._made, self._answers = made, known
                with self._set_up_by(port):
                    for function in self._set_up:
                        function(made)
                integration.wrote(made)
            integration.begun(self._made, open_=self._open)
            self._integration, self._in_use = integration, True
        return self._made

    def connected(self, connection: Any, listeners: Callable[[Any], None]) -> None:
        """Have a new connection set up by the app's listeners; the driver's own keeps what they register.

        Args:
            connection: SQLAlchemy's.
            listeners: calls them.
        """
        if not self._asynchronous:
            self._set_up.append(listeners)
        try:
            self.connection("what a listener asks of a connection")
        except ReplayError:
            self._set_up.clear()
            connection.timetracer_new = True
            try:
                listeners(connection)
            finally:
                connection.timetracer_new = False
            return
        port = ports.current()
        if self._asynchronous and port is not None:
            with self._set_up_by(port):
                listeners(connection)

    @contextlib.contextmanager
    def _set_up_by(self, port: Port) -> Iterator[None]:
        self._setting_up = True
        try:
            with setting_up.standing(setting_up.AsRecorded(port, self._answers)):
                yield
        finally:
            self._setting_up = False

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
        integration, port = below_of(self._driver), ports.current()
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

        def again(made: Any) -> Any:
            return _at_once(function(made))

        self._set_up.append(again)
        return again(self._made) if self._in_use or self._setting_up else None

    def begun(self, *, open_: bool) -> None:
        """SQLAlchemy began a transaction, or ended one."""
        self._open = open_
        if self._in_use and self._integration is not None:
            self._integration.begun(self._made, open_=open_)

    def wrote(self) -> bool:
        """Whether something was written since this was last asked, but not by SQLAlchemy."""
        return self._in_use and self._integration is not None and self._integration.wrote(self._made)

    def reader(self) -> Callable[[Any], Any]:
        """Makes values of what a server sent, by the app's own code that is registered for it."""
        made = self.connection("a value of a class of the app's")
        assert self._integration is not None, "it was just made"
        return self._integration.reader(made)

    def release(self) -> None:
        """The connection goes back to its pool, and keeps what the app registered."""
        self._in_use, self._open = False, False


def below_of(driver: Driver) -> SharedDriver | None:
    """The integration of a driver whose own connections can be replayed; ``None`` where there is none."""
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
    integration = below_of(checkout.driver)
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
    """What a coroutine returns; where nothing can be awaited, of one that waits for nothing."""
    if driving.can_await():
        return driving.awaited(coroutine)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise refused("a coroutine that waits, of the driver's own connection,", "sqlalchemy")
