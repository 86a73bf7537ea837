"""gRPC: every case live, recorded, and replayed without the server."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.instrumentation.grpc import aio_client_interceptors

import timetracer_otel
from tests.fidelity.apps import grpc_async_cases, grpc_cases
from tests.fidelity.apps.case import Case
from tests.fidelity.apps.grpc_clients import ended, message, method
from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.services.grpc_server import GrpcServer, struct
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.messages import GrpcReply, GrpcRequest
from timetracer_otel.redaction import Redactor

CASES = [*grpc_cases.CASES, *grpc_async_cases.CASES]


def run(case: Case) -> Any:
    return asyncio.run(case.function()) if case.is_async else case.function()


@pytest.mark.parametrize("case", CASES, ids=[case.path for case in CASES])
def test_live_recorded_replayed(case: Case, server: GrpcServer) -> None:
    live = run(case)
    with using(RecordingPort()) as recording:
        recorded = run(case)
    server.stop()
    with using(ReplayPort(recording.calls)) as replaying:
        replayed = run(case)

    assert recorded == live
    assert replayed == recorded
    assert replaying.unused == []


def changed(case_request: Any) -> Any:
    with grpc.insecure_channel(os.environ["GRPC_URL"]) as channel:
        return message(method(channel, "Reserve")(case_request))


def test_another_message_is_a_miss(server: GrpcServer) -> None:
    with using(RecordingPort()) as recording:
        changed(struct(n=1))

    with using(ReplayPort(recording.calls)), pytest.raises(MissError, match=r"/shop\.Stock/Reserve"):
        changed(struct(n=2))


def test_other_metadata_is_a_miss(server: GrpcServer) -> None:
    def call(user: str) -> None:
        with grpc.insecure_channel(os.environ["GRPC_URL"]) as channel:
            method(channel, "Reserve")(struct(n=1), metadata=(("user", user), ("traceparent", user)))

    with using(RecordingPort()) as recording:
        call("ada")

    with using(ReplayPort(recording.calls)), pytest.raises(MissError):
        call("bob")


def streamed() -> Any:
    """What a call says of itself while it streams, and once it is cancelled."""
    with grpc.insecure_channel(os.environ["GRPC_URL"]) as channel:
        read = method(channel, "Watch")(struct(many=3))
        told: list[Any] = [[message(each) for each in read], ended(read)]
        call = method(channel, "Forever")(struct(n=1))
        told.append([message(next(call)) for _ in range(3)])
        told.append([call.cancel(), call.cancelled(), call.done()])
        try:
            next(call)
        except grpc.RpcError as raised:
            told.append([raised is call, str(call.code()), call.details()])
        return told


def test_streams_by_themselves(server: GrpcServer) -> None:
    live = streamed()
    with using(RecordingPort()) as recording:
        recorded = streamed()
    server.stop()
    with using(ReplayPort(recording.calls)):
        replayed = streamed()

    assert recorded == live
    assert replayed == recorded


def test_reading_on_where_it_was_cancelled_is_refused(server: GrpcServer) -> None:
    def read(many: int) -> None:
        with grpc.insecure_channel(os.environ["GRPC_URL"]) as channel:
            call = method(channel, "Forever")(struct(n=1))
            for _ in range(many):
                next(call)
            call.cancel()

    with using(RecordingPort()) as recording:
        read(2)
        deadline = time.monotonic() + 60
        while recording.calls[0].answer is None and time.monotonic() < deadline:
            threading.Event().wait(0.01)

    with using(ReplayPort(recording.calls)), pytest.raises(ReplayError, match="cancelled here"):
        read(3)


def test_secrets_are_masked() -> None:
    masked: list[str] = []
    request = GrpcRequest(
        "/shop.Stock/Reserve",
        metadata=[("authorization", "Bearer abc"), ("x-api-key-bin", b"k"), ("user", "ada")],
        messages=[b'{"password": "x", "n": 1}', b"\x08\x01"],
    )
    reply = GrpcReply(messages=[b'{"token": "t"}'], trailing_metadata=[("set-cookie", "session=1")])

    clean = Redactor().message(request, masked)
    clean_reply = Redactor().message(reply, masked)

    assert clean.metadata == [
        ("authorization", "Bearer [REDACTED]"),
        ("x-api-key-bin", b"[REDACTED]"),
        ("user", "ada"),
    ]
    assert clean.messages == [b'{"password": "[REDACTED]", "n": 1}', b"\x08\x01"]
    assert clean_reply.messages == [b'{"token": "[REDACTED]"}']
    assert clean_reply.trailing_metadata == [("set-cookie", "session=[REDACTED]")]
    assert masked == [
        "gRPC metadata authorization",
        "gRPC metadata x-api-key-bin",
        "gRPC request password",
        "gRPC trailing metadata set-cookie",
        "gRPC response token",
    ]


async def cancelled() -> Any:
    async with grpc.aio.insecure_channel(os.environ["GRPC_URL"]) as channel:
        call = method(channel, "Hang")(struct(n=1))
        asyncio.get_running_loop().call_later(0.1, call.cancel)
        try:
            await call
        except asyncio.CancelledError:
            return [call.cancelled(), call.done(), str(await call.code()), await call.details()]
    return None


def test_an_asynchronous_call_that_is_cancelled(server: GrpcServer) -> None:
    live = asyncio.run(cancelled())
    with using(RecordingPort()) as recording:
        recorded = asyncio.run(cancelled())
    server.stop()
    with using(ReplayPort(recording.calls)):
        replayed = asyncio.run(cancelled())

    assert live == [True, True, "StatusCode.CANCELLED", "Locally cancelled by application!"]
    assert recorded == live
    assert replayed == recorded


async def cancelled_behind_an_interceptor(seen_by: AbstractContextManager[Any]) -> Any:
    """The channel lives on: it is the whole app's."""
    interceptors = aio_client_interceptors()
    async with grpc.aio.insecure_channel(os.environ["GRPC_URL"], interceptors=interceptors) as channel:
        with seen_by:
            call = method(channel, "Hang")(struct(n=2))
            asyncio.get_running_loop().call_later(0.2, call.cancel)
            try:
                await call
            except asyncio.CancelledError:
                return [call.cancelled(), call.done()]
    return None


