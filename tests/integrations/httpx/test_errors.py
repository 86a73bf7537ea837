"""httpx, errors: the library's own, with causes; cancellation; and errors of ours that stay ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integrations.httpx.callers import Caller, thrice
from tests.integrations.ports import RecordingPort, using
from tests.integrations.upstream import CHUNKED, Received, Upstream, answer, chunk, chunked
from tests.services.ports import free_port


@pytest.fixture
def nobody() -> str:
    """A URL where nothing listens."""
    return f"http://127.0.0.1:{free_port()}/"


@pytest.mark.parametrize("body", [None, b"bytes", "generator"])
def test_no_connection(caller: Caller, upstream: Upstream, nobody: str, body: Any) -> None:
    def act() -> Any:
        return caller.request("POST", nobody, content=caller.body(b"a") if body == "generator" else body)

    told = thrice(upstream, act)

    assert told.seen.kind is httpx.ConnectError
    assert told.seen.cause.kind.__module__ == "httpcore"
    unread = [("body not read", f"request body of POST {nobody} was not sent to its end")]
    assert told.calls[0].gaps == (unread if body == "generator" else [])


def test_no_such_host(caller: Caller, upstream: Upstream) -> None:
    told = thrice(upstream, lambda: caller.request("GET", "http://no-such-host.invalid/"))

    assert told.seen.kind is httpx.ConnectError


def test_an_answer_that_takes_too_long(caller: Caller, upstream: Upstream) -> None:
    done = threading.Event()

    def serve(_request: Received) -> Iterator[bytes]:
        done.wait(10)
        yield b""

    url = upstream.on("/never", serve)

    told = thrice(upstream, lambda: caller.request("GET", url, timeout=httpx.Timeout(10, read=0.05)))
    done.set()

    assert told.seen.kind is httpx.ReadTimeout


@pytest.mark.parametrize(
    "served", [b"", b"this is not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"],
    ids=["hung up", "nonsense", "cut off"],
)  # fmt: skip
def test_an_answer_that_is_none(caller: Caller, upstream: Upstream, served: bytes) -> None:
    url = upstream.on("/bad", served)

    assert thrice(upstream, lambda: caller.request("GET", url)).seen.kind is httpx.RemoteProtocolError


def test_a_protocol_that_is_not_known(caller: Caller, upstream: Upstream) -> None:
    assert (
        thrice(upstream, lambda: caller.request("GET", "gopher://x/")).seen.kind is httpx.UnsupportedProtocol
    )


def test_a_pool_without_a_free_connection(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/one", chunked(b"one", b"two"))

    told = thrice(upstream, lambda: caller.crowded(url))

    assert told.seen.kind is httpx.PoolTimeout


@pytest.mark.parametrize("where", ["before the answer", "in the body"])
def test_a_cancelled_call_waits_to_be_cancelled_again(upstream: Upstream, where: str) -> None:
    done = threading.Event()

    def serve(_request: Received) -> Iterator[bytes]:
        if where == "in the body":
            yield CHUNKED.format("").encode() + chunk(b"some")
        done.wait(10)

    url = upstream.on("/never", serve)

    async def impatient() -> list[bytes]:
        got: list[bytes] = []
        arrived = asyncio.Event()

        async def read() -> None:
            async with httpx.AsyncClient(timeout=60) as http, http.stream("GET", url) as response:
                async for piece in response.aiter_raw():
                    got.append(piece)
                    arrived.set()

        task = asyncio.create_task(read())
        if where == "in the body":
            await arrived.wait()
        await asyncio.wait([task], timeout=0.05)  # it is on its way, and would go on for ever
        assert task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return got

    told = thrice(upstream, lambda: asyncio.run(impatient()))
    done.set()

    assert told.seen == ([b"some"] if where == "in the body" else [])


# -- the port


def test_a_call_that_goes_out_after_all_sends_the_body_that_was_read(
    caller: Caller, upstream: Upstream
) -> None:
    """A miss that is passed through, say."""
    url = upstream.on("/post", lambda request: iter([answer(request.body)]))

    class PassThrough(RecordingPort):
        def live(self, _caller: Any) -> bool:
            return False

    with using(PassThrough()) as port:
        seen = caller.request("POST", url, content=caller.body(b"one", b"two"))

    assert seen.content == b"onetwo"
    assert [call.asked.body for call in port.calls] == [b"onetwo"]


def test_a_recorder_that_fails_costs_the_app_nothing(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/ok", answer(b"ok"))

    class Broken(RecordingPort):
        def begin(self, *arguments: Any) -> Any:
            exchange: Any = super().begin(*arguments)
            exchange.finish = lambda _answer: 1 / 0  # what must not happen
            return exchange

    with using(Broken()):
        assert caller.request("GET", url).content == b"ok"
