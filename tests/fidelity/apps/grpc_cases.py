"""grpcio, synchronous channels."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.grpc_clients import ended, error, message, metadata, method
from tests.services.grpc_server import struct

CASES = Cases("gRPC", "grpc")


def channel() -> Any:
    return grpc.insecure_channel(os.environ["GRPC_URL"])


@CASES("one message each way: called, with_call, future; metadata both ways")
def unary() -> Any:
    with channel() as open_channel:
        reserve = method(open_channel, "Reserve")
        answer, call = reserve.with_call(struct(n=2), metadata=(("user", "ada"),))
        future = reserve.future(struct(n=3), timeout=10)
        called: queue.Queue[str] = queue.Queue()
        future.add_done_callback(lambda done: called.put(str(done.code())))
        return [
            message(reserve(struct(n=1, deep={"a": 1, "b": 2, "c": 3}))),
            message(answer),
            ended(call),
            message(future.result(timeout=10)),
            future.exception(),
            called.get(timeout=10),
            ended(future),
            [future.done(), future.cancelled(), future.running()],
        ]


@CASES("no protobuf: bytes as they are")
def raw() -> Any:
    with channel() as open_channel:
        return message(method(open_channel, "AskJson")(b'{"n": 1}'))


@CASES("errors: code, details, trailers; raised, and of a future")
def errors() -> Any:
    told: list[Any] = []
    with channel() as open_channel:
        refuse = method(open_channel, "Refuse")
        try:
            refuse(struct(n=1))
        except grpc.RpcError as raised:
            told += [error(raised), str(raised).splitlines()[:3]]
        future = refuse.future(struct(n=2))
        try:
            future.result(timeout=10)
        except grpc.RpcError as raised:
            told += [error(raised), raised is future, future.exception() is future]
    return told


@CASES("a server that is not there")
def unavailable() -> Any:
    with grpc.insecure_channel("127.0.0.1:1") as open_channel:
        try:
            method(open_channel, "Reserve")(struct(n=1), timeout=10)
        except grpc.RpcError as raised:
            return [str(raised.code()), bool(raised.details()), metadata(raised.trailing_metadata())]
    return None


@CASES("a deadline, and a future that is cancelled")
def giving_up() -> Any:
    told: list[Any] = []
    with channel() as open_channel:
        hang = method(open_channel, "Hang")
        try:
            hang(struct(n=1), timeout=0.1)
        except grpc.RpcError as raised:
            told.append(error(raised))
        future = hang.future(struct(n=2))
        told.append(future.cancel())
        told.append([future.cancelled(), future.done(), str(future.code()), future.details()])
        try:
            future.result(timeout=10)
        except grpc.FutureCancelledError as raised:
            told.append([type(raised).__name__, raised.args])
    return told


@CASES("messages that stream back: read to the end, none, an error after two, one thread")
def streaming_back() -> Any:
    told: list[Any] = []
    with channel() as open_channel:
        watch = method(open_channel, "Watch")
        for many in (4, 0):
            call = watch(struct(many=many))
            told.append([message(each) for each in call])
        call = method(open_channel, "BreakOff")(struct(n=1))
        try:
            told.extend(map(message, call))
        except grpc.RpcError as raised:
            told.append(error(raised))
    options = [(grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1)]
    with grpc.insecure_channel(os.environ["GRPC_URL"], options=options) as open_channel:
        call = method(open_channel, "Watch")(struct(many=3))
        told.append([message(each) for each in call])
    return told


@CASES("messages that stream there: from a list, a generator, as a future")
def streaming_there() -> Any:
    def numbers() -> Iterator[Any]:
        for n in range(3):
            yield struct(n=n, more={"a": n, "b": n, "c": n})

    with channel() as open_channel:
        collect = method(open_channel, "Collect")
        answer, call = collect.with_call(numbers())
        return [
            message(collect(iter([struct(n=1), struct(n=2)]))),
            message(answer),
            ended(call),
            message(collect.future(numbers()).result(timeout=10)),
            message(collect(iter([]))),
        ]


@CASES("both ways: each message waits for the answer to the one before")
def ping_pong() -> Any:
    heard: queue.Queue[Any] = queue.Queue()

    def turns() -> Iterator[Any]:
        yield struct(turn=0)
        for turn in range(1, 4):
            yield struct(turn=turn, heard=heard.get(timeout=10))

    with channel() as open_channel:
        call = method(open_channel, "Chat")(turns())
        told = []
        for each in call:
            told.append(message(each))
            heard.put(told[-1][1]["echo"]["turn"])
        return [told, ended(call)]


@CASES("both ways at once, and an error before all was sent")
def both_ways() -> Any:
    with channel() as open_channel:
        call = method(open_channel, "Chat")(iter([struct(n=n) for n in range(5)]))
        told: list[Any] = [[message(each) for each in call], ended(call)]
        more = threading.Event()

        def first_of_many() -> Iterator[Any]:
            yield struct(n=1)
            more.wait(10)

        stopping = method(open_channel, "StopEarly")(first_of_many())
        try:
            told.extend(map(message, stopping))
        except grpc.RpcError as raised:
            told.append(error(raised))
        more.set()
        return told


@CASES("equal calls in threads, each its own answer")
def in_threads() -> Any:
    with channel() as open_channel, ThreadPoolExecutor(4) as executor:
        reserve = method(open_channel, "Reserve")
        return [message(each) for each in executor.map(lambda n: reserve(struct(n=n % 3)), range(8))]


@CASES("waiting for a channel that is ready, an interceptor of the app's")
def ready() -> Any:
    seen: list[str] = []

    class Noting(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append(details.method)
            return continuation(details, request)

    with channel() as open_channel:
        grpc.channel_ready_future(open_channel).result(timeout=10)
        reserve = method(grpc.intercept_channel(open_channel, Noting()), "Reserve")
        return [message(reserve(struct(n=1))), seen]
