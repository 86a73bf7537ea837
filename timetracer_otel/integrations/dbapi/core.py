"""One core for the integrations of drivers: how a statement is asked, answered and watched.

A driver's connections and cursors are objects of its own classes, or of classes derived from them here, so
that whatever an app does with them works: row factories, pools, C code that looks at types. They say of each
call what it asks (:attr:`Statement.message`), what a live result looks like (:attr:`Statement.watch`) and how
the cursor holds a recorded one (:attr:`Statement.load`); the rest is the same for all drivers.

What a connection asks to set itself up is nobody's call and is not recorded; a connection that could not be
had is one. A commit is a call where something may have been written before it, because it can fail.
"""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from timetracer_otel import ports
from timetracer_otel.errors import MissError, NoSessionError, ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.messages import Answer, Failure, Request, SqlResult, SqlStatement
from timetracer_otel.ports import Exchange, Port

if TYPE_CHECKING:
    from timetracer_otel.integrations.dbapi.pending import Sent

T = TypeVar("T")

STATE = "$state"
"""What a failure left behind: the state of the connection, for :attr:`Statement.failed`."""


OVER = "over"
"""That what was copied is over the limit, in :attr:`SqlResult.extra`."""


class Statement(Invocation, frozen=True):
    """One statement, or another call of a driver.

    Attributes:
        message: what it asks.
        load: hold a recorded result; returns what the app gets.
        watch: report a live result, now or when its rows were fetched; ``None``: see ``answer``.
        state: what is known of the connection after the call, plain data.
        failed: hold the state that a recorded failure left behind.
    """

    message: SqlStatement
    load: Callable[[SqlResult], Any]
    watch: Callable[[Exchange, int], None] | None = None
    state: Callable[[], Any] | None = None
    failed: Callable[[Any], None] | None = None


class DriverIntegration(Integration):
    """Base class of the integrations of database drivers."""

    family: ClassVar[str] = "db"
    system: ClassVar[str]
    """Semconv's ``db.system.name``."""

    def __init__(self) -> None:
        self._asked_to_connect: weakref.WeakKeyDictionary[Port, dict[str, int]] = weakref.WeakKeyDictionary()

    @abstractmethod
    def error_roots(self) -> tuple[type[BaseException], ...]:
        """The classes above everything the driver raises."""

    def fault_class(self, name: str) -> str:
        """The full name of the driver's exception of that name, as it is written down."""
        classes = self.exception_classes()
        found = [full for full in classes if full.rpartition(".")[2] == name]
        return min(found, key=len, default=name)

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What PEP 249 has for it; drivers say it in words of their own."""
        lost = Failure(self.fault_class("OperationalError"), ["server closed the connection unexpectedly"])
        return {
            "timeout": Failure(self.fault_class("OperationalError"), ["timeout expired"]),
            "refused": lost,
            "connection error": lost,
            "reset": lost,
            "disconnected": lost,
            "deadlock": Failure(self.fault_class("OperationalError"), ["deadlock detected"]),
        }

    # -- the three things an integration says

    def request(self, call: Invocation) -> Request:
        """The statement and its parameters."""
        return cast("Statement", call).message

    def answer(self, result: Any, call: Invocation) -> SqlResult:
        """A call without a result of its own: a commit."""
        state = cast("Statement", call).state
        return SqlResult(extra={} if state is None else {"state": state()})

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """Let the cursor hold the recorded result."""
        return cast("Statement", call).load(cast("SqlResult", answer))

    def observe(self, result: Any, call: Invocation, exchange: Exchange) -> Any:
        """Watch the cursor from now on."""
        watch = cast("Statement", call).watch
        try:
            if watch is None:
                answer = self.answer(result, call)
                if not answer.complete:
                    exchange.gap("rows over the limit", f"{len(answer.rows)} rows of a result are kept")
                elif answer.extra.get(OVER) is True:
                    exchange.gap("copied data over the limit", self.request(call).title()[:200])
                exchange.finish(answer)
            else:
                port = ports.current()
                watch(exchange, 0 if port is None else port.body_limit)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading a result", error)
            exchange.finish(None)
        return result

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Everything the driver raises."""
        return failures.classes_below(*self.error_roots())

    def failure(self, error: BaseException, call: Invocation) -> Failure:
        """What the driver raised, and how it left the connection."""
        failure = failures.describe(error)
        state = cast("Statement", call).state
        if state is not None:
            failure.fields[STATE] = state()
        return failure

    def rebuild_failure(self, failure: Failure, call: Invocation) -> BaseException:
        """The driver's own exception."""
        failed = cast("Statement", call).failed
        if failed is not None and STATE in failure.fields:
            failed(failure.fields[STATE])
        return failures.rebuild(failure, self.exception_classes())

    # -- calls

    def mocks(self) -> bool:
        """True where calls are answered from a recording."""
        port = ports.current()
        return port is not None and port.replaying and not port.live(self)

    def ask(self, call: Statement) -> Flow[Any]:
        """The flow of one statement; one about transactions alone cannot miss in a replay."""
        try:
            return (yield from self.exchange(call))
        except MissError:
            if not call.message.controls_transaction:
                raise
            return call.load(SqlResult())

    def commit(self, call: Statement) -> Flow[Any]:
        """The flow of a commit: as :meth:`ask`, ``call.proceed`` not being part of a replay."""
        return (yield from self.ask(call))

    # -- connecting

    def connect_request(self, namespace: str) -> SqlStatement:
        """An attempt to connect, as a message."""
        return SqlStatement(text="CONNECT", parameters=[namespace], system=self.system, namespace=namespace)

    def fail_to_connect(self, namespace: str) -> None:
        """Fail as often as it was recorded. Which attempts failed is not known: the first ones do.

        Attempts for that database count; all of them, where the recording does not know that name.
        """
        port = ports.current()
        assert port is not None
        known = [one for one in port.recorded_requests(self) if isinstance(one, SqlStatement)]
        ours = [one for one in known if one.namespace == namespace] or known
        failed = [one for one in ours if one.text == "CONNECT"]
        counts = self._asked_to_connect.setdefault(port, {})
        asked = counts.get(namespace, 0)
        if asked >= len(failed):
            return
        counts[namespace] = asked + 1
        answer = port.begin(self, failed[asked]).recorded
        if isinstance(answer, Failure):
            raise failures.rebuild(answer, {**self.exception_classes(), **_OF_SOCKETS})

    def report_connect(self, namespace: str, error: BaseException) -> None:
        """A connection that could not be had is a call that failed."""
        try:
            port = ports.current()
            if port is None:
                return
            port.begin(self, self.connect_request(namespace)).finish(failures.describe(error))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading a failure to connect", problem)


