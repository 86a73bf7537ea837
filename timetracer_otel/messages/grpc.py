"""gRPC: a call of one method, its request messages, and what came back until its status."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self, TypeAlias

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Canonical
from timetracer_otel.messages.http import UNMATCHED_HEADERS
from timetracer_otel.span import Attributes

Metadata: TypeAlias = "list[tuple[str, str | bytes]]"

_UNMATCHED = UNMATCHED_HEADERS | {"grpc-internal-encoding-request", "grpc-accept-encoding", "grpc-timeout"}
_READS = ("get", "list", "read", "query", "search", "find", "check", "watch", "describe", "count", "fetch")


class GrpcRequest(msgspec.Struct):
    """A call. Messages are as they are serialized, so any message class replays.

    Attributes:
        method: its full name: ``/shop.Stock/Reserve``.
        target: the address as the app gave it; another answers as well where no call went to this one.
        metadata: in order, repeated names kept; values of ``-bin`` names are bytes.
        messages: ``None`` when they were not recorded (over the limit).
        streaming: the client may send any number of messages.
        complete: the client said that no more will come.
        answered_after: how many messages were sent when the first answer came; ``None``: all.
        schema: what protobuf says of the class of the messages, while it is known: it is not written.
    """

    method: str
    target: str = ""
    metadata: Metadata = msgspec.field(default_factory=list)
    messages: list[bytes] | None = msgspec.field(default_factory=list)
    streaming: bool = False
    complete: bool = True
    answered_after: int | None = None
    schema: Any = None

    family: ClassVar[str] = "grpc"

    @property
    def namespace(self) -> str:
        """Of two equal calls the one with the same address answers."""
        return self.target

    @property
    def label(self) -> str:
        """``rpc /shop.Stock/Reserve``, for one that came in."""
        return f"rpc {self.method}"

    def attributes(self) -> Attributes:
        """Payload attributes of the call."""
        data: dict[str, Any] = {"metadata": [list(pair) for pair in self.metadata], "messages": self.messages}
        if self.streaming:
            data["streaming"] = True
        if not self.complete:
            data["complete"] = False
        if self.answered_after is not None:
            data["answered_after"] = self.answered_after
        return {
            names.GRPC_METHOD: self.method,
            names.GRPC_TARGET: self.target,
            names.GRPC_REQUEST: values.dumps(data),
        }

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The call that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: a part is missing.
        """
        data = _document(attributes[names.GRPC_REQUEST], names.GRPC_REQUEST)
        after = data.get("answered_after")
        return cls(
            method=str(attributes[names.GRPC_METHOD]),
            target=str(attributes.get(names.GRPC_TARGET, "")),
            metadata=_metadata(data.get("metadata")),
            messages=None if data.get("messages") is None else _messages(data["messages"]),
            streaming=data.get("streaming") is True,
            complete=data.get("complete") is not False,
            answered_after=after if isinstance(after, int) else None,
        )

    def canonical(self) -> Canonical:
        """Method, metadata without that of transport and tracing, and the messages."""
        metadata: dict[str, list[str | bytes]] = {}
        for name, value in self.metadata:
            if name.lower() not in _UNMATCHED:
                metadata.setdefault(name.lower(), []).append(value)
        body = None if self.messages is None else list(self.messages)
        return {"method": self.method, "metadata": metadata, "body": body}

    def key(self) -> Hashable:
        """:meth:`canonical` as tuples."""
        form = self.canonical()
        metadata = frozenset((name, *given) for name, given in form["metadata"].items())
        return self.method, metadata, None if self.messages is None else tuple(self.messages)

    def title(self) -> str:
        """``/shop.Stock/Reserve``, and how much was sent."""
        if self.messages is None:
            return self.method
        size = sum(map(len, self.messages))
        many = f"{len(self.messages)} messages, " if self.streaming else ""
        return f"{self.method} ({many}{size} bytes)"

    @property
    def writes(self) -> bool:
        """True unless the method's name says that it only reads: gRPC does not tell."""
        return not self.method.rpartition("/")[2].lower().startswith(_READS)

    def span_attributes(self) -> Attributes:
        """``rpc.system``, ``rpc.service`` and ``rpc.method``."""
        service, _, method = self.method.lstrip("/").rpartition("/")
        return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}


class GrpcReply(msgspec.Struct):
    """Everything that came back.

    Attributes:
        initial_metadata: as received.
        messages: ``None`` when they were not recorded (over the limit).
        after: for each message, and for the status, how many of the client's were sent before it came.
        times: nanoseconds from the call to each message.
        code: the status as a number; 0 is OK.
        details: the status's text.
        trailing_metadata: as received.
        debug: the library's own account of an error.
        complete: false when the client cancelled the call.
        waited: it was waiting for more when it did.
        schema: as of :class:`GrpcRequest`.
    """

    initial_metadata: Metadata = msgspec.field(default_factory=list)
    messages: list[bytes] | None = msgspec.field(default_factory=list)
    after: list[int] = msgspec.field(default_factory=list)
    times: list[int] = msgspec.field(default_factory=list)
    code: int = 0
    details: str | None = None
    trailing_metadata: Metadata = msgspec.field(default_factory=list)
    debug: str | None = None
    complete: bool = True
    waited: bool = False
    schema: Any = None

    family: ClassVar[str] = "grpc"

    def attributes(self) -> Attributes:
        """Payload attributes of the reply."""
        data: dict[str, Any] = msgspec.structs.asdict(self)
        del data["schema"]
        for name in ("initial_metadata", "trailing_metadata"):
            data[name] = [list(pair) for pair in data[name]]
        return {names.GRPC_REPLY: values.dumps(data)}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The reply that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: it is missing.
        """
        data = _document(attributes[names.GRPC_REPLY], names.GRPC_REPLY)
        code, details, debug = data.get("code"), data.get("details"), data.get("debug")
        if type(code) is not int:
            raise CodecError(f"{names.GRPC_REPLY}: the status is no number")
        return cls(
            initial_metadata=_metadata(data.get("initial_metadata")),
            messages=None if data.get("messages") is None else _messages(data["messages"]),
            after=_numbers(data.get("after")),
            times=_numbers(data.get("times")),
            code=code,
            details=details if isinstance(details, str) else None,
            trailing_metadata=_metadata(data.get("trailing_metadata")),
            debug=debug if isinstance(debug, str) else None,
            complete=data.get("complete") is not False,
            waited=data.get("waited") is True,
        )


def _document(text: Any, name: str) -> dict[str, Any]:
    data = values.loads(str(text))
    if not isinstance(data, dict):
        raise CodecError(f"{name} is a {type(data).__name__}, not a dict")
    return data


def _metadata(given: Any) -> Metadata:
    pairs: Metadata = []
    for pair in given if isinstance(given, list) else ():
        if not (isinstance(pair, list | tuple) and len(pair) == 2):
            raise CodecError("gRPC metadata is no list of names and values")
        name, value = pair
        if not isinstance(name, str) or not isinstance(value, str | bytes):
            raise CodecError("gRPC metadata holds what is neither text nor bytes")
        pairs.append((name, value))
    return pairs


def _messages(given: Any) -> list[bytes]:
    if not isinstance(given, list) or not all(isinstance(one, bytes) for one in given):
        raise CodecError("gRPC messages are not a list of bytes")
    return list(given)


def _numbers(given: Any) -> list[int]:
    if not isinstance(given, list) or not all(type(one) is int for one in given):
        raise CodecError("what was noted of gRPC messages is no list of numbers")
    return list(given)