def test_an_asynchronous_call_that_is_cancelled_behind_an_interceptor(
    server: GrpcServer, tmp_path: Path
) -> None:
    """Contrib's waits for the status; its task is what is cancelled, and the call is told by nobody."""
    live = asyncio.run(cancelled_behind_an_interceptor(nullcontext()))
    recorded = asyncio.run(cancelled_behind_an_interceptor(timetracer_otel.record(tmp_path)))
    server.stop()
    replayed = asyncio.run(cancelled_behind_an_interceptor(timetracer_otel.replay(tmp_path)))

    assert live == [True, True]
    assert recorded == live
    assert replayed == recorded


async def after_a_thread() -> Any:
    """As :func:`ping_pong`, once something else has started a thread."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return await grpc_async_cases.ping_pong()


async def beside_another_channel() -> Any:
    """The thread that grpc.aio polls in goes on while there is a channel."""
    async with grpc.aio.insecure_channel("127.0.0.1:1"):
        return await grpc_async_cases.ping_pong()


@pytest.mark.parametrize("other", [after_a_thread, beside_another_channel])
def test_a_stream_that_waits_for_answers_is_found_in_whatever_task(
    other: Callable[[], Coroutine[Any, Any, Any]], server: GrpcServer, tmp_path: Path
) -> None:
    """Tasks are numbered along with threads, of which one more or less may be started."""
    with timetracer_otel.record(tmp_path):
        recorded = asyncio.run(grpc_async_cases.ping_pong())
    server.stop()
    with timetracer_otel.replay(tmp_path) as session:
        replayed = asyncio.run(asyncio.wait_for(other(), 60))

    assert replayed == recorded
    assert session.unused == []


def test_which_channels_there_are_changes_no_lane(server: GrpcServer, tmp_path: Path) -> None:
    lanes = []
    for call in (grpc_async_cases.ping_pong, beside_another_channel):
        with timetracer_otel.record(tmp_path) as recording:
            asyncio.run(call())
        assert recording.path is not None
        lanes.append([call.lane for call in Cassette.load(recording.path).calls()])
    assert lanes == [[1], [1]]


def test_a_stream_of_which_nothing_was_recorded_is_a_miss(server: GrpcServer, tmp_path: Path) -> None:
    """And no wait without an end: the app sends nothing more before it is answered."""
    with timetracer_otel.record(tmp_path):
        changed(struct(n=1))
    with (
        pytest.raises(MissError, match=r"/shop\.Stock/Chat"),
        timetracer_otel.replay(tmp_path),
    ):
        asyncio.run(asyncio.wait_for(grpc_async_cases.ping_pong(), 60))
