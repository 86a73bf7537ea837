"""PyMongo: each command as it is sent, and the reply as it is received.

Above that are all methods, cursors, sessions, retries and codecs, which go on as ever: in a replay
they get the bytes that the server sent. Below are pools, handshakes, authentication and monitors: traffic
of theirs belongs to no request, and in a replay there is none.
"""

from __future__ import annotations

import functools
import socket
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import CodecError, ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point, run, run_async
from timetracer_otel.integrations.pymongo import exhaust, objectids, servers, spans
from timetracer_otel.messages import Answer, Failure, MongoCommand, MongoReply, Request, bson
from timetracer_otel.messages import mongodb as wire

_PENDING: Final = "_timetracer_pending"
_CANNOT_GO_OUT: Final = (
    "pymongo: no recorded command answers this one, and there is no connection to send it by;"
    " let pymongo go live with TIMETRACER_LIVE_PLUGINS=pymongo"
)
_NOT_RECORDED: Final = frozenset({"endSessions"})
"""Which sessions a client has to end when it closes depends on every request it served."""

_ON_TOPOLOGY: Final = (
    "open", "select_servers", "select_server", "select_server_by_address", "get_primary",
    "get_secondaries", "get_arbiters",
)  # fmt: skip
_OFF_TOPOLOGY: Final = ("handle_error", "receive_cluster_time", "update_pool", "request_check_all")


