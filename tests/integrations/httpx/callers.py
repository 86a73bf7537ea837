"""Both ways to call httpx, everything an app can see of what comes back, and acting three times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.upstream import Upstream


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
        elapsed=has_elapsed(response),
        closed=response.is_closed,
    )


def has_elapsed(response: httpx.Response) -> bool:
    try:
        return response.elapsed.total_seconds() > 0
    except RuntimeError:  # a response made in this process was never on its way
        return False


def raised(error: BaseException) -> Raised:
    request = getattr(error, "_request", None)
    return Raised(
        kind=type(error),
        text=str(error),
        args=tuple(raised(arg) if isinstance(arg, BaseException) else arg for arg in error.args),
        request=None if request is None else f"{request.method} {request.url}",
        cause=None if error.__cause__ is None else raised(error.__cause__),
    )


def hook_saw(response: httpx.Response) -> Any:
    return (
        response.status_code,
        f"{response.request.method} {response.request.url}",
        response.is_stream_consumed,
    )


async def nothing() -> AsyncIterator[bytes]:
    no: tuple[bytes, ...] = ()
    for piece in no:
        yield piece


class Sync:
    """Calls httpx from functions."""

    def request(self, method: str, url: str, *, client: dict[str, Any] | None = None, **options: Any) -> Any:
        with httpx.Client(**(client or {})) as http:
            try:
                return seen(http.request(method, url, **options))
            except Exception as error:
                return raised(error)

    def read(
        self, url: str, how: str, stop: int | None = None, on_piece: Callable[[Any], None] | None = None
    ) -> Any:
        """Stream a response; stop after so many pieces."""
        got: list[bytes] = []
        with httpx.Client() as http:
            try:
                with http.stream("GET", url) as response:
                    for piece in getattr(response, f"iter_{how}")() if stop != 0 else ():
                        got.append(piece)
                        if on_piece:
                            on_piece(piece)
                        if len(got) == stop:
                            break
                return seen(response, got)
            except httpx.HTTPError as error:
                return got, raised(error)

    def body(self, *pieces: bytes, on_start: Callable[[], Any] = list) -> Any:
        def body() -> Iterator[bytes]:
            on_start()
            yield from pieces

        return body()

    def stream_kept(self, method: str, url: str, **options: Any) -> bool:
        with httpx.Client() as http:
            request = http.build_request(method, url, **options)
            stream = request.stream
            http.send(request)
            return request.stream is stream

    def hooked(self, url: str) -> list[Any]:
        got: list[Any] = []
        hooks = {
            "request": [lambda request: got.append((request.method, str(request.url)))],
            "response": [lambda response: got.append(hook_saw(response))],
        }
        with httpx.Client(event_hooks=hooks) as http:
            http.get(url)
        return got

    def mounts(self) -> dict[str, Any]:
        class Own(httpx.HTTPTransport):
            pass

        return {"mounts": {"http://": Own(retries=1)}}

    def crowded(self, url: str) -> Any:
        with (
            httpx.Client(limits=httpx.Limits(max_connections=1)) as http,
            http.stream("GET", url),
            pytest.raises(httpx.HTTPError) as caught,
        ):
            http.get(url, timeout=httpx.Timeout(10, pool=0.05))
        return raised(caught.value)

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

    def read(
        self, url: str, how: str, stop: int | None = None, on_piece: Callable[[Any], None] | None = None
    ) -> Any:
        async def read() -> Any:
            got: list[bytes] = []
            async with httpx.AsyncClient() as http:
                try:
                    async with http.stream("GET", url) as response:
                        async for piece in getattr(response, f"aiter_{how}")() if stop != 0 else nothing():
                            got.append(piece)
                            if on_piece:
                                on_piece(piece)
                            if len(got) == stop:
                                break
                    return seen(response, got)
                except httpx.HTTPError as error:
                    return got, raised(error)

        return asyncio.run(read())

    def body(self, *pieces: bytes, on_start: Callable[[], Any] = list) -> Any:
        async def body() -> AsyncIterator[bytes]:
            on_start()
            for piece in pieces:
                yield piece

        return body()

    def stream_kept(self, method: str, url: str, **options: Any) -> bool:
        async def kept() -> bool:
            async with httpx.AsyncClient() as http:
                request = http.build_request(method, url, **options)
                stream = request.stream
                await http.send(request)
                return request.stream is stream

        return asyncio.run(kept())

    def hooked(self, url: str) -> list[Any]:
        got: list[Any] = []

        async def request(request: httpx.Request) -> None:
            got.append((request.method, str(request.url)))

        async def response(response: httpx.Response) -> None:
            got.append(hook_saw(response))

        async def act() -> None:
            async with httpx.AsyncClient(event_hooks={"request": [request], "response": [response]}) as http:
                await http.get(url)

        asyncio.run(act())
        return got

    def mounts(self) -> dict[str, Any]:
        class Own(httpx.AsyncHTTPTransport):
            pass

        return {"mounts": {"http://": Own(retries=1)}}

    def crowded(self, url: str) -> Any:
        async def act() -> Any:
            async with (
                httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as http,
                http.stream("GET", url),
            ):
                with pytest.raises(httpx.HTTPError) as caught:
                    await http.get(url, timeout=httpx.Timeout(10, pool=0.05))
                return raised(caught.value)

        return asyncio.run(act())

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
