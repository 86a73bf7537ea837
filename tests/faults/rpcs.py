"""gRPC servers of this process, and a client in another: what that is told is what we must not change."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import httpx

from tests.faults.seen import OwnError
from tests.fidelity.servers import ROOT

_BASE = os.environ.get("UPSTREAM_URL", "")
_SERVICE = "shop.Stock"
_REQUESTS = {
    "Reserve": ["tea"], "Refuse": ["tea"], "Fail": ["tea"], "Watch": ["3"], "Collect": ["a", "b"],
    "Chat": ["a", "b"], "Large": ["x" * 3000], "Enough": ["2"], "Missing": [""],
}  # fmt: skip


def reserve(request: str, context: Any) -> str:
    """One message each way, with metadata."""
    user = dict(context.invocation_metadata()).get("user", "")
    context.send_initial_metadata((("room", "a1"),))
    context.set_trailing_metadata((("left", "3"), ("digest-bin", b"\x01\xff")))
    return f"{user} {request} {httpx.get(f'{_BASE}/json').status_code}"


def refuse(request: str, context: Any) -> str:
    """An error with a text."""
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out ✓")
    raise AssertionError("abort raises")


def fail(request: str, context: Any) -> str:
    """An exception that nobody expected."""
    raise OwnError(f"no {request}")


def large(request: str, context: Any) -> str:
    """More than is kept."""
    return request


def watch(request: str, context: Any) -> Iterator[str]:
    """Several messages back."""
    for number in range(int(request)):
        yield str(number)


def enough(request: str, context: Any) -> Iterator[str]:
    """An answer whose client goes away."""
    number = 0
    while context.is_active():
        yield str(number)
        number = min(number + 1, 2)


def collect(requests: Iterator[str], context: Any) -> str:
    """Several messages there."""
    return " ".join(requests)


def chat(requests: Iterator[str], context: Any) -> Iterator[str]:
    """An answer to each."""
    for request in requests:
        yield request * 2
    context.set_code(grpc.StatusCode.OUT_OF_RANGE)
    context.set_details("no more")


async def reserve_async(request: str, context: Any) -> str:
    """As :func:`reserve`."""
    user = dict(context.invocation_metadata()).get("user", "")
    await context.send_initial_metadata((("room", "a1"),))
    context.set_trailing_metadata((("left", "3"), ("digest-bin", b"\x01\xff")))
    async with httpx.AsyncClient() as client:
        return f"{user} {request} {(await client.get(f'{_BASE}/json')).status_code}"


async def refuse_async(request: str, context: Any) -> str:
    """As :func:`refuse`."""
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out ✓")
    raise AssertionError("abort raises")


async def fail_async(request: str, context: Any) -> str:
    """As :func:`fail`."""
    raise OwnError(f"no {request}")


async def large_async(request: str, context: Any) -> str:
    """As :func:`large`."""
    return request


async def watch_async(request: str, context: Any) -> AsyncIterator[str]:
    """As :func:`watch`."""
    for number in range(int(request)):
        yield str(number)


async def enough_async(request: str, context: Any) -> AsyncIterator[str]:
    """As :func:`enough`."""
    number = 0
    while True:
        yield str(number)
        number = min(number + 1, 2)
        await asyncio.sleep(0)


async def collect_async(requests: AsyncIterator[str], context: Any) -> str:
    """As :func:`collect`."""
    return " ".join([request async for request in requests])


async def chat_async(requests: AsyncIterator[str], context: Any) -> None:
    """As :func:`chat`, by the context's own way to read and to write."""
    while (request := await context.read()) is not grpc.aio.EOF:
        await context.write(request * 2)
    context.set_code(grpc.StatusCode.OUT_OF_RANGE)
    context.set_details("no more")


def _encoded(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message  # grpc.aio has encoded it


def _handlers(**kinds: Any) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        _SERVICE,
        {
            function.__name__.removesuffix("_async").title(): getattr(grpc, f"{kind}_rpc_method_handler")(
                function, request_deserializer=bytes.decode, response_serializer=_encoded
            )
            for kind, functions in kinds.items()
            for function in functions
        },
    )


class _Client:
    """The client's process."""

    def __init__(self) -> None:
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.rpcs"], cwd=ROOT, env=own, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, port: int, method: str) -> Any:
        """What it is told."""
        streams = self._process
        assert streams.stdin is not None
        assert streams.stdout is not None
        streams.stdin.write(json.dumps([port, method]) + "\n")
        streams.stdin.flush()
        return json.loads(streams.stdout.readline())


def requests() -> dict[str, Callable[[], Any]]:
    """One for each method of each server."""
    client = _Client()
    found: dict[str, Callable[[], Any]] = {}
    for method in _REQUESTS:
        found[f"grpc {method}"] = lambda method=method: _blocking(client, method)  # type: ignore[misc]  # bound now
        found[f"grpc.aio {method}"] = lambda method=method: asyncio.run(_asynchronous(client, method))  # type: ignore[misc]  # as above
    return found


def _blocking(client: _Client, method: str) -> Any:
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        handlers = _handlers(
            unary_unary=(reserve, refuse, fail, large),
            unary_stream=(watch, enough),
            stream_unary=(collect,),
            stream_stream=(chat,),
        )
        server.add_generic_rpc_handlers((handlers,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            return client.ask(port, method)
        finally:
            server.stop(30).wait()


async def _asynchronous(client: _Client, method: str) -> Any:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    handlers = _handlers(
        unary_unary=(reserve_async, refuse_async, fail_async, large_async),
        unary_stream=(watch_async, enough_async),
        stream_unary=(collect_async,),
        stream_stream=(chat_async,),
    )
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        return await asyncio.to_thread(client.ask, port, method)
    finally:
        await server.stop(30)


def _asked(port: int, method: str) -> Any:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_stream(f"/{_SERVICE}/{method}")(
            (request.encode() for request in _REQUESTS[method]), metadata=(("user", "ada"),), timeout=60
        )
        told: list[str] = []
        try:
            for message in call:
                told.append(message.decode())
                if method == "Enough" and len(told) == 2:
                    call.cancel()
        except grpc.RpcError:
            """Its status is told."""
        said = [[name, str(value)] for name, value in call.trailing_metadata() or ()]
        first = [[name, str(value)] for name, value in call.initial_metadata() or ()]
        return [first, told, str(call.code()), call.details(), [one for one in said if "date" not in one]]


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_asked(*json.loads(line))) + "\n")
        sys.stdout.flush()
