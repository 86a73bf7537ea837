"""Where grpc's classes start calls of the C core."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any, ClassVar, cast

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.grpc.conversation import Conversation, pairs
from timetracer_otel.messages import Answer, Failure, GrpcReply, GrpcRequest, Request

_SYNC: tuple[tuple[str, str, bool], ...] = (
    # the class, where it starts calls, whether the client sends a stream
    ("_UnaryUnaryMultiCallable", "_blocking", False),
    ("_UnaryUnaryMultiCallable", "future", False),
    ("_UnaryStreamMultiCallable", "__call__", False),
    ("_SingleThreadedUnaryStreamMultiCallable", "__call__", False),
    ("_StreamUnaryMultiCallable", "_blocking", True),
    ("_StreamUnaryMultiCallable", "future", True),
    ("_StreamStreamMultiCallable", "__call__", True),
)
_ASYNC = (
    ("UnaryUnaryCall", False),
    ("UnaryStreamCall", False),
    ("StreamUnaryCall", True),
    ("StreamStreamCall", True),
)
_METADATA, _OPERATIONS, _HANDLER = 4, 6, 7
"""Places among the arguments of ``segregated_call`` and of a managed call."""
_CHANNEL, _METHOD = "channel", "method"
_SERIALIZER, _DESERIALIZER = "request_serializer", "response_deserializer"


_CODES = {
    "CANCELLED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9,
    "ABORTED": 10, "OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14,
    "DATA_LOSS": 15, "UNAUTHENTICATED": 16,
}  # fmt: skip
_DETAILS = {"DEADLINE_EXCEEDED": "Deadline Exceeded", "UNAVAILABLE": "failed to connect to all addresses"}
_KINDS = {
    "timeout": "DEADLINE_EXCEEDED",
    "refused": "UNAVAILABLE",
    "connection error": "UNAVAILABLE",
    "reset": "UNAVAILABLE",
    "disconnected": "UNAVAILABLE",
}


class GrpcIntegration(Integration):
    """Records and answers calls of synchronous and asynchronous channels.

    Everything that the app sees (futures, rendezvous, ``AioRpcError``, interceptors) is grpc's own in
    a replay as well: only the C core is replaced. In replay channels say that they are ready.
    """

    name: ClassVar[str] = "grpc"
    oldest = ("grpcio>=1.62",)
    family: ClassVar[str] = "grpc"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.grpc",)

    def points(self) -> Sequence[Point]:
        """The starts of calls, and what watches over connections."""
        channel, call = "grpc._channel", "grpc.aio._call"
        return (
            *(
                Point(
                    channel, f"{kind}.{method}", wrapper=self._start_stream if streams else self._start_unary
                )
                for kind, method, streams in _SYNC
            ),
            *(
                Point(call, f"{kind}.__init__", wrapper=self._aio_stream if streams else self._aio_unary)
                for kind, streams in _ASYNC
            ),
            Point(channel, "_run_channel_spin_thread", wrapper=_in_no_context),
            Point(channel, "_spawn_poll_connectivity", wrapper=_in_no_context, optional=True),
            Point(channel, "Channel.subscribe", self._subscribe),
            Point("grpc.aio._channel", "Channel.__init__", wrapper=_in_no_context),
            Point("grpc.aio._channel", "Channel.get_state", self._get_state),
            Point(
                "grpc.aio._channel", "Channel.wait_for_state_change", self._state_change, asynchronous=True
            ),
        )

    def request(self, call: Invocation) -> Request:
        """The call, as far as it is known."""
        return cast("_Start", call).conversation.request

    def answer(self, result: Any, call: Invocation) -> Answer:
        """What came back, as far as it is known."""
        return cast("_Start", call).conversation.reply

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """A call of the core that gives the recorded events."""
        from timetracer_otel.integrations.grpc import blocking

        start, reply = cast("_Start", call), cast("GrpcReply", answer)
        blocking.check(reply, start.conversation)
        return blocking.RecordedCall(start.conversation, reply, start.batches, managed=start.managed)

    def observe(self, result: Any, call: Invocation, exchange: ports.Exchange) -> Any:
        """A call of the core that goes out, watched."""
        from timetracer_otel.integrations.grpc import blocking

        conversation = cast("_Start", call).conversation
        try:
            return blocking.WatchedCall(result, conversation)
        except Exception:
            conversation.lost()
            raise

    def faults(self) -> Mapping[str, Answer | Failure]:
        """Statuses by their names in gRPC, and what those are elsewhere."""
        found: dict[str, Answer | Failure] = {
            name: GrpcReply(code=code, details=_DETAILS.get(name, name.lower().replace("_", " ")), after=[1])
            for name, code in _CODES.items()
        }
        for kind, name in _KINDS.items():
            found[kind] = found[name]
        return found

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """What the core raises of itself; statuses are no exceptions down there."""
        core = sys.modules["grpc._cython.cygrpc"]
        return exceptions.module_exceptions(core) | exceptions.by_name(asyncio.InvalidStateError)

    def read(
        self, make: Any, channel: Any, args: tuple[Any, ...], conversation: Conversation, *, managed: bool
    ) -> _Start | None:
        """A call of the core about to be made; ``None`` when it cannot be read.

        Args:
            make: makes it.
            channel: the core's channel.
            args: what it is made of.
            conversation: is told what is sent at once.
            managed: events go to a handler in a thread.

        Raises:
            ReplayError: in replay, instead of ``None``.
        """
        try:
            from timetracer_otel.integrations.grpc import blocking

            batches = list(args[_OPERATIONS])
            if managed:
                handler = args[_HANDLER]
                batches = [(operations, handler) for operations in batches]
                watched = functools.partial(blocking.handle, conversation, handler)
                args = (*args[:_HANDLER], watched, *args[_HANDLER + 1 :])
            conversation.request.metadata = pairs(args[_METADATA])
            for operations, _ in batches:
                blocking.note_operations(conversation, operations)
            return _Start(
                make, channel, args, {}, conversation=conversation, batches=batches, managed=managed
            )
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._unreadable(conversation.port, error)
            return None

    def begun(self, start: _Start) -> Flow[Any]:
        """A call of the core: watched, or answered."""
        from timetracer_otel.integrations.grpc import blocking

        conversation = start.conversation
        if conversation.answering and conversation.request.streaming:
            return blocking.RecordedCall(conversation, None, start.batches, managed=start.managed)
        recorded = conversation.begin()
        exchange = conversation.exchange
        if conversation.delay:
            yield self.pause(conversation.delay)
        if isinstance(recorded, Failure):
            raise self._given_back(self.rebuild_failure, recorded, start)
        if recorded is not None:
            return self._given_back(self.rebuild, recorded, start)
        assert exchange is not None
        try:
            with exchange:
                result = yield start.proceed
        except BaseException as error:
            conversation.failed(error)
            raise
        return self.observe(result, start, exchange)

    def _start_unary(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        twin = self._watched(ports.current(), instance, streaming=False)
        return wrapped(*args, **kwargs) if twin is None else wrapped.__func__(twin, *args, **kwargs)

    def _start_stream(
        self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        twin = self._watched(ports.current(), instance, streaming=True)
        return wrapped(*args, **kwargs) if twin is None else wrapped.__func__(twin, *args, **kwargs)

    def _watched(self, port: ports.Port | None, instance: Any, *, streaming: bool) -> Any:
        """What makes a call, seen; ``None`` when nobody wants it."""
        try:
            if port is None:
                return None
            target = _text(getattr(instance, "_target", ""))
            request = GrpcRequest(_text(instance._method), target, streaming=streaming)
            conversation = Conversation(self, port, request)
            twin = _twin(instance)
            twin._channel = _Channel(self, instance._channel, conversation)
            if hasattr(instance, "_managed_call"):
                twin._managed_call = _ManagedCall(self, instance._managed_call, conversation)
            twin._request_serializer = conversation.serializing(instance._request_serializer)
            conversation.deserialized_by(instance._response_deserializer)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._unreadable(port, error)
            return None
        return twin

    def _aio_unary(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = self._bound(ports.current(), wrapped, args, kwargs, streaming=False)
        return wrapped(*args, **kwargs) if bound is None else wrapped(*bound.args, **bound.kwargs)

    def _aio_stream(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = self._bound(ports.current(), wrapped, args, kwargs, streaming=True)
        return wrapped(*args, **kwargs) if bound is None else wrapped(*bound.args, **bound.kwargs)

    def _bound(
        self,
        port: ports.Port | None,
        wrapped: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        streaming: bool,
    ) -> inspect.BoundArguments | None:
        """The arguments of a call that is seen; ``None`` when nobody wants it."""
        try:
            if port is None:
                return None
            bound = inspect.signature(wrapped).bind(*args, **kwargs)
            given = bound.arguments
            channel = given[_CHANNEL]
            target = _text(getattr(channel, "target", b""))
            request = GrpcRequest(_text(given[_METHOD]), target, streaming=streaming)
            conversation = Conversation(self, port, request)
            given[_CHANNEL] = _AioChannel(channel, conversation)
            given[_SERIALIZER] = conversation.serializing(given[_SERIALIZER])
            conversation.deserialized_by(given.get(_DESERIALIZER))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._unreadable(port, error)
            return None
        return bound

    def _unreadable(self, port: ports.Port | None, error: Exception) -> None:
        """A call that cannot be read is still the app's to make, and is not answered.

        Raises:
            ReplayError: in replay.
        """
        if port is not None and port.replaying and not port.live(self):
            raise ReplayError(f"grpc: this call cannot be read, so it is not answered: {error}") from error
        ports.report("grpc: reading a call", error)

    def _answers(self) -> bool:
        port = ports.current()
        return port is not None and port.replaying and not port.live(self)

    def _subscribe(self, call: Invocation) -> Flow[Any]:
        if not self._answers():
            return (yield call.proceed)
        callback = call.args[0] if call.args else call.kwargs["callback"]
        callback(sys.modules["grpc"].ChannelConnectivity.READY)
        return None

    def _get_state(self, call: Invocation) -> Flow[Any]:
        if not self._answers():
            return (yield call.proceed)
        return sys.modules["grpc"].ChannelConnectivity.READY

    def _state_change(self, call: Invocation) -> Flow[Any]:
        if not self._answers():
            return (yield call.proceed)
        last = call.args[0] if call.args else call.kwargs["last_observed_state"]
        if last is sys.modules["grpc"].ChannelConnectivity.READY:
            yield lambda: exceptions.wait_for_cancellation("a change of a channel's state")
        return None


class _Start(Invocation, frozen=True):
    """A call of the core about to be made."""

    conversation: Conversation
    batches: list[Any]
    managed: bool


class _Channel:
    """In the place of the core's channel, for one call."""

    def __init__(self, integration: GrpcIntegration, channel: Any, conversation: Conversation) -> None:
        self._integration = integration
        self._channel = channel
        self._conversation = conversation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def segregated_call(self, *args: Any) -> Any:
        """The call that the maker polls."""
        make, conversation = self._channel.segregated_call, self._conversation
        start = self._integration.read(make, self._channel, args, conversation, managed=False)
        if start is None:
            return make(*args)
        return run(self._integration.begun(start), None if conversation.answering else start)


