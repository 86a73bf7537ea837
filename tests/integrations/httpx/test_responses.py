"""httpx, responses: what the app sees live is what it sees recording and in replay, byte for byte."""

from __future__ import annotations

import gc
import gzip
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import httpx
import pytest

from tests.integrations.httpx.callers import Caller, Sync, thrice
from tests.integrations.ports import LiveExchange, Recorded, RecordingPort, ReplayPort, using
from tests.integrations.upstream import CHUNKED, Received, Upstream, answer, chunk, chunked
from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.messages import HttpRequest, HttpResponse, Request

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


@pytest.mark.parametrize("how", ["raw", "bytes", "text", "lines"])
def test_a_streamed_body_comes_in_its_pieces(caller: Caller, upstream: Upstream, how: str) -> None:
    url = upstream.on("/events", chunked(b"data: 1\n\n", b"data: 2\n\nda", b"ta: 3\n\n"))

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
        assert arrived.wait(60), "the first piece was held back"
        yield chunk(b"second") + chunk(b"")

    url = upstream.on("/slow", serve)
    with using(RecordingPort()) as port:
        got = caller.read(url, "raw", on_piece=lambda _piece: arrived.set())

    assert got.raw == [b"first", b"second"]
    assert port.calls[0].answered.pieces() == [b"first", b"second"]


def test_a_stream_left_early_is_left_early_in_replay(caller: Caller, upstream: Upstream) -> None:
    url = upstream.on("/endless", chunked(b"one", b"two", b"three"))

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
    url = upstream.on("/big", chunked(b"x" * 60, b"y" * 60))

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
    url = upstream.on("/paced", chunked(b"one", b"two"))
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


class Watched(RecordingPort):
    """Knows which of its exchanges are still held by somebody."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[weakref.ref[LiveExchange]] = []

    def begin(self, caller: ports.Caller, request: Request, span: Any = None) -> LiveExchange:
        exchange = super().begin(caller, request, span)
        self.exchanges.append(weakref.ref(exchange))
        return exchange


def test_a_response_that_the_app_keeps_holds_nothing_of_what_was_recorded(upstream: Upstream) -> None:
    """Responses of httpx are part of a cycle: what they held would wait for the garbage collector."""
    url = upstream.on("/kept", answer(b"said"))
    port = Watched()
    gc.disable()
    try:
        with using(port), httpx.Client() as client:
            kept = client.get(url)
    finally:
        gc.enable()

    assert kept.content == b"said"
    [call] = port.calls
    assert isinstance(call.answered, HttpResponse)
    assert call.answered.body == b"said"
    assert [exchange() for exchange in port.exchanges] == [None]
