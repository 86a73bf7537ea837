"""httpx, requests and clients: bodies, redirects, authentication, transports."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from tests.integrations.httpx.callers import Caller, thrice
from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.upstream import Received, Upstream, answer
from timetracer_otel.errors import MissError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.httpx import HttpxIntegration
from timetracer_otel.messages import Failure, HttpRequest

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


# -- spans


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_standard_span_is_current_where_the_call_is_seen(
    caller: Caller, upstream: Upstream, integration: HttpxIntegration, ours_first: bool
) -> None:
    url = upstream.on("/traced", answer(b"ok"))
    instrumentor = HTTPXClientInstrumentor()
    if not ours_first:
        wrapping.uninstall(integration)
    instrumentor.instrument(tracer_provider=TracerProvider())
    wrapping.install(integration)
    try:
        with using(RecordingPort()) as port:
            assert caller.request("GET", url).content == b"ok"
    finally:
        instrumentor.uninstrument()

    assert port.scopes == list(integration.scopes)
    assert [call.answered.status for call in port.calls] == [200]


# -- HTTP/2


def test_http_2(caller: Caller, http2: str) -> None:
    options = {"http1": False, "http2": True}

    with using(RecordingPort()) as port:
        recorded = caller.request("POST", http2, content=b"sent", client=options)
    with using(ReplayPort(port.calls)):
        replayed = caller.request("POST", http2, content=b"sent", client=options)

    assert replayed == recorded
    assert (recorded.version, recorded.reason, recorded.content) == ("HTTP/2", "OK", b"got sent")
    assert recorded.headers == [(b"x-a", b"1"), (b"x-a", b"2")]


@pytest.fixture
def http2() -> Iterator[str]:
    """A server that speaks HTTP/2 from the first byte and answers each connection once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
                connection.initiate_connection()
                body = b""
                while data := client.recv(65536):
                    for event in connection.receive_data(data):
                        if isinstance(event, h2.events.DataReceived):
                            body += event.data
                        if isinstance(event, h2.events.StreamEnded):
                            headers = [(":status", "200"), ("x-a", "1"), ("x-a", "2")]
                            connection.send_headers(event.stream_id, headers)
                            connection.send_data(event.stream_id, b"got " + body, end_stream=True)
                    client.sendall(connection.data_to_send())

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