class SharedDriver(DriverIntegration):
    """Base class of drivers whose connections, below SQLAlchemy, are at hand for an app as well.

    In a replay SQLAlchemy's integration has one of the driver's made for what it does not answer itself.
    """

    @abstractmethod
    def stand_in(self, namespace: str, dialect: Any, *, asynchronous: bool) -> Any:
        """A replayed connection that nobody connected.

        Args:
            namespace: the database's name.
            dialect: SQLAlchemy's, which may say how the driver adapts values.
            asynchronous: of the driver's asynchronous class.
        """

    @abstractmethod
    def begun(self, connection: Any, *, open_: bool) -> None:
        """SQLAlchemy began a transaction on a connection of :meth:`stand_in`, or ended one."""

    @abstractmethod
    def wrote(self, connection: Any) -> bool:
        """Whether something was written on a connection since this was last asked, but not by SQLAlchemy."""

    @abstractmethod
    def tell_set_up(self, connection: Any, answers: dict[str, Any]) -> None:
        """What an app's hooks asked to set up a connection is part of what it learned of its server."""

    def renew(self, connection: Any, namespace: str) -> bool:
        """Let a connection of :meth:`stand_in` serve another session; false where another must be made."""
        return False

    def taken(self, cursor: Any) -> Any:
        """What the app's own code made of values while a statement was run, for :meth:`sent`."""
        return None

    @abstractmethod
    def sent(self, cursor: Any, rows: Sequence[Any], before: int, taken: Any) -> Sent | None:
        """What the server sent for the values in rows that the app's own code made of it.

        Args:
            cursor: SQLAlchemy's, of this driver.
            rows: what it just fetched.
            before: how many rows of this result were fetched before.
            taken: what :meth:`taken` gave after the statement.
        """

    @abstractmethod
    def reader(self, connection: Any) -> Callable[[Any], Any]:
        """The reverse: what the app's code makes of that, on a connection of :meth:`stand_in`."""


def _socket_errors() -> dict[str, type[BaseException]]:
    import socket

    return exceptions.by_name(socket.gaierror, socket.herror)


_OF_SOCKETS = _socket_errors()


def once(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of ``executemany``, an iterator among them read into a list, which can be read twice."""
    return tuple(list(item) if isinstance(item, Iterator) else item for item in args)


def replaying() -> bool:
    """True in a replay, where what fails of ours is for the app to see."""
    port = ports.current()
    return port is not None and port.replaying


def told(where: str, ask: Callable[[], T], otherwise: T) -> T:
    """What something of ours says that a wrapper asks, before the library's function is called.

    Args:
        where: what is being done, for the report where that fails.
        ask: asks it.
        otherwise: what is taken for the answer then, in a recording.
    """
    try:
        return ask()
    except Exception as error:
        if replaying():
            raise
        ports.report(where, error)
    return otherwise


def noting(where: str, exchange: Exchange, finish: Callable[[], None]) -> None:
    """Report a live call; one that cannot be is a gap.

    Args:
        where: what is being read, for the report where that fails.
        exchange: the call.
        finish: reads what came of it, and tells the exchange.
    """
    try:
        finish()
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report(where, error)
        exchange.finish(None)


def refused(what: str, library: str) -> ReplayError:
    """The error for a call that cannot be answered from a recording."""
    return ReplayError(
        f"{library}: {what} is not recorded and cannot be replayed;"
        f" let {library} go live with TIMETRACER_LIVE_PLUGINS={library}"
    )


def no_session() -> NoSessionError:
    """The error for a replayed connection that is used where nothing replays."""
    return NoSessionError(
        "a database connection of a replay was used outside of it; open a connection of its own there"
    )
