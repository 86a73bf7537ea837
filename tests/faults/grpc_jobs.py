"""What requests do with gRPC, as clients."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct
from grpc.experimental import ChannelOptions

from tests.faults.seen import OwnError, attempt, attempt_async
from tests.fidelity.apps.grpc_clients import ended, ended_async, message, method
from tests.services.grpc_server import struct

_ADDRESS = os.environ["GRPC_URL"]
_SINGLE = ((ChannelOptions.SingleThreadedUnaryStream, 1),)
_METADATA = (("user", "ada"), ("raw-bin", b"\x00"))


def calls() -> Any:
    """Every way to call of the synchronous classes."""
    with grpc.insecure_channel(_ADDRESS) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
        one, call = method(channel, "Reserve").with_call(struct(item="tea"), metadata=_METADATA, timeout=60)
        future = method(channel, "Reserve").future(struct(item="mate"), timeout=60)
        collected = method(channel, "Collect").future(_asked(2), timeout=60)
        chat = method(channel, "Chat")(_asked(2), timeout=60)
        seen: list[Any] = [
            [message(one), ended(call)],
            [message(future.result()), ended(future)],
            _read(method(channel, "Watch")(struct(many=3), timeout=60)),
            message(method(channel, "Collect")(_asked(2), timeout=60)),
            [message(collected.result()), ended(collected)],
            [*map(message, chat), ended(chat)],
            _failed(lambda: method(channel, "Refuse")(struct(item="tea"), timeout=60)),
            _failed(lambda: list(method(channel, "BreakOff")(struct(item="tea"), timeout=60))),
            _failed(lambda: method(channel, "Collect")(_failing(), timeout=60)),
            attempt(lambda: method(channel, "Reserve")("no message", timeout=60)),
            _enough(method(channel, "Forever")(struct(item="tea"), timeout=60)),
        ]
    with grpc.insecure_channel(_ADDRESS, _SINGLE) as channel:
        seen.append(_read(method(channel, "Watch")(struct(many=2), timeout=60)))
    return seen


def _asked(count: int) -> Iterator[Struct]:
    for number in range(count):
        yield struct(number=number)


def _failing() -> Iterator[Struct]:
    yield struct(number=1)
    raise OwnError("in the middle of a stream")


def _read(call: Any) -> Any:
    return [list(map(message, call)), ended(call)]


def _enough(call: Any) -> Any:
    first = message(next(call))
    call.cancel()
    return [first, str(call.code()), call.details()]


def _failed(ask: Any) -> Any:
    try:
        return ask()
    except grpc.RpcError as error:
        return [type(error).__name__, *(str(part) for part in (error.code(), error.details()))]


async def calls_async() -> Any:
    """As :func:`calls`, of the asynchronous classes."""
    async with grpc.aio.insecure_channel(_ADDRESS) as channel:
        state = channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(state)
            state = channel.get_state()
        one = method(channel, "Reserve")(struct(item="tea"), metadata=_METADATA, timeout=60)
        watch = method(channel, "Watch")(struct(many=3), timeout=60)
        read = method(channel, "Watch")(struct(many=2), timeout=60)
        collected = method(channel, "Collect")(_asked_async(2), timeout=60)
        chat = method(channel, "Chat")(timeout=60)
        forever = method(channel, "Forever")(struct(item="tea"), timeout=60)
        seen: list[Any] = [
            [message(await one), await ended_async(one)],
            [[message(each) async for each in watch], await ended_async(watch)],
            [message(await read.read()), message(await read.read()), await read.read() is grpc.aio.EOF],
            [message(await collected), await ended_async(collected)],
        ]
        for number in range(2):
            await chat.write(struct(number=number))
            seen.append(message(await chat.read()))
        await chat.done_writing()
        seen += [await chat.read() is grpc.aio.EOF, await ended_async(chat)]
        seen += [message(await forever.read()), forever.cancel(), str(await forever.code())]
        seen.append(await _failed_async(method(channel, "Refuse")(struct(item="tea"), timeout=60)))
        seen.append(await attempt_async(_refused(channel)))
        return seen


async def _refused(channel: Any) -> Any:
    return await method(channel, "Reserve")("no message", timeout=60)


async def _asked_async(count: int) -> AsyncIterator[Struct]:
    for number in range(count):
        yield struct(number=number)


async def _failed_async(call: Any) -> Any:
    try:
        return message(await call)
    except grpc.RpcError as error:
        return [type(error).__name__, str(error.code()), error.details()]
