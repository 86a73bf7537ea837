"""Where asyncpg is wrapped, and what passes there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from timetracer_otel import ports
from timetracer_otel.integrations.asyncpg.known import Known
from timetracer_otel.integrations.asyncpg.shared import Shared
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import Statement, no_session, refused
from timetracer_otel.integrations.dbapi.held import COPIED
from timetracer_otel.integrations.dbapi.passing import passing, safely
from timetracer_otel.integrations.dbapi.values import plain, plain_row, weight
from timetracer_otel.messages import Answer, Failure, SqlResult, SqlStatement

FIRST_ROW = "first row"
PIECES = "pieces"
"""What else is known of a reply: that it is what a COPY wrote."""
Reply = tuple[Sequence[Any], Any, dict[str, Any]]
"""Records, a status or ``None``, and what else is known."""


class Asked(Statement, frozen=True):
    """A statement of asyncpg's.

    Attributes:
        known: its connection.
        reply: what a live result says.
        own: what a function of the app's raised that the call was given; that is answered with what
            there was until then.
    """

    known: Known | None = None
    reply: Callable[[Any], Reply] | None = None
    own: Sequence[BaseException] = ()


class AsyncpgIntegration(Shared):
    """Records and answers statements of asyncpg's connections."""

    name: ClassVar[str] = "asyncpg"
    oldest = ("asyncpg>=0.30",)
    system: ClassVar[str] = "postgresql"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.asyncpg",)

    def __init__(self) -> None:
        super().__init__()
        self._servers: dict[tuple[str, Any], str] = {}

    def points(self) -> Sequence[Point]:
        """Connecting, statements, prepared ones, cursors, COPY, listening, codecs."""
        from timetracer_otel.integrations.asyncpg import copying, cursors, listening, prepared, types

        module = "asyncpg.connection"
        return (
            Point("asyncpg.connect_utils", "_connect_addr", self._connect, asynchronous=True),
            Point(module, "Connection.execute", self._execute, asynchronous=True),
            Point(module, "Connection._execute", self._fetch, asynchronous=True),
            Point(module, "Connection._executemany", self._many, asynchronous=True),
            Point(module, "Connection.reset", self._reset, asynchronous=True),
            Point(module, "Connection._reset", self._reset, asynchronous=True, optional=True),
            *prepared.points(self),
            *cursors.points(self),
            *copying.points(self),
            *listening.points(self),
            *types.points(self),
        )

    def faults(self) -> Mapping[str, Answer | Failure]:
        """With asyncpg's own classes; its timeouts are asyncio's."""
        lost = Failure(
            "asyncpg.exceptions.ConnectionDoesNotExistError",
            ["connection was closed in the middle of operation"],
        )
        return {
            "timeout": Failure("TimeoutError"),
            "refused": lost,
            "connection error": lost,
            "reset": lost,
            "disconnected": lost,
            "deadlock": Failure("asyncpg.exceptions.DeadlockDetectedError", ["deadlock detected"]),
        }

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """Everything that asyncpg raises."""
        base = sys.modules["asyncpg.exceptions._base"]
        return base.PostgresMessage, base.InterfaceMessage

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Those, and what asyncpg tells itself while it connects."""
        signal = getattr(sys.modules["asyncpg.connect_utils"], "_NextHostSignal", None)
        own = {} if signal is None else {f"{signal.__module__}.{signal.__qualname__}": signal}
        return {**super().exception_classes(), **own}

    # -- connecting

    def _connect(self, call: Invocation) -> Flow[Any]:
        parameters = call.kwargs.get("params")
        namespace = str(getattr(parameters, "database", "") or "")
        if not self.mocks():
            try:
                return (yield call.proceed)
            except Exception as error:
                self.report_connect(namespace, error)
                raise
        from timetracer_otel.integrations.asyncpg.replayed import NoProtocol, NoTransport

        self.fail_to_connect(namespace)
        protocol = NoProtocol(call.kwargs, links.learned(self, namespace))
        kind, given = call.kwargs["connection_class"], call.kwargs
        return kind(protocol, NoTransport(), given["loop"], given["addr"], given["config"], parameters)

    # -- what is known of a connection

    def known(self, connection: Any) -> Known:
        """What is known of a connection, made when it is first seen."""
        known = self._known.get(connection)
        if known is None:
            link = links.Link(
                self, str(connection._params.database or ""), replayed=is_replayed(connection._protocol)
            )
            known = self._known[connection] = Known(link)
        if not known.link.replayed and not known.link.server:
            known.link.server = self._server(connection, known.link.namespace)
        return known

    def _server(self, connection: Any, namespace: str) -> str:
        settings = connection.get_settings()
        from timetracer_otel.integrations.asyncpg.replayed import SETTINGS

        said = {name: value for name in SETTINGS if isinstance(value := getattr(settings, name, None), str)}
        key = namespace, tuple(said.items())
        written = self._servers.get(key)
        if written is None:
            written = self._servers[key] = links.written("asyncpg", namespace, {"settings": said})
        return written

    def _reset(self, call: Invocation) -> Flow[Any]:
        """A connection goes back to its pool: nobody's call."""
        connection = call.instance
        protocol = connection._protocol
        if not is_replayed(protocol):
            with ports.inside():
                return (yield call.proceed)
        connection._check_open()
        connection._listeners.clear()
        connection._log_listeners.clear()
        connection._top_xact = None
        protocol.in_transaction = False
        return None

    # -- statements

    def _execute(self, call: Invocation) -> Flow[Any]:
        query, *args = call.args

        def load(result: SqlResult) -> Any:
            return result.extra.get("statusmessage")

        flow = self.ask_of(call.instance, call, query, plain(list(args)), load=load, reply=_status)
        with _logged(call.instance, query, tuple(args), call.kwargs.get("timeout")):
            return (yield from flow)

    def _many(self, call: Invocation) -> Flow[Any]:
        query, args = call.args[0], call.args[1]
        sets, again = self.sets_of(call, args, 1)
        rows = call.kwargs.get("return_rows", False)
        kind = call.kwargs.get("record_class")

        def load(result: SqlResult) -> Any:
            return self.rows(call.instance, result, kind) if rows else None

        flow = self.ask_of(
            call.instance, again, query, sets, load=load, reply=_rows if rows else _nothing, many=True
        )
        with _logged(call.instance, query, args, None):
            return (yield from flow)

    def sets_of(self, call: Invocation, args: Any, place: int) -> tuple[Any, Invocation]:
        """The sets of parameters of ``executemany``, and the call with what may be read only once read."""
        if isinstance(args, list | tuple):
            return plain(list(args)), call
        sets: list[Any] = []
        if self.mocks():
            args = [*args]
            sets += plain(args)
        else:  # copied as asyncpg reads them
            args = passing(args, safely(lambda one: sets.append(plain(one)), "asyncpg: reading parameters"))
        given = list(call.args)
        if len(given) > place:
            given[place] = args
            return sets, Invocation(call.wrapped, call.instance, tuple(given), call.kwargs)
        return sets, Invocation(call.wrapped, call.instance, call.args, {**call.kwargs, "args": args})

    def _fetch(self, call: Invocation) -> Flow[Any]:
        query, args, limit = call.args[0], call.args[1], call.args[2] if len(call.args) > 2 else 0
        status = call.kwargs.get("return_status", False)
        kind = call.kwargs.get("record_class")

        def load(result: SqlResult) -> Any:
            rows = self.rows(call.instance, result, kind)
            return (rows, (result.extra.get("statusmessage") or "").encode(), True) if status else rows

        flow = self.ask_of(
            call.instance, call, query, plain(list(args)), load=load, reply=_extra if status else _rows,
            step=FIRST_ROW if call.kwargs.get("limit", limit) == 1 else "",
        )  # fmt: skip
        with _logged(call.instance, query, args, call.args[3] if len(call.args) > 3 else None):
            return (yield from flow)

    def ask_of(
        self,
        connection: Any,
        call: Invocation,
        query: str,
        parameters: Any,
        *,
        load: Callable[[SqlResult], Any],
        reply: Callable[[Any], Reply],
        step: str = "",
        many: bool = False,
        own: Sequence[BaseException] = (),
    ) -> Flow[Any]:
        """The flow of one statement on a connection.

        Args:
            connection: asyncpg's.
            call: what is called.
            query: the statement.
            parameters: plain data.
            load: what the app gets of a recorded result.
            reply: what a live result says.
            step: what is done with the statement, where it is not simply run.
            many: ``parameters`` are sets of them.
            own: see :class:`Asked`.
        """
        if connection.is_closed():
            return (yield call.proceed)
        known = self.known(connection)
        protocol = connection._protocol
        if known.link.replayed:
            if ports.current() is None:
                raise no_session()
            connection._check_open()
        known.begin()
        message = known.link.statement(query, parameters, executemany=many)
        message.step = step
        known.link.wrote = known.link.wrote or (message.writes and not message.controls_transaction)
        asked = self._asked(connection, call, message, load, reply, known, protocol, own)
        return (yield from self.ask(asked))

    def _asked(
        self,
        connection: Any,
        call: Invocation,
        message: SqlStatement,
        load: Callable[[SqlResult], Any],
        reply: Callable[[Any], Reply],
        known: Known,
        protocol: Any,
        own: Sequence[BaseException],
    ) -> Asked:
        from timetracer_otel.integrations.asyncpg.listening import tell

        def loaded(result: SqlResult) -> Any:
            _hold(protocol, result.extra.get("state"))
            if not result.complete:
                raise refused("a result of which not all rows were kept", self.name)
            tell(connection, known, result.extra.get("notices"), message.text)
            return load(result)

        def failed(left: Any) -> None:
            state, notices = left if isinstance(left, list) and len(left) == 2 else (left, None)
            _hold(protocol, state)
            tell(connection, known, notices, message.text)

        return Asked(
            call.wrapped, call.instance, call.args, call.kwargs, message, load=loaded, failed=failed,
            state=lambda: [bool(protocol.is_in_transaction()), list(known.notices)], known=known, reply=reply,
            own=own,
        )  # fmt: skip

    def _report_failure(self, error: BaseException, call: Invocation, exchange: ports.Exchange) -> None:
        own = cast("Asked", call).own
        if own and error is own[0] and isinstance(error, Exception):
            self.observe(None, call, exchange)
        else:
            super()._report_failure(error, call, exchange)

    def answer(self, result: Any, call: Invocation) -> SqlResult:
        """Records, a status, or both."""
        asked = cast("Asked", call)
        assert asked.reply is not None, "of ours"
        assert asked.known is not None, "of ours"
        assert asked.state is not None, "of ours"
        records, status, extra = asked.reply(result)
        state, notices = asked.state()
        answer = SqlResult(extra={"state": state, **extra})
        if notices:
            answer.extra["notices"] = notices
        if status is not None:
            answer.extra["statusmessage"] = status.decode() if isinstance(status, bytes) else status
        port = ports.current()
        room = 0 if port is None else port.body_limit
        for row in records or ():
            if answer.columns is None:
                answer.columns = [[name] for name in row.keys()]  # noqa: SIM118  # a record iterates over values
            kept = plain_row(asked.known.codecs.raw(tuple(row)))
            room -= weight(kept)
            if room < 0:
                answer.complete = False
                break
            answer.rows.append(kept)
        answer.rowcount = len(records) if records else -1
        pieces = answer.extra.pop(PIECES, None)
        if pieces is not None:  # as rows, where masking looks
            answer.columns, answer.rows = [[COPIED]], [[piece] for piece in pieces]
        return answer

    def rows(self, connection: Any, result: SqlResult, kind: Any = None) -> list[Any]:
        """The records of a recorded result."""
        from timetracer_otel.integrations.asyncpg import replayed

        codecs = self.known(connection).codecs
        names = [str(column[0]) for column in result.columns or ()]
        rows = [codecs.restored(row) for row in result.rows]
        protocol = connection._protocol
        return replayed.records(kind or protocol.get_record_class(), names, rows, protocol.record_maker)


def is_replayed(protocol: Any) -> bool:
    """True for the protocol of a replayed connection."""
    module = sys.modules.get("timetracer_otel.integrations.asyncpg.replayed")
    return module is not None and isinstance(protocol, module.NoProtocol)


def raising(error: BaseException) -> Callable[[], Any]:
    """A call that raises this."""

    async def again() -> Any:
        raise error

    return again


def _hold(protocol: Any, state: Any) -> None:
    if is_replayed(protocol):
        protocol.in_transaction = state is True
        protocol.queries_count += 1


def _logged(connection: Any, query: str, args: Any, timeout: Any) -> contextlib.AbstractContextManager[Any]:
    """Asyncpg's own logging of queries, where nothing below does it: in a replay."""
    if not is_replayed(connection._protocol) or not connection._query_loggers:
        return contextlib.nullcontext()
    logged: contextlib.AbstractContextManager[Any] = connection._time_and_log(query, args, timeout)
    return logged


def _status(result: Any) -> Reply:
    return (), result, {}


def _rows(result: Any) -> Reply:
    return result or (), None, {}


def _extra(result: Any) -> Reply:
    return result[0], result[1], {}


def _nothing(_: Any) -> Reply:
    return (), None, {}