class _ManagedCall:
    """In the place of what makes calls that a thread polls, for one call."""

    def __init__(self, integration: GrpcIntegration, make: Any, conversation: Conversation) -> None:
        self._integration = integration
        self._make = make
        self._conversation = conversation

    def __call__(self, *args: Any) -> Any:
        make, conversation = self._make, self._conversation
        start = self._integration.read(make, None, args, conversation, managed=True)
        if start is None:
            return make(*args)
        return run(self._integration.begun(start), None if conversation.answering else start)


class _AioChannel:
    """In the place of the core's channel, for one call."""

    def __init__(self, channel: Any, conversation: Conversation) -> None:
        self._channel = channel
        self._conversation = conversation

    def call(self, method: Any, deadline: float | None, *args: Any) -> Any:
        """The call: watched, or answered."""
        from timetracer_otel.integrations.grpc import asynchronous

        if self._conversation.answering:
            return asynchronous.RecordedCall(self._channel, self._conversation, deadline)
        return asynchronous.watched(self._channel.call(method, deadline, *args), self._conversation)


def _in_no_context(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Threads that a channel starts serve all its calls, those of ``grpc.aio`` all channels there are: they
    belong to no request. Whether one is started depends on what other channels are still there.
    """
    return Context().run(wrapped, *args, **kwargs)


def _twin(instance: Any) -> Any:
    kind: Any = type(instance)
    twin = kind.__new__(kind)
    for name in {slot for each in kind.__mro__ for slot in getattr(each, "__slots__", ())}:
        if hasattr(instance, name):
            setattr(twin, name, getattr(instance, name))
    twin.__dict__.update(getattr(instance, "__dict__", {}))
    return twin


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
