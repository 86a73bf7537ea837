"""One gRPC call as it goes on: what was sent, what came back, what was recorded of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, cast

import msgspec
from opentelemetry import trace

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.messages import Failure, GrpcReply, GrpcRequest
from timetracer_otel.redaction import masked_equal

if TYPE_CHECKING:
    from timetracer_otel.integrations.base import Integration

P = ParamSpec("P")

MESSAGE_BYTES = 64
"""What each message counts for beyond its own bytes, towards the limit."""

CANCELLED = 1
"""The status of a call that the client cancelled."""

GOING, COMING = "reading what is sent", "reading what came"
"""What is noted."""


class Conversation:
    """A call under way, recorded or answered.

    Args:
        integration: whose call it is.
        port: who records or answers it.
        request: the call, without messages.
    """

    def __init__(self, integration: Integration, port: ports.Port, request: GrpcRequest) -> None:
        self.integration = integration
        self.port = port
        self.request = request
        self.reply = GrpcReply()
        self.exchange: ports.Exchange | None = None
        self.delay = 0.0
        """Seconds to wait for the recorded answer beyond the usual."""
        self.reading = 0
        """Reads that the app waits for."""
        self._sizes = {"request": 0, "reply": 0}
        self._sent = 0
        self._serialized: bytes | None = None
        self._began = time.monotonic_ns()
        self._ended = False
        self._matched: GrpcRequest | None = None
        self._candidates: tuple[list[GrpcRequest], list[GrpcRequest]] | None = None
        self._cancelled = False
        self._lock = threading.Lock()
        # a streamed request is matched later, in whatever thread has sent the message that settles it
        self._context = copy_context()
        self._span = trace.get_current_span()
        request.complete = not request.streaming
        self.answering = port.replaying and not port.live(integration)
        """Answered from a recording; nothing goes out."""

    def serializing(self, serializer: Callable[[Any], bytes] | None) -> Callable[[Any], bytes] | None:
        """The serializer, which also notes each message in a form that is the same in every process:
        protobuf orders the entries of a map as it likes.
        """
        if serializer is None:
            return None

        def serialize(message: Any) -> bytes:
            data = serializer(message)
            noting(GOING, self._note_serialized, message, data)
            return data

        return serialize

    def deserialized_by(self, deserializer: Any) -> None:
        """How the app reads what comes."""
        self.reply.schema = schema_of(getattr(deserializer, "__self__", None))

    def _note_serialized(self, message: Any, data: bytes) -> None:
        self._serialized = _deterministic(message, data)
        self.request.schema = schema_of(message)

    def begin(self, request: GrpcRequest | None = None) -> GrpcReply | Failure | None:
        """Ask the port; what was recorded, or ``None``: make the call.

        Args:
            request: to ask with in place of the conversation's own.

        Raises:
            MissError: in replay, when no recorded call answers this one.
        """
        request = request or self.request
        self.exchange = self._context.copy().run(self.port.begin, self.integration, request, self._span)
        self.delay = ports.delay_of(self.exchange)
        if self.exchange.recorded is None:
            self.exchange.reading(self._given_up)
        return cast("GrpcReply | Failure | None", self.exchange.recorded)

    def sent(self, data: Any) -> None:
        """The app sends a message."""
        data = self._serialized if self._serialized is not None else data
        self._serialized = None
        self._sent += 1
        if isinstance(data, bytes) and self.request.messages is not None:
            if self._fits("request", data):
                self.request.messages.append(data)
            else:
                self.request.messages = None
                self._over("request")

    def half_closed(self) -> None:
        """The app sends no more."""
        self.request.complete = True

    def started(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Initial metadata came."""
        self._first()
        self.reply.initial_metadata = pairs(metadata)

    def received(self, data: bytes) -> None:
        """A message came."""
        self._first()
        if self.reply.messages is None:
            return
        if self._fits("reply", data):
            self.reply.messages.append(bytes(data))
            self.reply.after.append(self._sent)
            self.reply.times.append(time.monotonic_ns() - self._began)
        else:
            self.reply.messages = None
            self._over("reply")

    def cancelling(self) -> None:
        """The app cancels."""
        self._cancelled = True
        self.reply.waited = self.reply.waited or self.reading > 0

    def ended(self, code: int, details: Any, trailing: Any, debug: Any) -> None:
        """The status came: the call is over."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self._first()
        reply = self.reply
        reply.code = int(code)
        reply.details, reply.debug = text(details), text(debug)
        reply.trailing_metadata = pairs(trailing)
        reply.after.append(self._sent)
        reply.complete = not (self._cancelled and code != 0)
        if self.exchange is not None:
            self.exchange.finish(reply)

    def failed(self, error: BaseException) -> None:
        """The library refused the call."""
        with self._lock:
            if self._ended or self.exchange is None:
                return
            self._ended = True
        self._first()
        self.exchange.finish(self.integration.failure(error, None))  # type: ignore[arg-type]  # it is not looked at

    def _given_up(self) -> GrpcReply:
        """Nobody waits any more, and the call was never told so: a cancelled interceptor leaves it behind."""
        self._first()
        return msgspec.structs.replace(
            self.reply, code=CANCELLED, after=[*self.reply.after, self._sent], complete=False, waited=True
        )

    def lost(self) -> None:
        """It cannot be watched."""
        with self._lock:
            self._ended = True
        if self.exchange is not None:
            self.exchange.finish(None)

    def choose(self) -> GrpcReply | None:
        """In replay, the answer of a call whose messages are still being sent, once it can be told.

        A recorded call is the one when what was sent so far is how it began, and was all that its
        first answer needed; else all messages decide. The app may wait for that answer before it goes on: so
        where none that this task or thread made goes on like it, those of others are looked at.

        Raises:
            MissError: no recorded call answers this one.
        """
        if self.request.complete:
            return self._recorded()
        if self._candidates is None:  # looked up where the call is made: the task or thread counts
            self._candidates = self._pending(everywhere=False), self._pending(everywhere=True)
        here, everywhere = self._candidates
        if not everywhere:
            return self._recorded()  # nothing that is still sent makes one of it
        for other in here if any(map(self._goes_on, here)) else everywhere:
            if self._begins(other):
                self._matched = other
                return self._recorded()
        return None

    def _pending(self, *, everywhere: bool) -> list[GrpcRequest]:
        return [
            other
            for other in self.port.pending_requests(self.integration, everywhere=everywhere)
            if isinstance(other, GrpcRequest) and other.method == self.request.method
        ]

    def divergence(self) -> ReplayError | None:
        """Why what the app sends is not what it sent in the call that was chosen by its beginning."""
        recorded = self._matched
        if recorded is None or recorded.messages is None:
            return None
        sent = self.request.messages or []
        more = recorded.complete and len(sent) > len(recorded.messages)
        fewer = recorded.complete and self.request.complete and len(sent) < len(recorded.messages)
        if (
            not more
            and not fewer
            and masked_equal(recorded.messages[: len(sent)], sent[: len(recorded.messages)])
        ):
            return None
        return ReplayError(
            f"{self.request.title()}: what is sent differs from what was sent in the recorded call that began"
            f" like it ({recorded.title()}); record again"
        )

    def _recorded(self) -> GrpcReply:
        recorded = self.begin(self._matched)
        if recorded is None:
            raise ReplayError(
                f"{self.request.title()}: its messages were read already, so it cannot be let through;"
                " let gRPC go live with TIMETRACER_LIVE_PLUGINS=grpc"
            )
        if isinstance(recorded, Failure):
            raise self.integration.rebuild_failure(recorded, None)  # type: ignore[arg-type]  # it is not looked at
        return recorded

    def _begins(self, other: GrpcRequest) -> bool:
        sent, recorded = self.request.messages or [], other.messages
        if recorded is None or other.answered_after is None or other.answered_after > len(sent):
            return False
        return len(recorded) >= other.answered_after and self._goes_on(other)

    def _goes_on(self, other: GrpcRequest) -> bool:
        """True where what was sent so far is how that one began, as far as both go."""
        sent, recorded = self.request.messages or [], other.messages
        mine, theirs = self.request.canonical(), other.canonical()
        return (
            recorded is not None
            and masked_equal(recorded[: len(sent)], sent[: len(recorded)])
            and masked_equal(theirs["metadata"], mine["metadata"])
        )

    def reached(self, reply: GrpcReply, at: int) -> bool:
        """True when the app has sent what it had sent when that message, or the status, came."""
        request = self.request
        return (
            not request.streaming
            or request.complete
            or at >= len(reply.after)
            or reply.after[at] <= self._sent
        )

    def _first(self) -> None:
        if self.request.streaming and self.request.answered_after is None and not self.request.complete:
            self.request.answered_after = self._sent

    def _fits(self, side: str, data: bytes) -> bool:
        self._sizes[side] += len(data) + MESSAGE_BYTES
        return self._sizes[side] <= self.port.body_limit

    def _over(self, side: str) -> None:
        if self.exchange is not None:
            self.exchange.gap(
                "body over limit", f"{side} of {self.request.method}: over {self.port.body_limit} bytes"
            )


def noting(what: str, note: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Note something of a call that goes out: nothing of ours raises into the app."""
    try:
        note(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # as it says
        ports.report(f"grpc: {what}", error)


def schema_of(message: Any) -> Any:
    """What protobuf says of the class of a message, or of a class; ``None`` where it is none of its."""
    schema = getattr(message, "DESCRIPTOR", None)
    return schema if hasattr(schema, "fields") and hasattr(schema, "full_name") else None


def pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    """Metadata as names and values."""
    return [(str(name), value) for name, value in metadata or ()]


def text(value: Any) -> str | None:
    """What the core gives as text or bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _deterministic(message: Any, data: bytes) -> bytes:
    write = getattr(message, "SerializeToString", None)
    if write is None:
        return data
    try:
        again = write(deterministic=True)
    except Exception:  # noqa: BLE001  # no protobuf message after all
        return data
    return again if isinstance(again, bytes) and len(again) == len(data) else data
