"""Connections of sqlite3 that see what passes, and answer from a recording."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import msgspec

from timetracer_otel import ports
from timetracer_otel.integrations.base import Invocation
from timetracer_otel.integrations.dbapi.classes import between
from timetracer_otel.integrations.dbapi.core import DriverIntegration, Statement, no_session, refused
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.sqlite3.cursor import Cursor
from timetracer_otel.messages import SqlStatement


class Link(msgspec.Struct, eq=False):
    """What is known of one connection.

    Attributes:
        integration: who asks its calls.
        namespace: the database's file.
        open: makes the real connection that the app asked for, where this is a replayed one.
        replayed: this one is connected to an empty database in memory.
        thread: where it was made.
        wrote: a statement of the current transaction may have changed something.
        in_transaction: as the last recorded statement left it; ``None`` before the first.
        total_changes: likewise.
        real: the real connection, made for calls that a replay lets through.
    """

    integration: DriverIntegration
    namespace: str
    open: Callable[[], sqlite3.Connection] | None = None
    replayed: bool = False
    thread: int = msgspec.field(default_factory=threading.get_ident)
    wrote: bool = False
    in_transaction: bool | None = None
    total_changes: int = 0
    real: sqlite3.Connection | None = None

    def statement(self, text: str, parameters: Any = None, *, executemany: bool = False) -> SqlStatement:
        """A statement on this connection, as a message."""
        return SqlStatement(
            text=text,
            parameters=parameters,
            executemany=executemany,
            system=self.integration.system,
            namespace=self.namespace,
        )

    def hold(self, state: Any) -> None:
        """Hold what was recorded of the connection's state."""
        match state:
            case [bool(in_transaction), int(total_changes)]:
                self.in_transaction, self.total_changes = in_transaction, total_changes

    def go_live(self) -> sqlite3.Connection:
        """The real connection, for a call that a replay lets through."""
        if self.real is None:
            if self.open is None:
                raise no_session()
            self.real = self.open()
        return self.real


_making: ContextVar[Link | None] = ContextVar("timetracer_sqlite3_making", default=None)


@contextlib.contextmanager
def making(link: Link) -> Iterator[None]:
    """The connection made in this block is that one."""
    token = _making.set(link)
    try:
        yield
    finally:
        _making.reset(token)


def being_made() -> bool:
    """True between the app's call of ``connect`` and the making of its connection."""
    return _making.get() is not None


def class_for(factory: Any) -> type[sqlite3.Connection]:
    """The class to make connections of, where the app asks for that one.

    Raises:
        ReplayError: it is no class.
    """
    if factory is None:
        factory = sqlite3.Connection
    if not (isinstance(factory, type) and issubclass(factory, sqlite3.Connection)):
        raise refused("a factory of connections that is no class", "sqlite3")
    kind: type[sqlite3.Connection] = between(factory, Connection)  # type: ignore[arg-type]  # classes are hashable
    return kind


_IN_TRANSACTION: Any = vars(sqlite3.Connection)["in_transaction"]
_TOTAL_CHANGES: Any = vars(sqlite3.Connection)["total_changes"]
_ISOLATION_LEVEL: Any = vars(sqlite3.Connection)["isolation_level"]


