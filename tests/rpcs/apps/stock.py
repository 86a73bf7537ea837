"""A stock room served by gRPC, synchronous and asynchronous; what it has is in Redis. Messages are text."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import redis
import redis.asyncio

SERVICE = "shop.Stock"
URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:1/0")
LATER_SECONDS = 0.2

_later: list[asyncio.Task[None]] = []


def _store() -> redis.Redis:
    return redis.Redis.from_url(URL, decode_responses=True)


def reserve(request: str, context: grpc.ServicerContext) -> str:
    """One message each way, with metadata."""
    user = dict(context.invocation_metadata()).get("user", "")
    context.send_initial_metadata((("room", "a1"),))
    left = _store().decrby("stock", int(request))
    context.set_trailing_metadata((("left", str(left)), ("digest-bin", b"\x01\xff")))
    return f"{user} {left}"


def refuse(request: str, context: grpc.ServicerContext) -> str:
    """An error with a text."""
    _store().get("stock")
    context.set_trailing_metadata((("why", "sold out"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out ✓")
    raise AssertionError("abort raises")


def broken(request: str, context: grpc.ServicerContext) -> str:
    """An exception that nobody expected."""
    raise ValueError(f"no {request}")


def watch(request: str, context: grpc.ServicerContext) -> Iterator[str]:
    """Several messages back, each with a call before it."""
    for _ in range(int(request)):
        yield str(_store().incr("seen"))


def collect(requests: Iterator[str], context: grpc.ServicerContext) -> str:
    """Several messages there."""
    names = list(requests)
    return str(_store().sadd("names", *names))


def chat(requests: Iterator[str], context: grpc.ServicerContext) -> Iterator[str]:
    """An answer to each."""
    for request in requests:
        yield f"{request} {_store().incr(request)}"
    context.set_code(grpc.StatusCode.OUT_OF_RANGE)
    context.set_details("no more")


def remind(request: str, context: grpc.ServicerContext) -> str:
    """An answer at once, and a call when it is over."""

    def later() -> None:
        time.sleep(LATER_SECONDS)
        _store().incr(f"reminded:{request}")

    # the pool of gRPC has daemons, whose threads would be, too
    threading.Thread(target=later, daemon=False).start()
    return "soon"


def _async_store() -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(URL, decode_responses=True)


async def reserve_async(request: str, context: Any) -> str:
    """As :func:`reserve`."""
    user = dict(context.invocation_metadata()).get("user", "")
    await context.send_initial_metadata((("room", "a1"),))
    left = await _async_store().decrby("stock", int(request))
    context.set_trailing_metadata((("left", str(left)), ("digest-bin", b"\x01\xff")))
    return f"{user} {left}"


async def refuse_async(request: str, context: Any) -> str:
    """As :func:`refuse`."""
    await _async_store().get("stock")
    context.set_trailing_metadata((("why", "sold out"),))
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out ✓")
    raise AssertionError("abort raises")


async def broken_async(request: str, context: Any) -> str:
    """As :func:`broken`."""
    raise ValueError(f"no {request}")


async def watch_async(request: str, context: Any) -> AsyncIterator[str]:
    """As :func:`watch`."""
    for _ in range(int(request)):
        yield str(await _async_store().incr("seen"))


async def collect_async(requests: AsyncIterator[str], context: Any) -> str:
    """As :func:`collect`."""
    names = [name async for name in requests]
    return str(await _async_store().sadd("names", *names))


async def chat_async(requests: AsyncIterator[str], context: Any) -> AsyncIterator[str]:
    """As :func:`chat`."""
    async for request in requests:
        yield f"{request} {await _async_store().incr(request)}"
    context.set_code(grpc.StatusCode.OUT_OF_RANGE)
    context.set_details("no more")


async def remind_async(request: str, context: Any) -> str:
    """As :func:`remind`."""

    async def later() -> None:
        await asyncio.sleep(LATER_SECONDS)
        await _async_store().incr(f"reminded:{request}")

    _later.append(asyncio.create_task(later()))
    return "soon"


async def write(requests: AsyncIterator[str], context: Any) -> None:
    """As :func:`chat_async`, by the context's own way to read and to write, which the standard
    instrumentation breaks.
    """
    while (request := await context.read()) is not grpc.aio.EOF:
        await context.write(f"{request} {await _async_store().incr(request)}")
    context.set_code(grpc.StatusCode.OUT_OF_RANGE)
    context.set_details("no more")


write.__name__ = "chat"


def _encoded(message: str | bytes) -> bytes:
    # grpc.aio encodes text itself before it asks
    return message.encode() if isinstance(message, str) else message


def _handlers(**kinds: Any) -> grpc.GenericRpcHandler:
    methods = {
        function.__name__.removesuffix("_async").title(): getattr(grpc, f"{kind}_rpc_method_handler")(
            function, request_deserializer=bytes.decode, response_serializer=_encoded
        )
        for kind, functions in kinds.items()
        for function in functions
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def blocking() -> grpc.Server:
    """The synchronous server, not started."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (
            _handlers(
                unary_unary=(reserve, refuse, broken, remind),
                unary_stream=(watch,),
                stream_unary=(collect,),
                stream_stream=(chat,),
            ),
        )
    )
    return server


async def asynchronous() -> grpc.aio.Server:
    """The asynchronous server, not started."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            _handlers(
                unary_unary=(reserve_async, refuse_async, broken_async, remind_async),
                unary_stream=(watch_async,),
                stream_unary=(collect_async,),
                stream_stream=(
                    write if os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS") else chat_async,
                ),
            ),
        )
    )
    return server


async def _serve() -> None:
    server = await asynchronous()
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*_later)
    await server.stop(None)


def main() -> None:
    """Serve until standard input ends; the port is the first line."""
    if sys.argv[1] == "asynchronous":
        asyncio.run(_serve())
        return
    server = blocking()
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(None).wait()


if __name__ == "__main__":
    main()
