"""httpx: what the app sees live is what it sees while recording and in replay, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.upstream import Upstream, answer
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.httpx import HttpxIntegration
from timetracer_otel.messages import HttpRequest, HttpResponse


@pytest.fixture(autouse=True)
def integration() -> Iterator[HttpxIntegration]:
    integration = HttpxIntegration()
    wrapping.install(integration)
    yield integration
    wrapping.uninstall(integration)


@pytest.fixture(params=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Sync | Async:
    return Sync() if request.param == "sync" else Async()


class Seen(msgspec.Struct, kw_only=True):
    """Everything an app can see of a response."""

    status: int
    reason: str
    version: str
    url: str
    headers: list[tuple[bytes, bytes]]
    content: bytes = b""
    raw: list[bytes] = []
    downloaded: int
    cookies: list[tuple[str, str | None, str]]
    encoding: str | None
    history: list[Seen] = []
    elapsed: bool
    closed: bool


class Raised(msgspec.Struct):
    """Everything an app can see of an exception."""

    kind: type[BaseException]
    text: str
    args: tuple[Any, ...]
    request: str | None
    cause: Raised | None


def seen(response: httpx.Response, raw: list[bytes] | None = None) -> Seen:
    return Seen(
        status=response.status_code,
        reason=response.reason_phrase,
        version=response.http_version,
        url=str(response.url),
        headers=response.headers.raw,
        content=response.content if raw is None else b"",
        raw=raw or [],
        downloaded=response.num_bytes_downloaded,
        cookies=[(cookie.name, cookie.value, cookie.path) for cookie in response.cookies.jar],
        encoding=response.encoding,
        history=[seen(earlier) for earlier in response.history],
        elapsed=response.elapsed.total_seconds() > 0,
        closed=response.is_closed,
    )


def raised(error: BaseException) -> Raised:
    request = getattr(error, "_request", None)
    return Raised(
        kind=type(error),
        text=str(error),
        args=tuple(raised(arg) if isinstance(arg, BaseException) else arg for arg in error.args),
        request=None if request is None else f"{request.method} {request.url}",
        cause=None if error.__cause__ is None else raised(error.__cause__),
    )


class Sync:
    """Calls httpx from functions."""

    def request(self, method: str, url: str, *, client: dict[str, Any] | None = None, **options: Any) -> Any:
        with httpx.Client(**(client or {})) as http:
            try:
                return seen(http.request(method, url, **options))
            except Exception as error:
                return raised(error)

    def read(self, url: str, how: str, pieces: int | None = None, **options: Any) -> Any:
        """Stream a response; stop after so many pieces."""
        got: list[bytes] = []
        with httpx.Client() as http:
            try:
                with http.stream("GET", url, **options) as response:
                    for piece in getattr(response, f"iter_{how}")():
                        got.append(piece)
                        if len(got) == pieces:
                            break
                return seen(response, got)
            except httpx.HTTPError as error:
                return got, raised(error)

    def body(self, *pieces: bytes) -> Any:
        return iter(pieces)

    def failing_body(self, error: Exception, *pieces: bytes) -> Any:
        def body() -> Iterator[bytes]:
            yield from pieces
            raise error

        return body()


class Async:
    """Calls httpx from coroutines."""

    def request(self, method: str, url: str, *, client: dict[str, Any] | None = None, **options: Any) -> Any:
        async def request() -> Any:
            async with httpx.AsyncClient(**(client or {})) as http:
                try:
                    return seen(await http.request(method, url, **options))
                except Exception as error:
                    return raised(error)

        return asyncio.run(request())

    def read(self, url: str, how: str, pieces: int | None = None, **options: Any) -> Any:
        async def read() -> Any:
            got: list[bytes] = []
            async with httpx.AsyncClient() as http:
                try:
                    async with http.stream("GET", url, **options) as response:
                        async for piece in getattr(response, f"aiter_{how}")():
                            got.append(piece)
                            if len(got) == pieces:
                                break
                    return seen(response, got)
                except httpx.HTTPError as error:
                    return got, raised(error)

        return asyncio.run(read())

    def body(self, *pieces: bytes) -> Any:
        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return body()

    def failing_body(self, error: Exception, *pieces: bytes) -> Any:
        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece
            raise error

        return body()


Caller = Sync | Async


class Told(msgspec.Struct):
    """What one action saw the three times, which was the same, and what was recorded."""

    seen: Any
    calls: list[Recorded]


def thrice(upstream: Upstream, act: Callable[[], Any], **recorder: Any) -> Told:
    """Act live, while recording, and in replay with the upstream stopped: always the same."""
    live = act()
    upstream.again()
    with using(RecordingPort(**recorder)) as recording:
        recorded = act()
    upstream.stop()
    with using(ReplayPort(recording.calls, **recorder)) as replay:
        replayed = act()
    assert recorded == live
    assert replayed == live
    assert replay.unused == []
    return Told(live, recording.calls)


# -- responses


BODIES = {
    "nothing": b"",
    "text": "Grüße".encode(),
    "bytes": bytes(range(256)),
    "large": bytes(range(256)) * 2000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_the_same_to_the_byte(caller: Caller, upstream: Upstream, body: bytes) -> None:
    url = upstream.on("/body", answer(body, "Content-Type: application/octet-stream"))

    told = thrice(upstream, lambda: caller.request("GET", url))

    assert told.seen.content == body


def test_a_call_is_recorded_as_it_went_over_the_wire(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/orders", answer(b'{"id":7}', "Content-Type: application/json", status="201 Made"))

    told = thrice(upstream, lambda: caller.request("POST", url + "?a=1#part", content=b'{"n": 1}'))

    [call] = told.calls
    assert isinstance(call.asked, HttpRequest)
    assert (call.asked.method, call.asked.url, call.asked.body) == ("POST", url + "?a=1", b'{"n": 1}')
    assert [name for name, _ in call.asked.headers] == [
        "Host", "Accept", "Accept-Encoding", "Connection", "User-Agent", "Content-Length",
    ]  # fmt: skip
    assert call.answered == HttpResponse(
        status=201,
        headers=[("Content-Type", "application/json"), ("Content-Length", "8"), ("Connection", "close")],
        body=b'{"id":7}',
        reason="Made",
        http_version="HTTP/1.1",
    )
    assert call.gaps == []
