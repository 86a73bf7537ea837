"""A gRPC server of our own. Its messages are ``google.protobuf.Struct``: no code is generated for them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from tests.services.ports import free_port

SERVICE = "shop.Stock"


def struct(**fields: Any) -> Struct:
    """A message."""
    message = Struct()
    message.update(fields)
    return message


def plain(message: Struct) -> dict[str, Any]:
    """What is in a message."""
    found: dict[str, Any] = json_format.MessageToDict(message)
    # maps have another order in every process: that is the library's own doing
    ordered: dict[str, Any] = json.loads(json.dumps(found, sort_keys=True))
    return ordered


class GrpcServer:
    """The server: runs in threads of the tests' process; ``arrived`` counts calls by method."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.port = free_port()
        self._server: grpc.Server | None = None
        self.start()

    @property
    def url(self) -> str:
        """Its address; the same every time it starts."""
        return f"127.0.0.1:{self.port}"

    def fresh(self) -> None:
        """Forget what was counted."""
        self.arrived = Counter()

    def start(self) -> None:
        """Listen."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_handlers(self.arrived),))
        self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        """Stop; nothing listens any more."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait()

    remove = stop


def _handlers(arrived: Counter[str]) -> grpc.GenericRpcHandler:
    kinds = {
        "unary_unary": (reserve, refuse, hang, ask_json),
        "unary_stream": (watch, break_off, forever),
        "stream_unary": (collect,),
        "stream_stream": (chat, stop_early),
    }
    methods = {}
    for kind, functions in kinds.items():
        for function in functions:
            name = function.__name__.title().replace("_", "")
            raw = function is ask_json
            methods[name] = getattr(grpc, f"{kind}_rpc_method_handler")(
                _counting(arrived, name, function),
                request_deserializer=None if raw else Struct.FromString,
                response_serializer=None if raw else Struct.SerializeToString,
            )
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def _counting(arrived: Counter[str], name: str, function: Any) -> Any:
    def behaviour(request: Any, context: grpc.ServicerContext) -> Any:
        arrived[name] += 1
        return function(request, context)

    return behaviour


def reserve(request: Struct, context: grpc.ServicerContext) -> Struct:
    """One message each way, with metadata."""
    given = dict(context.invocation_metadata())
    context.send_initial_metadata((("shop", "rome"), ("tag", "a"), ("tag", "b"), ("raw-bin", b"\x00\xff")))
    context.set_trailing_metadata((("left", "3"), ("digest-bin", b"\x01\x02")))
    return struct(**plain(request), user=given.get("user", ""), many={"b": 1, "a": [1, 2.5, None]})


def ask_json(request: bytes, context: grpc.ServicerContext) -> bytes:
    """No protobuf: JSON in bytes."""
    return json.dumps({"asked": json.loads(request), "stock": 7}).encode()


def refuse(request: Struct, context: grpc.ServicerContext) -> Struct:
    """An error with a text and trailers."""
    context.set_trailing_metadata((("why", "sold out"), ("detail-bin", b"\x08\x07")))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out ✓")
    raise AssertionError("abort raises")


def hang(request: Struct, context: grpc.ServicerContext) -> Struct:
    """No answer until the client gives up."""
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait(60)
    return request


def watch(request: Struct, context: grpc.ServicerContext) -> Iterator[Struct]:
    """Several messages back."""
    context.set_trailing_metadata((("seen", "all"),))
    many = request["many"]
    assert isinstance(many, float)
    for number in range(int(many)):
        yield struct(number=number, many={"x": number, "y": 1, "z": 2})


def break_off(request: Struct, context: grpc.ServicerContext) -> Iterator[Struct]:
    """An error after messages."""
    yield struct(number=1)
    yield struct(number=2)
    context.abort(grpc.StatusCode.DATA_LOSS, "the rest is gone")


def forever(request: Struct, context: grpc.ServicerContext) -> Iterator[Struct]:
    """Messages until the client has enough."""
    number = 0
    while context.is_active():
        yield struct(number=number)
        number += 1
        time.sleep(0.02 if number > 3 else 0)


def collect(requests: Iterator[Struct], context: grpc.ServicerContext) -> Struct:
    """Several messages there."""
    return struct(all=[plain(request) for request in requests])


def chat(requests: Iterator[Struct], context: grpc.ServicerContext) -> Iterator[Struct]:
    """An answer to each."""
    for request in requests:
        yield struct(echo=plain(request))
    context.set_trailing_metadata((("bye", "1"),))


def stop_early(requests: Iterator[Struct], context: grpc.ServicerContext) -> Iterator[Struct]:
    """An error after the first message."""
    yield struct(echo=plain(next(requests)))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
