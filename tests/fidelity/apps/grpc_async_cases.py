"""grpcio, asynchronous channels."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.grpc_clients import ended_async, error, message, metadata, method
from tests.services.grpc_server import struct

CASES = Cases("gRPC, asynchronous", "grpc-async")


def channel() -> Any:
    return grpc.aio.insecure_channel(os.environ["GRPC_URL"])


@CASES("one message each way; metadata both ways")
async def unary() -> Any:
    async with channel() as open_channel:
        reserve = method(open_channel, "Reserve")
        call = reserve(struct(n=2), metadata=(("user", "ada"),))
        answer = await call
        return [
            message(answer),
            await ended_async(call),
            message(await reserve(struct(n=1), timeout=10)),
            message(await method(open_channel, "AskJson")(b'{"n": 1}')),
        ]


@CASES("errors: code, details, trailers; a deadline; a server that is not there")
async def errors() -> Any:
    told: list[Any] = []
    async with channel() as open_channel:
        for name, timeout in (("Refuse", None), ("Hang", 0.1)):
            try:
                await method(open_channel, name)(struct(n=1), timeout=timeout)
            except grpc.aio.AioRpcError as raised:
                told += [error(raised)]
    async with grpc.aio.insecure_channel("127.0.0.1:1") as open_channel:
        try:
            await method(open_channel, "Reserve")(struct(n=1), timeout=10)
        except grpc.aio.AioRpcError as raised:
            told.append([str(raised.code()), metadata(raised.trailing_metadata())])
    return told


@CASES("messages that stream back: iterated, read one by one, an error after two")
async def streaming_back() -> Any:
    told: list[Any] = []
    async with channel() as open_channel:
        call = method(open_channel, "Watch")(struct(many=4))
        told.append([message(each) async for each in call])
        call = method(open_channel, "BreakOff")(struct(n=1))
        try:
            async for each in call:
                told.append(message(each))  # noqa: PERF401  # what came before the error is kept
        except grpc.aio.AioRpcError as raised:
            told.append(error(raised))
    return told


@CASES("messages that stream there, from generators of either colour")
async def streaming_there() -> Any:
    async def numbers() -> AsyncIterator[Any]:
        for n in range(3):
            yield struct(n=n, more={"a": n, "b": n, "c": n})

    async with channel() as open_channel:
        collect = method(open_channel, "Collect")
        return [
            message(await collect(numbers())),
            message(await collect([struct(n=1), struct(n=2)])),
        ]


@CASES("both ways: each message waits for the answer to the one before")
async def ping_pong() -> Any:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def turns() -> AsyncIterator[Any]:
        yield struct(turn=0)
        for turn in range(1, 4):
            yield struct(turn=turn, heard=await heard.get())

    async with channel() as open_channel:
        told = []
        async for each in method(open_channel, "Chat")(turns()):
            told.append(message(each))
            heard.put_nowait(told[-1][1]["echo"]["turn"])
        return told


@CASES("calls side by side")
async def side_by_side() -> Any:
    async with channel() as open_channel:
        await open_channel.channel_ready()
        reserve = method(open_channel, "Reserve")

        async def call(n: int) -> Any:
            return message(await reserve(struct(n=n)))

        return await asyncio.gather(*(call(n % 3) for n in range(8)))
