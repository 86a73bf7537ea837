"""httpx: what the app sees live is what it sees while recording and in replay, byte for byte."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import brotli
import httpx
import msgspec
import pytest

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.upstream import CHUNKED, Received, Upstream, answer, chunk
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.httpx import HttpxIntegration
from timetracer_otel.messages import Failure, HttpRequest, HttpResponse


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
    for piece in ():
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


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)]
)
@pytest.mark.parametrize("how", ["raw", "bytes", "text", "lines"])
def test_a_compressed_body_is_decoded_above_the_recording(
    caller: Caller, upstream: Upstream, encoding: str, encode: Callable[[bytes], bytes], how: str
) -> None:
    body = encode(b"line one\nline two\n" * 50)
    url = upstream.on("/zip", answer(body, f"Content-Encoding: {encoding}", "Content-Type: text/plain"))

    told = thrice(upstream, lambda: caller.read(url, how))

    [call] = told.calls
    assert isinstance(call.answered, HttpResponse)
    assert call.answered.body == body


def test_headers_keep_order_case_and_repetition(caller: Caller, upstream: Upstream) -> None:
    fields = [
        "Set-Cookie: a=1; Path=/",
        "X-Z: last",
        "x-a: caf\xe9",
        "SET-COOKIE: b=2; Path=/x",
        "X-A: again",
    ]
    url = upstream.on("/headers", answer(b"", *fields))

    told = thrice(upstream, lambda: caller.request("GET", url))

    assert told.seen.headers[:5] == [
        (b"Set-Cookie", b"a=1; Path=/"),
        (b"X-Z", b"last"),
        (b"x-a", b"caf\xe9"),
        (b"SET-COOKIE", b"b=2; Path=/x"),
        (b"X-A", b"again"),
    ]
    assert told.seen.cookies == [("a", "1", "/"), ("b", "2", "/x")]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "404 Nowhere", "500 Oh", "299 "])
def test_any_status_is_an_answer(caller: Caller, upstream: Upstream, status: str) -> None:
    url = upstream.on("/status", f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    told = thrice(upstream, lambda: caller.request("GET", url))

    assert f"{told.seen.status} {told.seen.reason}" == status


def test_http_1_0_until_the_connection_closes(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/old", b"HTTP/1.0 200 Fine\r\n\r\nold times")

    told = thrice(upstream, lambda: caller.request("GET", url))

    assert (told.seen.version, told.seen.content) == ("HTTP/1.0", b"old times")


def test_a_head_has_no_body(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/head", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    assert thrice(upstream, lambda: caller.request("HEAD", url)).seen.content == b""


def test_equal_calls_get_their_answers_in_order(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/count", lambda request: iter([answer(b"%d" % request.number)]))

    def three() -> list[Any]:
        upstream.again()
        return [caller.request("GET", url) for _ in range(3)]

    assert [one.content for one in thrice(upstream, three).seen] == [b"0", b"1", b"2"]


# -- streams


def pieces(*bodies: bytes, content_type: str = "text/event-stream") -> Callable[[Received], Iterator[bytes]]:
    """Serve a chunked body, each chunk in a segment of its own."""

    def serve(_request: Received) -> Iterator[bytes]:
        yield CHUNKED.format(f"Content-Type: {content_type}\r\n").encode()
        for body in bodies:
            yield chunk(body)
        yield chunk(b"")

    return serve


@pytest.mark.parametrize("how", ["raw", "bytes", "text", "lines"])
def test_a_streamed_body_comes_in_its_pieces(caller: Caller, upstream: Upstream, how: str) -> None:
    url = upstream.on("/events", pieces(b"data: 1\n\n", b"data: 2\n\nda", b"ta: 3\n\n"))

    told = thrice(upstream, lambda: caller.read(url, how))

    [call] = told.calls
    assert isinstance(call.answered, HttpResponse)
    assert call.answered.pieces() == [b"data: 1\n\n", b"data: 2\n\nda", b"ta: 3\n\n"]
    times = [at for _, at in call.answered.chunks or []]
    assert times == sorted(times)


def test_while_recording_each_piece_arrives_before_the_next_is_sent(
    caller: Caller, upstream: Upstream
) -> None:
    arrived = threading.Event()

    def serve(_request: Received) -> Iterator[bytes]:
        yield CHUNKED.format("").encode() + chunk(b"first")
        assert arrived.wait(10), "the first piece was held back"
        yield chunk(b"second") + chunk(b"")

    url = upstream.on("/slow", serve)
    with using(RecordingPort()) as port:
        got = caller.read(url, "raw", on_piece=lambda _piece: arrived.set())

    assert got.raw == [b"first", b"second"]
    assert port.calls[0].answered.pieces() == [b"first", b"second"]


def test_a_stream_left_early_is_left_early_in_replay(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/endless", pieces(b"one", b"two", b"three"))

    told = thrice(upstream, lambda: caller.read(url, "raw", stop=1).raw)

    [call] = told.calls
    assert isinstance(call.answered, HttpResponse)
    assert not call.answered.complete
    with using(ReplayPort(told.calls)), pytest.raises(ReplayError, match="now reads on: record again"):
        caller.read(url, "raw")


def test_a_body_nobody_read(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/unread", answer(b"never mind"))

    told = thrice(upstream, lambda: caller.read(url, "raw", stop=0).status)

    assert told.calls[0].answered == HttpResponse(
        status=200,
        headers=[("Content-Length", "10"), ("Connection", "close")],
        reason="OK",
        http_version="HTTP/1.1",
        complete=False,
    )


@pytest.mark.parametrize("how", ["raw", "bytes"])
def test_a_stream_that_breaks_gives_its_pieces_and_then_breaks(
    caller: Caller, upstream: Upstream, how: str
) -> None:
    url = upstream.on(
        "/broken", lambda _request: iter([CHUNKED.format("").encode(), chunk(b"some"), b"5\r\nno"])
    )

    told = thrice(upstream, lambda: caller.read(url, how))

    got, error = told.seen
    assert b"".join(got) == b"someno"
    assert error.kind is httpx.RemoteProtocolError
    assert error.request == f"GET {url}"


def test_a_body_that_is_not_what_it_says_fails_alike(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/liar", answer(b"this is no gzip", "Content-Encoding: gzip"))

    assert thrice(upstream, lambda: caller.request("GET", url)).seen.kind is httpx.DecodingError


def test_a_body_over_the_limit_is_a_gap_and_the_app_has_all_of_it(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/big", pieces(b"x" * 60, b"y" * 60))

    with using(RecordingPort(body_limit=100)) as port:
        told = caller.read(url, "raw")

    assert told.raw == [b"x" * 60, b"y" * 60]
    [call] = port.calls
    assert call.gaps == [("body over limit", f"response body of GET {url}: over 100 bytes")]
    assert isinstance(call.answered, HttpResponse)
    assert (call.answered.status, call.answered.body) == (200, None)
    with using(ReplayPort(port.calls)):
        assert caller.read(url, "raw", stop=0).status == 200
    with using(ReplayPort(port.calls)), pytest.raises(ReplayError, match="TIMETRACER_MAX_BODY_KB"):
        caller.read(url, "raw")


def test_pieces_wait_for_each_other_when_asked_to(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = upstream.on("/paced", pieces(b"one", b"two"))
    with using(RecordingPort()) as port:
        Sync().read(url, "raw")
    [call] = port.calls
    slow = call.answered
    assert isinstance(slow, HttpResponse)
    slow.chunks = [[3, 3600 * 10**9], [3, 7200 * 10**9]]
    call.answer = Recorded.write(slow)

    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    with using(ReplayPort(port.calls)):
        assert Sync().read(url, "raw").raw == [b"one", b"two"]
    assert slept == []
    with using(ReplayPort(port.calls, pace=True)):
        assert Sync().read(url, "raw").raw == [b"one", b"two"]
    assert [round(seconds / 3600) for seconds in slept] == [1, 2]


# -- requests


BODIES_SENT: dict[str, Callable[[Caller], dict[str, Any]]] = {
    "bytes": lambda caller: {"content": b"\x00\xff"},
    "text": lambda caller: {"content": "Grüße"},
    "json": lambda caller: {"json": {"b": [1, 2.5, None], "a": "ü"}},
    "form": lambda caller: {"data": {"name": "a b", "tags": ["x", "y"]}},
    "multipart": lambda caller: {"data": {"k": "v"}, "files": {"f": ("n.bin", b"\x00\x01\xff", "image/png")}},
    "generator": lambda caller: {"content": caller.body(b"one", b"two")},
    "nothing from a generator": lambda caller: {"content": caller.body()},
}


@pytest.mark.parametrize("sent", BODIES_SENT.values(), ids=BODIES_SENT)
def test_a_request_body_arrives_and_is_recorded(
    caller: Caller, upstream: Upstream, sent: Callable[[Caller], dict[str, Any]]
) -> None:
    url = upstream.on("/post", lambda request: iter([answer(b"got %d bytes" % len(request.body))]))

    told = thrice(upstream, lambda: caller.request("POST", url, **sent(caller)))

    [call] = told.calls
    assert isinstance(call.asked, HttpRequest)
    [received] = upstream.received
    assert call.asked.body == received.body
    assert [pair for pair in call.asked.headers if pair not in received.headers] == []
    assert call.gaps == []


def test_another_body_is_a_miss(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/post", answer(b"ok"))
    with using(RecordingPort()) as port:
        caller.request("POST", url, content=caller.body(b"one"))

    with using(ReplayPort(port.calls)):
        missed = caller.request("POST", url, content=caller.body(b"two"))

    assert missed.kind is MissError


def test_a_generator_is_read_as_it_is_sent(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/post", answer(b"ok"))
    begun: list[int] = []

    with using(RecordingPort()) as port:
        caller.request(
            "POST", url, content=caller.body(b"one", b"two", on_start=lambda: begun.append(len(port.calls)))
        )

    assert begun == [1], "the body was read before the call began"


def test_a_generator_over_the_limit_is_sent_whole(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/post", answer(b"ok"))

    told = thrice(
        upstream,
        lambda: caller.request("POST", url, content=caller.body(b"x" * 60, b"y" * 60)),
        body_limit=100,
    )

    [call] = told.calls
    assert isinstance(call.asked, HttpRequest)
    assert call.asked.body is None
    assert call.gaps == [("body over limit", f"request body of POST {url}: over 100 bytes")]
    assert len(upstream.received[0].body) == 120


def test_a_generator_that_raises_raises_its_own_error(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/post", answer(b"ok"))

    class OwnError(Exception):
        pass

    told = thrice(
        upstream, lambda: caller.request("POST", url, content=caller.failing_body(OwnError("no"), b"one"))
    )

    assert told.seen.kind is OwnError
    [call] = told.calls
    assert isinstance(call.asked, HttpRequest)
    assert call.asked.body == b"one"
    assert isinstance(call.answered, Failure)


def test_the_app_keeps_its_request_stream(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/post", answer(b"ok"))

    def act() -> Any:
        return caller.stream_kept("POST", url, content=caller.body(b"one"))

    assert thrice(upstream, act).seen is True


def test_neither_password_nor_fragment_is_recorded(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/secret", answer(b"ok"))

    told = thrice(upstream, lambda: caller.request("GET", url.replace("//", "//me:pass@") + "?q=a%20b#frag"))

    [call] = told.calls
    assert isinstance(call.asked, HttpRequest)
    assert call.asked.url == url + "?q=a%20b"


# -- clients


def test_redirects_and_their_history(caller: Caller, upstream: Upstream) -> None:
    upstream.on(
        "/end", lambda request: iter([answer(f"{request.method} {request.header('cookie')}".encode())])
    )
    url = upstream.on(
        "/start", answer(b"gone", "Location: /end", "Set-Cookie: seen=1; Path=/", status="303 See Other")
    )

    told = thrice(upstream, lambda: caller.request("POST", url, json={}, follow_redirects=True))

    assert told.seen.content == b"GET seen=1"
    assert [(hop.status, hop.content) for hop in told.seen.history] == [(303, b"gone")]
    assert len(told.calls) == 2


def test_a_redirect_keeps_method_and_body(caller: Caller, upstream: Upstream) -> None:
    upstream.on("/end", lambda request: iter([answer(request.method.encode() + b" " + request.body)]))
    url = upstream.on("/start", answer(b"", "Location: /end", status="307 Temporary Redirect"))

    told = thrice(upstream, lambda: caller.request("PUT", url, content=b"data", follow_redirects=True))

    assert told.seen.content == b"PUT data"


def test_a_redirect_cannot_send_a_generator_again(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/start", answer(b"", "Location: /start", status="307 Temporary Redirect"))

    told = thrice(
        upstream, lambda: caller.request("PUT", url, content=caller.body(b"a"), follow_redirects=True)
    )

    assert told.seen.kind is httpx.StreamConsumed


def test_digest_authentication(caller: Caller, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "os.urandom", lambda size: b"\x01" * size
    )  # the client's nonce: replayed by the session
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", opaque="o", algorithm=MD5'

    def serve(request: Received) -> Iterator[bytes]:
        known = request.header("authorization") is not None
        yield answer(b"in") if known else answer(b"", challenge, status="401 Unauthorized")

    url = upstream.on("/digest", serve)
    monkeypatch.setattr("time.ctime", lambda: "now")

    told = thrice(upstream, lambda: caller.request("GET", url, auth=httpx.DigestAuth("me", "pass")))

    assert (told.seen.status, told.seen.content, len(told.calls)) == (200, b"in", 2)


def test_event_hooks_see_requests_and_responses(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/hooked", answer(b"ok"))
    told = thrice(upstream, lambda: caller.hooked(url))

    assert told.seen == [("GET", url), (200, f"GET {url}", False)]


def test_a_mounted_transport_of_its_own_class(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/mounted", answer(b"ok"))

    told = thrice(upstream, lambda: caller.request("GET", url, client=caller.mounts()))

    assert (told.seen.content, len(told.calls)) == (b"ok", 1)


def test_in_process_transports_are_the_apps_own(caller: Caller) -> None:
    mock = httpx.MockTransport(lambda request: httpx.Response(200, text="mock"))

    with using(RecordingPort()) as port:
        seen = caller.request("GET", "http://app/", client={"transport": mock})

    assert (seen.content, port.calls) == (b"mock", [])


def test_nothing_is_sent_in_replay(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/post", answer(b"ok"))
    with using(RecordingPort()) as port:
        caller.request("POST", url, content=b"1")
    upstream.again()

    with using(ReplayPort(port.calls)):
        assert caller.request("POST", url, content=b"1").status == 200
        assert caller.request("POST", url, content=b"1").kind is MissError

    assert upstream.received == []


def test_replay_needs_no_certificates(caller: Caller, upstream: Upstream, tmp_path: Path) -> None:
    url = upstream.on("/tls", answer(b"ok"))
    with using(RecordingPort()) as port:
        caller.request("GET", url)
    missing = {"cert": str(tmp_path / "client.pem")}

    with pytest.raises(FileNotFoundError), pytest.deprecated_call():
        caller.request("GET", url, client=missing)
    with pytest.deprecated_call(), using(ReplayPort(port.calls)):
        assert caller.request("GET", url, client=missing).content == b"ok"


# -- errors


@pytest.fixture
def nobody() -> str:
    """A URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


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
    url = upstream.on("/one", pieces(b"one", b"two"))

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

        async def read() -> None:
            async with httpx.AsyncClient() as http, http.stream("GET", url) as response:
                async for piece in response.aiter_raw():
                    got.append(piece)  # noqa: PERF401  # kept although the next one never comes

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(read(), 0.2)
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
            exchange = super().begin(*arguments)
            exchange.finish = lambda _answer: 1 / 0  # type: ignore[method-assign]  # what must not happen
            return exchange

    with using(Broken()):
        assert caller.request("GET", url).content == b"ok"
