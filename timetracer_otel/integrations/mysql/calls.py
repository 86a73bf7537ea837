"""What the integrations of these drivers have in common: how a call is asked, watched and given back."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError, TimetracerError
from timetracer_otel.integrations.base import Flow, Invocation, Once
from timetracer_otel.integrations.dbapi import failures, links
from timetracer_otel.integrations.dbapi.core import (
    STATE,
    DriverIntegration,
    Statement,
    no_session,
    once,
    refused,
)
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.mysql import questions, replies, through
from timetracer_otel.integrations.mysql.lines import Line, Talk
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, IN_TRANSACTION
from timetracer_otel.messages import Failure, SqlResult, SqlStatement

_ATTRIBUTE = "_timetracer_line"


class Recorded(msgspec.Struct):
    """A recorded result, to be read again by the driver."""

    result: SqlResult


class RecordedFailure(BaseException):
    """A recorded failure, to be met again by the driver."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.type_name)
        self.failure = failure


class MySqlIntegration(DriverIntegration):
    """Base class: a driver says how its connections are plugged in, and where its calls are."""

    system: ClassVar[str] = "mysql"
    asynchronous: ClassVar[bool] = False
    """Its calls are awaited."""

    def __init__(self) -> None:
        super().__init__()
        self._questions = questions.Questions()

    # -- what a driver says of its connections

    @abstractmethod
    def namespace(self, connection: Any) -> str:
        """The database's name."""

    @abstractmethod
    def learned(self, connection: Any) -> dict[str, Any]:
        """What a connection knows of its server, of what :class:`ReplayedServer` tells."""

    @abstractmethod
    def watch(self, connection: Any, line: Line) -> None:
        """Have what passes on a live connection passed on."""

    @abstractmethod
    def watched(self, connection: Any, line: Line) -> Any:
        """What a connection is plugged into, what passes there passed on to a line."""

    @abstractmethod
    def plugged(self, connection: Any) -> Any:
        """What a connection is plugged into: a socket, or two ends of a stream."""

    @abstractmethod
    def plug(self, connection: Any, ends: Any) -> None:
        """Plug it into that."""

    @abstractmethod
    def replayed_ends(self, line: Line) -> Any:
        """What a replayed connection is plugged into."""

    def cancelled(self, connection: Any) -> None:
        """A call on a replayed connection was cancelled as when it was recorded."""

    # -- connections

    def named(self, connection: Any) -> str:
        """As :meth:`namespace`; empty where it cannot be said."""
        try:
            return self.namespace(connection)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: the name of a database", error)
            return ""

    def line_of(self, connection: Any) -> Line:
        """What is known of a connection, made when it is first seen."""
        line: Line | None = vars(connection).get(_ATTRIBUTE)
        if line is None:
            line = Line(self, "")
            vars(connection)[_ATTRIBUTE] = line
            try:
                line.namespace = self.namespace(connection)
                line.server_facts(self.name, self.learned(connection) | self._questions.of(line.namespace))
                self.watch(connection, line)
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report(f"{self.name}: what a connection knows of its server", error)
                line.deaf = line.deaf or "it could not be watched"
        return line

    def known_line(self, connection: Any) -> Line | None:
        """What is known of a connection, where it was seen before."""
        line: Line | None = vars(connection).get(_ATTRIBUTE)
        return line

    def replayed_line(self, connection: Any, namespace: str, open_real: Callable[[], Any]) -> Line:
        """What is known of a connection with nothing behind it."""
        learned = links.learned(self, namespace)
        line = Line(self, namespace, learned=learned, replayed=True, open=open_real)
        vars(connection)[_ATTRIBUTE] = line
        return line

    def forget(self, connection: Any) -> None:
        """It is connected anew."""
        vars(connection).pop(_ATTRIBUTE, None)

    def settle(self, connection: Any, line: Line) -> None:
        """Plug a connection into what this context asks for: its server, or a recording."""
        if line.replayed:
            return
        if self.mocks():
            line.serve().read_out = None
            if line.unplugged is None:
                line.unplugged = self.plugged(connection)
                line.serve().connected()
                self.plug(connection, self.replayed_ends(line))
        elif line.unplugged is not None:
            self._unplug(connection, line)

    def _unplug(self, connection: Any, line: Line) -> None:
        ends, line.unplugged = line.unplugged, None
        line.serve().read_out = None
        self.plug(connection, ends)

    def unsettle(self, connection: Any, line: Line) -> None:
        """Plug a live connection back into its server, once no recorded reply is left to be read."""
        if line.unplugged is None:
            return
        if line.serve().pending:
            line.serve().read_out = functools.partial(self._unplug, connection, line)
        else:
            self._unplug(connection, line)

    def closed(self, connection: Any) -> None:
        """A connection is closed: its own ends, whatever it is plugged into."""
        line = self.known_line(connection)
        if line is None:
            return
        line.ended()
        through.unplug(self, connection, line)
        if line.unplugged is not None:
            self._unplug(connection, line)

    def commits_by_itself(self, connection: Any) -> bool:
        """True where each statement is committed by itself, and nothing is left for a commit."""
        return _commits_by_itself(connection)

    # -- calls

    def converse(
        self, call: Invocation, connection: Any, message: Callable[[Line], SqlStatement]
    ) -> Flow[Any]:
        """The flow of one call."""
        line = self.line_of(connection)
        through.unplug(self, connection, line)
        self.settle(connection, line)
        try:
            return (yield from self._asked(call, connection, line, message))
        finally:
            line.wrote = line.wrote and not self.commits_by_itself(connection)
            self.unsettle(connection, line)

    def _asked(
        self, call: Invocation, connection: Any, line: Line, message: Callable[[Line], SqlStatement]
    ) -> Flow[Any]:
        port = ports.current()
        if port is None:
            if line.replayed:
                raise no_session()
            return (yield call.proceed)
        talk = Talk(port.body_limit, deaf=line.deaf, short=line.short)
        asked = message(line)
        if questions.sets_up(asked.text):
            with ports.inside():
                return (yield call.proceed)
        if questions.is_question(asked.text):
            learned = links.learned(self, line.namespace) if self.mocks() else {}
            known = questions.known_reply(learned, asked.text)
            if known is not None or not self.mocks():
                return (yield from self._about_server(call, connection, line, talk, asked.text, known))
        if asked.writes:
            line.wrote = True

        def watch(exchange: ports.Exchange, limit: int) -> None:
            asked.server = line.server  # more may have been learned meanwhile
            exchange.reading(lambda: replies.read(talk.replies))
            talk.returned(exchange)

        statement = Statement(
            self._live(call, connection, line, talk), call.instance, call.args, call.kwargs, asked,
            load=Recorded, watch=watch, state=talk.state,
        )  # fmt: skip
        failure: Failure | None = None
        try:
            outcome = yield from self.ask(statement)
        except RecordedFailure as recorded:
            failure = recorded.failure
        except asyncio.CancelledError:
            if self.mocks():
                self.cancelled(connection)
            raise
        if failure is not None:
            return (yield from self._fail_again(call, connection, line, failure))
        if isinstance(outcome, Recorded):
            packets = self._written(lambda: self.given(connection, replies.parts_of(outcome.result)))
            with ports.inside(), line.giving(packets or None):
                return (yield call.proceed)
        return outcome

    def _about_server(
        self,
        call: Invocation,
        connection: Any,
        line: Line,
        talk: Talk,
        question: str,
        known: list[replies.Part] | None,
    ) -> Flow[Any]:
        """What Django asks about the server, which is no call: learned, and answered from what was."""
        if known is not None:
            given = self._written(lambda: self.given(connection, known))
            with ports.inside(), line.giving(given):
                return (yield call.proceed)
        with line.speaking(talk), ports.inside():
            outcome = yield call.proceed
        talk.returned(questions.Listening(self._questions, line, self.name, question))
        return outcome

    def _live(self, call: Invocation, connection: Any, line: Line, talk: Talk) -> Callable[..., Any]:
        """The call, its replies watched; on a connection of its own where a replay lets it through."""
        letting = self.mocks()

        def live(*args: Any, **kwargs: Any) -> Any:
            with line.speaking(talk), self.let_through(connection, line, letting=letting):
                return call.wrapped(*args, **kwargs)

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            if letting and line.replayed:
                await line.go_live_awaited()
            with line.speaking(talk), self.let_through(connection, line, letting=letting):
                talk.short = line.short
                return await cast("Awaitable[Any]", call.wrapped(*args, **kwargs))

        return awaited if self.asynchronous else live

    def let_through(self, connection: Any, line: Line, *, letting: bool) -> Any:
        """Where a replay lets a call through: plug the connection into a real one meanwhile."""
        if letting and not line.replayed:
            raise refused("a call that is let through on a connection made before the replay", self.name)
        return through.Through(self, connection, line) if letting else _NOWHERE

    def _fail_again(self, call: Invocation, connection: Any, line: Line, failure: Failure) -> Flow[Any]:
        """Let the driver meet a recorded failure; it is raised in any case."""
        expected = failures.rebuild(failure, self.exception_classes())
        parts = failure.fields.get(STATE)
        below = expected.__cause__ or expected.__context__
        ending = below if isinstance(below, OSError) else expected
        given = self._written(lambda: self.given(connection, parts if isinstance(parts, list) else []))
        met: BaseException | None = None
        try:
            with ports.inside(), line.giving(given, ending):
                yield call.proceed
        except Exception as error:  # noqa: BLE001  # compared with what was recorded
            met = error
        if met is not None and type(met) is type(expected) and met.args == expected.args:
            raise met
        raise expected

    def given(self, connection: Any, parts: list[replies.Part]) -> list[list[Any]]:
        """Recorded results as what the driver reads of each reply: packets."""
        return replies.written(parts)

    def _written(self, write: Callable[[], list[list[Any]]]) -> list[list[Any]]:
        """Recorded replies as the driver reads them.

        Raises:
            ReplayError: no server replies like that.
        """
        try:
            return write()
        except TimetracerError:
            raise
        except Exception as error:
            raise ReplayError(
                f"{self.name}: the recorded answer cannot be given back"
                f" ({type(error).__name__}: {error}); is the cassette damaged?"
            ) from error

    def rebuild_failure(self, failure: Failure, call: Invocation) -> BaseException:
        """A mark: the driver itself raises it, see :meth:`converse`."""
        return RecordedFailure(failure)

    def transaction(self, call: Invocation, connection: Any, text: str) -> Flow[Any]:
        """The flow of a commit, which is a call where something was written, or of a rollback."""
        line = self.line_of(connection)
        wrote, line.wrote = line.wrote, False
        if line.real is not None:
            with ports.inside():
                yield (line.real.commit if text == "COMMIT" else line.real.rollback)
        if text == "COMMIT" and wrote:
            return (yield from self.converse(call, connection, lambda line: line.statement(text)))
        return (yield from self.unasked(call, connection))

    def unasked(self, call: Invocation, connection: Any, place: Any = ports.inside) -> Flow[Any]:
        """The flow of what is nobody's call: settings, the start of a transaction."""
        line = self.line_of(connection)
        through.unplug(self, connection, line)
        self.settle(connection, line)
        try:
            with place():
                return (yield call.proceed)
        finally:
            if self.known_line(connection) is line:
                self.unsettle(connection, line)

    def ping(self, call: Invocation) -> Flow[Any]:
        """As above, and it may connect anew, which is seen as ever."""
        return self.unasked(call, call.instance, contextlib.nullcontext)