class PyMongoIntegration(Integration):
    """Records and answers what clients send, synchronous and asynchronous."""

    name: ClassVar[str] = "pymongo"
    oldest = ("pymongo>=4.18",)
    family: ClassVar[str] = "mongodb"
    scopes: ClassVar[tuple[str, ...]] = (spans.MODULE,)

    def __init__(self) -> None:
        self._hellos: dict[servers.Address, dict[str, Any]] = {}
        """What servers answer when a connection to them is made in a replay."""
        self._recorded: weakref.WeakKeyDictionary[ports.Port, _Facts] = weakref.WeakKeyDictionary()

    def points(self) -> Sequence[Point]:
        """Where messages are sent and received, and where a client finds and reaches its servers."""
        found = [
            Point("bson.objectid", "ObjectId.__init__", replacement=objectids.drawing),
            Point(spans.MODULE, "CommandTracer.started", wrapper=spans.keep),
        ]
        for asynchronous in (False, True):
            package = "pymongo.asynchronous" if asynchronous else "pymongo.synchronous"
            prefix = "Async" if asynchronous else ""
            handlers = {
                "send_message": self._send,
                "authenticate": self._authenticate,
            }
            found += [
                Point(f"{package}.pool", f"{prefix}Connection.{name}", handler, asynchronous)
                for name, handler in handlers.items()
            ]
            found.append(
                Point(
                    f"{package}.pool",
                    f"{prefix}Connection.receive_message",
                    wrapper=self._receiving(asynchronous=asynchronous),
                )
            )
            connect = "_configured_protocol_interface" if asynchronous else "_configured_socket_interface"
            found.append(
                Point(f"{package}.pool", connect, self._connecting(asynchronous=asynchronous), asynchronous)
            )
            client = f"{package}.mongo_client", f"{prefix}MongoClient._process_kill_cursors"
            found.append(Point(*client, self._drop_cursors, asynchronous))
            found += [
                Point(f"{package}.topology", f"Topology.{name}", self._on_stand_in(name), asynchronous)
                for name in _ON_TOPOLOGY
            ]
            found += [
                Point(f"{package}.topology", f"Topology.{name}", self._leave_out, asynchronous)
                for name in _OFF_TOPOLOGY
            ]
            found.append(
                Point("pymongo.periodic_executor", f"{prefix}PeriodicExecutor.open", self._background)
            )
        return found

    # messages

    def request(self, call: Invocation) -> Request:
        """The command in the message that is sent."""
        return MongoCommand(_message(call).body, servers.describe(call.instance))

    def answer(self, result: Any, call: Invocation) -> MongoReply:
        """The document in the message that was received."""
        return MongoReply(bytes(result.payload_document), bool(result.more_to_come))

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The message as it was received.

        Raises:
            ReplayError: the recorded document cannot be sent.
        """
        reply = cast("MongoReply", answer)
        try:
            data = bson.encode(reply.document or {})
        except CodecError as error:
            raise ReplayError(f"pymongo: the recorded reply cannot be given: {error}") from error
        kind = sys.modules["pymongo.message"]._OpMsg
        return kind(kind.MORE_TO_COME if reply.more_to_come else 0, data)

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What a connection raises; the driver may try again, and says that there is no server."""
        lost = Failure("pymongo.errors.AutoReconnect", ["mongodb:27017: connection closed"])
        refused = Failure("pymongo.errors.AutoReconnect", ["mongodb:27017: [Errno 111] Connection refused"])
        return {
            "timeout": Failure("pymongo.errors.NetworkTimeout", ["mongodb:27017: timed out"]),
            "refused": refused,
            "connection error": refused,
            "reset": lost,
            "disconnected": lost,
        }

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """What PyMongo raises, and what is below it."""
        return exceptions.module_exceptions(sys.modules["pymongo.errors"]) | _SOCKET_ERRORS

    def _send(self, call: Invocation) -> Flow[Any]:
        """A message goes out. Its answer is received by another call, on the same connection."""
        connection = call.instance
        port = ports.current()
        if port is None:
            return (yield call.proceed)
        replaying = port.replaying and not port.live(self)
        if connection.is_sdam or not connection.ready:
            if not replaying:
                return (yield call.proceed)
            vars(connection)[_PENDING] = MongoReply(self._hello(connection.address))
            return None
        try:
            message = _message(call)
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
        exchange = port.begin(self, request, spans.take(message.request_id))
        if exchange.recorded is not None:
            if seconds := ports.delay_of(exchange):
                yield self.pause(seconds)
            yield from self._keep(connection, request, exchange.recorded, answered=answered, call=call)
            return None
        if replaying:
            raise ReplayError(_CANNOT_GO_OUT)
        exchange.__enter__()
        try:
            yield call.proceed
        except BaseException as error:
            exchange.__exit__(type(error), error, error.__traceback__)
            self._report_failure(error, call, exchange)
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
            raise self.rebuild_failure(recorded, call)
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
            return self.rebuild(pending, call)
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
            self._report_failure(error, call, exchange)
            raise
        exchange.__exit__(None, None, None)
        try:
            reply = self.answer(result, call)
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
        if port is None or (request is None and not (port.replaying and not port.live(self))):
            return (yield call.proceed)
        if request is None:
            raise ReplayError("pymongo: a message is awaited that nothing recorded asked for")
        exchange = port.begin(self, request, None)
        if exchange.recorded is not None:
            yield from self._keep(call.instance, request, exchange.recorded, answered=True, call=call)
            return self.rebuild(vars(call.instance).pop(_PENDING), call)
        exchange.__enter__()
        try:
            return (yield from self._received(call, exchange, request))
        finally:
            exchange.__exit__(None, None, None)

    # servers

    def _hello(self, address: servers.Address) -> dict[str, Any]:
        return self._hellos.get(address) or next(iter(servers.hellos({}, [address], None).values()))

    def _goes_out(self) -> bool:
        port = ports.current()
        return port is None or port.live(self)

    def _leave_out(self, call: Invocation) -> Flow[Any]:
        """What concerns connections is not done in a replay."""
        return (yield call.proceed) if self._goes_out() else None

    def _drop_cursors(self, call: Invocation) -> Flow[Any]:
        """Cursors that were garbage are closed at some later time: by a thread, or with the client."""
        if not self._goes_out():
            call.instance._kill_cursors_queue.clear()
        return (yield from self._background(call))

    def _background(self, call: Invocation) -> Flow[Any]:
        """Monitors and the like: they belong to no request; in a replay there are none."""
        if not self._goes_out():
            return None
        with ports.inside():  # a task starts with the context of who starts it
            return (yield call.proceed)

    def _authenticate(self, call: Invocation) -> Flow[Any]:
        if self._goes_out():
            return (yield call.proceed)
        call.instance.ready = True
        return None

    def _connecting(self, *, asynchronous: bool) -> Callable[[Invocation], Flow[Any]]:
        kind = servers.AsyncSocket if asynchronous else servers.Socket

        def connect(call: Invocation) -> Flow[Any]:
            if self._goes_out():
                with ports.inside():  # let through, where a replay leaves MongoDB live
                    return (yield call.proceed)
            return kind(_argument(call, 1, "options").socket_timeout)

        return connect

    def _on_stand_in(self, name: str) -> Callable[[Invocation], Flow[Any]]:
        def handler(call: Invocation) -> Flow[Any]:
            port = ports.current()
            topology = call.instance
            if port is None or getattr(topology, "_closed", False):
                return (yield call.proceed)
            replaying = port.replaying and not port.live(self)
            if name == "select_servers" and (not replaying or servers.is_stand_in(topology)):
                return (yield from self._select(call, port, replaying=replaying))
            if not replaying or servers.is_stand_in(topology):
                return (yield call.proceed)
            if name == "open":
                return None
            made = yield from self._stand_in(topology, port)
            return (yield lambda: getattr(made, name)(*call.args, **call.kwargs))

        return handler

    def _stand_in(self, topology: Any, port: ports.Port) -> Flow[Any]:
        recorded = self._facts(port)
        answers = servers.hellos(
            recorded.servers, topology._seed_addresses, topology._settings.replica_set_name
        )
        self._hellos.update(answers)
        made = yield from servers.stand_in(topology, answers)
        return made

    def _facts(self, port: ports.Port) -> _Facts:
        found = self._recorded.get(port)
        if found is None:
            requests = [
                request for request in port.recorded_requests(self) if isinstance(request, MongoCommand)
            ]
            found = self._recorded[port] = _Facts(
                servers.read(request.server for request in requests if request.server),
                any(request.name == wire.SELECTION for request in requests),
            )
        return found

    def _select(self, call: Invocation, port: ports.Port, *, replaying: bool) -> Flow[Any]:
        """Looking for servers: a call of its own only where none is found."""
        operation = str(getattr(found := _argument(call, 1, "operation"), "value", found))
        request = MongoCommand({wire.SELECTION: operation})
        if replaying and self._facts(port).selections:
            following = next(iter(port.pending_requests(self)), None)
            if isinstance(following, MongoCommand) and following.canonical() == request.canonical():
                recorded = port.begin(self, request).recorded
                if isinstance(recorded, Failure):
                    raise self.rebuild_failure(recorded, call)
        try:
            return (yield call.proceed)
        except Exception as error:
            if type(error).__name__ != "ServerSelectionTimeoutError":
                raise
            if replaying:
                raise ReplayError(
                    f"pymongo: {operation} wants a server that no recorded command went to"
                    f" ({_argument(call, 0, 'selector')!r})"
                ) from error
            exchange = port.begin(self, request)
            with exchange:
                pass
            self._report_failure(error, call, exchange)
            raise


class _Facts(msgspec.Struct, frozen=True):
    """What a recording says of servers.

    Attributes:
        servers: by address, see :func:`servers.read`.
        selections: there are searches that found none.
    """

    servers: dict[servers.Address, dict[str, Any]]
    selections: bool


def _argument(call: Invocation, at: int, name: str) -> Any:
    return call.args[at] if len(call.args) > at else call.kwargs[name]


def _message(call: Invocation) -> wire.Message:
    """What is sent, decompressed.

    Raises:
        CodecError: it is no ``OP_MSG``.
    """
    message = wire.message(_argument(call, 0, "message"))
    if message.op_code == wire.OP_COMPRESSED:
        op_code, compressor, data = wire.compressed(message.body)
        body = sys.modules["pymongo.compression_support"].decompress(data, compressor)
        message = wire.Message(op_code, message.request_id, bytes(body))
    if message.op_code != wire.OP_MSG:
        raise CodecError(f"operation {message.op_code} is not OP_MSG")
    return message


_SOCKET_ERRORS = exceptions.by_name(socket.gaierror, socket.herror)
