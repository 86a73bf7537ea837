"""Callables of the test server's methods, and everything an app can see of a call."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct

from tests.services.grpc_server import SERVICE, plain

_KINDS = {
    "Reserve": "unary_unary", "Refuse": "unary_unary", "Hang": "unary_unary", "AskJson": "unary_unary",
    "Watch": "unary_stream", "BreakOff": "unary_stream", "Forever": "unary_stream",
    "Collect": "stream_unary", "Chat": "stream_stream", "StopEarly": "stream_stream",
}  # fmt: skip


def method(channel: Any, name: str) -> Any:
    """The callable of a method."""
    raw = name == "AskJson"
    return getattr(channel, _KINDS[name])(
        f"/{SERVICE}/{name}",
        request_serializer=None if raw else Struct.SerializeToString,
        response_deserializer=None if raw else Struct.FromString,
    )


def metadata(given: Any) -> Any:
    """Metadata without what names the process."""
    if given is None:
        return None
    return [[type(pair).__name__, *map(_value, pair)] for pair in given if pair[0] != "date"]


def _value(value: Any) -> Any:
    return ["bytes", value.hex()] if isinstance(value, bytes) else value


def message(given: Any) -> Any:
    """A message with its class."""
    if isinstance(given, Struct):
        return [type(given).__name__, plain(given)]
    return _value(given)


def error(given: Any) -> Any:
    """An error as the app sees it."""
    return {
        "class": f"{type(given).__module__}.{type(given).__qualname__}",
        "rpc error": isinstance(given, grpc.RpcError),
        "code": str(given.code()),
        "details": given.details(),
        "initial": metadata(given.initial_metadata()),
        "trailing": metadata(given.trailing_metadata()),
    }


def ended(call: Any) -> Any:
    """A call that is over, seen synchronously."""
    return {
        "class": f"{type(call).__module__}.{type(call).__qualname__}",
        "code": str(call.code()),
        "details": call.details(),
        "initial": metadata(call.initial_metadata()),
        "trailing": metadata(call.trailing_metadata()),
    }


async def ended_async(call: Any) -> Any:
    """A call that is over, seen asynchronously."""
    return {
        "code": str(await call.code()),
        "details": await call.details(),
        "initial": metadata(await call.initial_metadata()),
        "trailing": metadata(await call.trailing_metadata()),
        "states": [call.done(), call.cancelled()],
    }