def _commits_by_itself(connection: Any) -> bool:
    """True where each statement is committed by itself, and nothing is left for a commit."""
    try:
        if hasattr(connection.__class__, "in_transaction"):  # mysql.connector's
            return bool(connection._autocommit) and not connection.in_transaction
        return bool(connection.server_status & (AUTOCOMMIT | IN_TRANSACTION) == AUTOCOMMIT)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("mysql: asking for a transaction", error)
        return False


_NOWHERE = contextlib.nullcontext()


def statement_of(
    line: Line, args: tuple[Any, ...], kwargs: dict[str, Any], names: tuple[str, ...], *, many: bool = False
) -> SqlStatement:
    """The statement that a cursor's method is given, and its parameters.

    Args:
        line: the connection.
        args: of the method.
        kwargs: likewise.
        names: how it calls the statement, and the parameters.
        many: it is run for each of several sets of parameters.
    """
    given = [*args, *(kwargs.get(name) for name in names[len(args) :])]
    text = given[0]
    if isinstance(text, bytes | bytearray):
        text = bytes(text).decode("utf-8", "replace")
    return line.statement(str(text), plain(given[1]), executemany=many)


def read_once(call: Invocation) -> Once:
    """What a flow yields to get a call of ``executemany`` whose parameters can be read twice."""
    return Once(call, once)
