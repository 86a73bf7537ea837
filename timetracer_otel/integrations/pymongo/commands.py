"""Commands: each as it is sent, and the reply as it is received.

The two are calls of the library's of their own, on one connection, which keeps meanwhile what is awaited.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from timetracer_otel import ports
from timetracer_otel.errors import CodecError, ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.flows import run, run_async
from timetracer_otel.integrations.pymongo import exhaust, functions, servers, spans
from timetracer_otel.integrations.pymongo.arguments import argument
from timetracer_otel.messages import Answer, Failure, MongoCommand, MongoReply
from timetracer_otel.messages import mongodb as wire

if TYPE_CHECKING:
    from timetracer_otel.integrations.pymongo.integration import PyMongoIntegration
    from timetracer_otel.integrations.pymongo.topologies import Topologies

_PENDING: Final = "_timetracer_pending"
_CANNOT_GO_OUT: Final = (
    "pymongo: no recorded command answers this one, and there is no connection to send it by;"
    " let pymongo go live with TIMETRACER_LIVE_PLUGINS=pymongo"
)
_NOT_RECORDED: Final = frozenset({"endSessions"})
"""Which sessions a client has to end when it closes depends on every request it served."""


class Commands:
    """What is done around sending and receiving.

    Args:
        integration: whose calls they are.
        topologies: knows the servers.
    """

    def __init__(self, integration: PyMongoIntegration, topologies: Topologies) -> None:
        self._integration = integration
        self._topologies = topologies

    def points(self, package: str, prefix: str, *, asynchronous: bool) -> Sequence[Point]:
        """Where messages are sent and received.

        Args:
            package: where the client's modules are.
            prefix: what the names of their classes begin with.
            asynchronous: their functions are awaited.
        """
        module, receiving = f"{package}.pool", self._receiving(asynchronous=asynchronous)
        return (
            Point(module, f"{prefix}Connection.send_message", self._send, asynchronous),
            Point(module, f"{prefix}Connection.receive_message", wrapper=receiving),
            *functions.points(package, self._send, receiving, asynchronous=asynchronous),
        )

    def _send(self, call: Invocation) -> Flow[Any]:
        """A message goes out. Its answer is received by another call, on the same connection."""
        connection = call.instance
        port = ports.current()
        if port is None:
            return (yield call.proceed)
        replaying = port.replaying and not port.live(self._integration)
        if _watches(connection) or not connection.ready:
            if not replaying:
                return (yield call.proceed)
            vars(connection)[_PENDING] = MongoReply(self._topologies.hello(connection.address))
            return None
        try:
            message = message_of(call)
            request = MongoCommand(message.body, servers.describe(connection))
            name, answered = request.name, message.answered
        except Exception as error:
            if replaying:
                raise ReplayError(
                    f"pymongo: this message cannot be read, so it is not answered: {error}"
                ) from error
            ports.report("pymongo: reading a request", error)
            return (yield call.proceed)
        if name in _NOT_RECORDED:
            if not replaying:
                return (yield call.proceed)
            vars(connection)[_PENDING] = MongoReply({"ok": 1.0})
            return None
        exhaust.take(connection)
        exchange = port.begin(self._integration, request, spans.take(message.request_id))
        if exchange.recorded is not None:
            if seconds := ports.delay_of(exchange):
                yield self._integration.pause(seconds)
            yield from self._keep(connection, request, exchange.recorded, answered=answered, call=call)
            return None
        if replaying:
            raise ReplayError(_CANNOT_GO_OUT)
        exchange.__enter__()
        try:
            yield call.proceed
        except BaseException as error:
            exchange.__exit__(type(error), error, error.__traceback__)
            self._integration._report_failure(error, call, exchange)
            raise
        if answered:
            vars(connection)[_PENDING] = (exchange, request)
        else:
            exchange.__exit__(None, None, None)
            exchange.finish(MongoReply(None))
        return None

    def _keep(
        self,
        connection: Any,
        request: MongoCommand,
        recorded: Answer | Failure,
        *,
        answered: bool,
        call: Invocation,
    ) -> Flow[None]:
        """Raise what was raised when recording, else have the reply ready."""
        if isinstance(recorded, Failure):
            if recorded.type_name in exceptions.CANCELLED:
                yield functools.partial(exceptions.wait_for_cancellation, request.title())
            raise self._integration.rebuild_failure(recorded, call)
        reply = cast("MongoReply", recorded)
        exhaust.note(connection, request, reply)
        if answered:
            vars(connection)[_PENDING] = reply

    def _receiving(self, *, asynchronous: bool) -> Callable[..., Any]:
        drive: Callable[[Flow[Any], Invocation | None], Any] = run_async if asynchronous else run

        def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            # a call under way is inside of what is seen, so there is no port
            pending, port = vars(instance).get(_PENDING), ports.current()
            if pending is None and port is None:
                return wrapped(*args, **kwargs)
            call = Invocation(wrapped, instance, args, kwargs)
            strict = isinstance(pending, MongoReply) or (port is not None and port.replaying)
            return drive(self._receive(call), None if strict else call)

        return wrapper

    def _receive(self, call: Invocation) -> Flow[Any]:
        """A message comes in: what the last one sent is answered by, or one more of an exhaust cursor."""
        connection = call.instance
        pending = vars(connection).pop(_PENDING, None)
        if pending is None:
            return (yield from self._receive_more(call))
        if isinstance(pending, MongoReply):
            return self._integration.rebuild(pending, call)
        exchange, request = pending
        try:
            return (yield from self._received(call, exchange, request))
        finally:
            exchange.__exit__(None, None, None)  # whatever fails: this context must record again

    def _received(self, call: Invocation, exchange: ports.Exchange, request: MongoCommand) -> Flow[Any]:
        try:
            result = yield call.proceed
        except BaseException as error:
            exchange.__exit__(type(error), error, error.__traceback__)
            self._integration._report_failure(error, call, exchange)
            raise
        exchange.__exit__(None, None, None)
        try:
            reply = self._integration.answer(result, call)
            exhaust.note(call.instance, request, reply)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("pymongo: reading a reply", error)
            exchange.gap("unreadable answer", f"{type(error).__name__}: {error}")
            exchange.finish(None)
        else:
            exchange.finish(reply)
        return result

    def _receive_more(self, call: Invocation) -> Flow[Any]:
        port = ports.current()
        request = exhaust.take(call.instance)
        if port is None or (request is None and not (port.replaying and not port.live(self._integration))):
            return (yield call.proceed)
        if request is None:
            raise ReplayError("pymongo: a message is awaited that nothing recorded asked for")
        exchange = port.begin(self._integration, request, None)
        if exchange.recorded is not None:
            yield from self._keep(call.instance, request, exchange.recorded, answered=True, call=call)
            return self._integration.rebuild(vars(call.instance).pop(_PENDING), call)
        exchange.__enter__()
        try:
            return (yield from self._received(call, exchange, request))
        finally:
            exchange.__exit__(None, None, None)


def _watches(connection: Any) -> bool:
    """True for a monitor's connection."""
    # up to 4.12 it knows only that nothing is told of it
    known: bool | None = getattr(connection, "is_sdam", None)
    return not connection.enabled_for_logging if known is None else known


def message_of(call: Invocation) -> wire.Message:
    """What is sent, decompressed.

    Raises:
        CodecError: it is no ``OP_MSG``.
    """
    message = wire.message(argument(call, 0, "message"))
    if message.op_code == wire.OP_COMPRESSED:
        op_code, compressor, data = wire.compressed(message.body)
        body = sys.modules["pymongo.compression_support"].decompress(data, compressor)
        message = wire.Message(op_code, message.request_id, bytes(body))
    if message.op_code != wire.OP_MSG:
        raise CodecError(f"operation {message.op_code} is not OP_MSG")
    return message