class Connection(sqlite3.Connection):
    """A connection whose cursors are watched."""

    timetracer_link: Link | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Connection:
        """Known before ``__init__``, where an app's class may use it."""
        self = super().__new__(cls)
        self.timetracer_link = _making.get()
        _making.set(None)  # connections that its class makes are others
        return self

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A watched cursor, of the class that the app asks for."""
        try:
            kind = self._timetracer_class_of_cursor(*args, **kwargs)
        except Exception as error:
            if self.timetracer_link is not None and self.timetracer_link.replayed:
                raise
            ports.report("sqlite3: a class of cursors", error)
            kind = None
        return super().cursor(*args, **kwargs) if kind is None else super().cursor(kind)

    def _timetracer_class_of_cursor(
        self, factory: Any = sqlite3.Cursor, *others: Any, **unknown: Any
    ) -> type[sqlite3.Cursor] | None:
        """The class to make a cursor of; ``None``: what the app asks for is sqlite3's to judge."""
        link = self.timetracer_link
        if link is None or others or unknown:
            return None
        if isinstance(factory, type) and issubclass(factory, sqlite3.Cursor):
            kind: type[sqlite3.Cursor] = between(factory, Cursor)
            return kind
        if link.replayed and callable(factory):
            raise refused("a factory of cursors that is no class", "sqlite3")
        return None

    # the driver's own shortcuts make a cursor without asking for it

    def execute(self, *args: Any) -> Any:
        """Run one statement on a cursor of its own."""
        return Connection.cursor(self).execute(*args)

    def executemany(self, *args: Any) -> Any:
        """Run one statement for each set of parameters, on a cursor of its own."""
        return Connection.cursor(self).executemany(*args)

    def executescript(self, *args: Any) -> Any:
        """Run several statements on a cursor of their own."""
        return Connection.cursor(self).executescript(*args)

    # -- transactions

    def commit(self) -> None:
        """Commit: a call of its own where something may have been written."""
        self._timetracer_end(super().commit, (), committing=True)

    def rollback(self) -> None:
        """Roll back."""
        self._timetracer_end(super().rollback, (), committing=False)

    def __exit__(self, *args: Any) -> Any:
        return self._timetracer_end(super().__exit__, args, committing=args[:1] == (None,))

    def _timetracer_end(self, end: Callable[..., Any], args: tuple[Any, ...], *, committing: bool) -> Any:
        link, port = self.timetracer_link, ports.current()
        call: Invocation | None = None
        strict = (port is not None and port.replaying) or (link is not None and link.replayed)
        try:
            if link is None or (port is None and not link.replayed) or not self.timetracer_usable():
                link = None
            elif port is None:
                raise no_session()  # noqa: TRY301  # as above
            else:
                call = self._timetracer_ending(link, end, args, committing=committing)
        except Exception as error:
            if strict:
                raise
            ports.report("sqlite3: reading the end of a transaction", error)
        if link is None or call is None:
            return end(*args)
        if isinstance(call, Statement):
            result = run(link.integration.ask(call), None if strict else call)
        else:
            result = call.proceed()
        link.in_transaction = None
        return result

    def _timetracer_ending(
        self, link: Link, end: Callable[..., Any], args: tuple[Any, ...], *, committing: bool
    ) -> Invocation:
        """What ends it: a statement, where that is a call of its own."""
        # a real connection is left alone by a replay
        ended = end if link.replayed or not link.integration.mocks() else _nothing
        wrote, link.wrote = link.wrote and bool(self.in_transaction), False
        live = functools.partial(self._timetracer_both, end) if link.replayed else end
        if not (committing and wrote):
            return Invocation(live if link.replayed else ended, self, args, {})
        state = None if link.replayed else self.timetracer_state
        return Statement(
            live, self, args, {}, link.statement("COMMIT"),
            load=lambda _: ended(*args), state=state, failed=link.hold,
        )  # fmt: skip

    def _timetracer_both(self, end: Callable[..., Any], *args: Any) -> Any:
        self._timetracer_real(end.__name__, args)
        return end(*args)

    def _timetracer_real(self, method: str, args: tuple[Any, ...]) -> None:
        link = self.timetracer_link
        if link is not None and link.real is not None:
            with ports.inside():
                getattr(link.real, method)(*args)

    def close(self) -> None:
        """Close it, and the real one if calls were let through."""
        super().close()
        if self.timetracer_link is not None and self.timetracer_link.replayed:
            self._timetracer_real("close", ())

    # -- state

    def timetracer_usable(self) -> bool:
        """False where sqlite3 itself refuses whatever is asked: closed, or another thread's."""
        link = self.timetracer_link
        try:
            _IN_TRANSACTION.__get__(self)
            if link is not None and link.thread != threading.get_ident():
                super().cursor().close()  # refused where threads are checked
        except sqlite3.Error:
            return False
        return True

    def timetracer_state(self) -> list[Any]:
        """The state after a statement, for a recording."""
        return [_IN_TRANSACTION.__get__(self), _TOTAL_CHANGES.__get__(self)]

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        own: bool = _IN_TRANSACTION.__get__(self)
        link = self.timetracer_link
        return own if link is None or link.in_transaction is None else link.in_transaction

    @property
    def total_changes(self) -> int:
        """How many rows were changed."""
        own: int = _TOTAL_CHANGES.__get__(self)
        link = self.timetracer_link
        return own if link is None or not link.replayed else link.total_changes

    @property
    def isolation_level(self) -> Any:
        """How transactions are opened; ``None`` commits the open one."""
        return _ISOLATION_LEVEL.__get__(self)

    @isolation_level.setter
    def isolation_level(self, level: Any) -> None:
        _ISOLATION_LEVEL.__set__(self, level)
        if level is None and self.timetracer_link is not None:
            self.timetracer_link.in_transaction = None

    # -- what a recording cannot carry

    def _timetracer_local(self, what: str) -> None:
        try:
            link = self.timetracer_link
            refuse = link is not None and (
                link.replayed or (ports.current() is not None and link.integration.mocks())
            )
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlite3: asking whether this is a replay", error)
            refuse = False
        if refuse:
            raise refused(what, "sqlite3")

    def backup(self, *args: Any, **kwargs: Any) -> None:
        """Copy the database; refused in a replay."""
        self._timetracer_local("Connection.backup()")
        target = args[0] if args else kwargs.get("target")
        if isinstance(target, Connection):
            target._timetracer_local("a backup into a replayed connection")
        super().backup(*args, **kwargs)

    def blobopen(self, *args: Any, **kwargs: Any) -> Any:
        """Open a blob; refused in a replay."""
        self._timetracer_local("Connection.blobopen()")
        return super().blobopen(*args, **kwargs)

    def serialize(self, *args: Any, **kwargs: Any) -> bytes:
        """The database as bytes; refused in a replay."""
        self._timetracer_local("Connection.serialize()")
        return super().serialize(*args, **kwargs)

    def deserialize(self, *args: Any, **kwargs: Any) -> None:
        """Replace the database; refused in a replay."""
        self._timetracer_local("Connection.deserialize()")
        super().deserialize(*args, **kwargs)

    if hasattr(sqlite3.Connection, "load_extension"):  # left out of many builds of Python

        def load_extension(self, *args: Any, **kwargs: Any) -> None:
            """Load an extension; refused in a replay."""
            self._timetracer_local("Connection.load_extension()")
            super().load_extension(*args, **kwargs)

    def _timetracer_callback(self, register: Callable[..., None], args: Any, kwargs: Any) -> None:
        """Callbacks see the statements that run: in a replay none does."""
        link = self.timetracer_link
        if link is None or not link.replayed:
            register(*args, **kwargs)

    def set_trace_callback(self, *args: Any, **kwargs: Any) -> None:
        """Trace statements; not called in a replay."""
        self._timetracer_callback(super().set_trace_callback, args, kwargs)

    def set_progress_handler(self, *args: Any, **kwargs: Any) -> None:
        """Watch progress; not called in a replay."""
        self._timetracer_callback(super().set_progress_handler, args, kwargs)

    def set_authorizer(self, *args: Any, **kwargs: Any) -> None:
        """Authorise statements; not called in a replay."""
        self._timetracer_callback(super().set_authorizer, args, kwargs)


def _nothing(*args: Any) -> Any:
    return False if args else None
