"""Recorded requests, sent to applications in this process."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.replaying.recorded import ASKED, SETTINGS, cassette
from timetracer_otel import ports
from timetracer_otel.errors import ApplicationError, ReplayError
from timetracer_otel.integrations import asgi, wsgi
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.replayers import hanging_up
from timetracer_otel.replayers.applications import import_app, make_client
from timetracer_otel.replayers.clients import AppResponse, AsgiClient, WsgiClient, asgi_scope, wsgi_environ
from timetracer_otel.replayers.options import with_headers
from timetracer_otel.replayers.session import Session

tokens = st.text("abcXYZ019-", min_size=1, max_size=8).filter(lambda name: name.strip("-") == name)
latin = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=8).map(str.strip)
segments = st.lists(st.text(max_size=5).map(lambda text: quote(text, safe="")), max_size=3)


@st.composite
def requests(draw: st.DrawFn) -> HttpRequest:
    """Any request a server may hand to an application."""
    host = draw(st.sampled_from(["shop.local", "localhost:8000", "[::1]:80"]))
    query = quote(draw(st.text(max_size=8)), safe="=&+")
    url = f"{draw(st.sampled_from(['http', 'https']))}://{host}/{'/'.join(draw(segments))}"
    reserved = {"host", "content-length", "transfer-encoding", "content-type"}
    headers = draw(st.lists(st.tuples(tokens, latin), max_size=4))
    headers = [(name, value) for name, value in headers if name.lower() not in reserved]
    kind = draw(st.sampled_from([[], [("content-type", "text/plain")]]))
    return HttpRequest(
        draw(st.sampled_from(["GET", "POST", "PROPFIND"])),
        url + (f"?{query}" if query else ""),
        [("host", host), *headers, *kind],
        draw(st.binary(max_size=8)),
    )


@given(requests())
def test_an_asgi_scope_says_all_of_a_request(request: HttpRequest) -> None:
    head = asgi.request_head(asgi_scope(request, {}))
    lower = [(name.lower(), value) for name, value in request.headers]
    assert head == HttpRequest(request.method, request.url, lower, None)


@given(requests())
def test_a_wsgi_environment_says_all_that_wsgi_can_of_a_request(request: HttpRequest) -> None:
    environ = wsgi_environ(request)
    head = wsgi.request_head(environ)
    # CGI has no order, no case and no repetition
    expected: dict[str, list[str]] = {}
    for name, value in request.headers:
        expected.setdefault(name.lower(), []).append(value)
    if request.body:
        expected["content-length"] = [str(len(request.body))]
    assert (head.method, head.url) == (request.method, request.url)
    assert dict(head.headers) == {name: ",".join(values) for name, values in expected.items()}
    assert environ["wsgi.input"].read() == request.body


@given(requests())
def test_the_path_is_decoded_as_each_protocol_wants_it(request: HttpRequest) -> None:
    environ, scope = wsgi_environ(request), asgi_scope(request, {})
    assert environ["PATH_INFO"].encode("latin-1").decode() == scope["path"]
    assert scope["raw_path"].decode() == urlsplit(request.url).path


def send(app: Any, request: HttpRequest = ASKED) -> AppResponse:
    """What the app answers to one request, or raises."""
    client: Any
    with make_client(app) as client:
        answer: AppResponse = client.send(request, Session([cassette()], SETTINGS))
        return answer


Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]


class Lifespan:
    """An ASGI app that starts up, keeps state, and ends."""

    def __init__(self, outcome: str = "lifespan.startup.complete", message: str = "") -> None:
        self.outcome = outcome
        self.message = message
        self.steps: list[str] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.steps.append((await receive())["type"])
            scope["state"]["pool"] = "open"
            await send({"type": self.outcome, "message": self.message})
            if self.outcome.endswith("complete"):
                self.steps.append((await receive())["type"])
                await send({"type": "lifespan.shutdown.complete"})
            return
        self.steps.append(f"{scope['method']} with the pool {scope['state']['pool']}")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def test_the_lifespan_runs_once_around_all_requests_and_its_state_is_theirs() -> None:
    app = Lifespan()
    with AsgiClient(app) as client:
        for _ in range(2):
            client.send(ASKED, Session([cassette()], SETTINGS))
    assert app.steps == [
        "lifespan.startup",
        "POST with the pool open",
        "POST with the pool open",
        "lifespan.shutdown",
    ]


def test_a_start_up_that_fails_is_told_in_one_line() -> None:
    app = Lifespan("lifespan.startup.failed", "Traceback (most recent call last):\n  ...\nOSError: no disk\n")
    with pytest.raises(ApplicationError) as caught, AsgiClient(app):
        raise AssertionError("it did not start")
    assert str(caught.value) == "the app failed to start up: OSError: no disk"


async def plain(scope: Any, receive: Receive, send: Send) -> None:
    """Knows nothing of lifespans; streams what it got, in pieces."""
    assert scope["type"] == "http"
    message = await receive()
    await send(
        {"type": "http.response.start", "status": 207, "headers": [(b"X-Twice", b"1"), (b"x-twice", b"\xe9")]}
    )
    for piece in (message["body"], b"", b"!"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


PLAIN = HttpResponse(207, [("X-Twice", "1"), ("x-twice", "é")], b'{"n": 1}!')


def test_an_app_without_a_lifespan_streams_its_answer() -> None:
    assert send(plain) == AppResponse(PLAIN)


async def waiting_for_the_client_to_go(scope: Any, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await receive()
    gone = asyncio.ensure_future(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    assert not gone.done()
    await send({"type": "http.response.body", "body": b"bye"})
    assert (await gone)["type"] == "http.disconnect"


def test_the_client_goes_when_the_answer_is_whole() -> None:
    assert send(waiting_for_the_client_to_go) == AppResponse(HttpResponse(200, [], b"bye"))


async def raising(scope: Any, receive: Receive, send: Send) -> None:
    raise LookupError(scope["type"])


async def answering_then_raising(scope: Any, receive: Receive, send: Send) -> None:
    await plain(scope, receive, send)
    raise LookupError("after the answer")


def test_what_the_app_raises_before_it_answered_is_all_there_is() -> None:
    answer = send(raising)
    assert (answer.response, repr(answer.raised)) == (None, "LookupError('http')")


def test_what_it_raises_afterwards_stands_beside_its_answer() -> None:
    answer = send(answering_then_raising)
    assert (answer.response, repr(answer.raised)) == (PLAIN, "LookupError('after the answer')")


class Streamed:
    """A WSGI answer that comes in pieces and is to be closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    def close(self) -> None:
        self.closed += 1


def test_a_wsgi_app_writes_streams_and_is_closed() -> None:
    streamed = Streamed([b"two ", b"", b"three"])

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("418 I'm a teapot", [("X-Body", environ["wsgi.input"].read().decode())])
        write(b"one ")
        return streamed

    expected = HttpResponse(418, [("X-Body", '{"n": 1}')], b"one two three", reason="I'm a teapot")
    assert (send(app), streamed.closed) == (AppResponse(expected), 1)


def test_what_a_wsgi_app_raises_is_raised_and_its_answer_closed() -> None:
    class Broken(Streamed):
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            raise LookupError("in the middle")

    broken = Broken([])

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return broken

    assert repr(send(app).raised) == "LookupError('in the middle')"
    assert broken.closed == 1


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def test_each_request_has_its_session_and_leaves_nothing_behind() -> None:
    seen: list[tuple[Any, str]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append((ports.current(), variable.get()))
        variable.set("set by a request")
        start_response("200 OK", [])
        return []

    sessions = [Session([cassette()], SETTINGS) for _ in range(2)]
    with WsgiClient(app) as client:
        for session in sessions:
            client.send(ASKED, session)
    assert seen == [(session, "unset") for session in sessions]
    assert ports.current() is None


class Applications:
    """What ``--app`` may name."""

    @staticmethod
    def factory() -> Any:
        return plain


applications = Applications()


@pytest.mark.parametrize(
    ("app", "kind"),
    [(plain, AsgiClient), (Lifespan(), AsgiClient), (lambda environ, start: [], WsgiClient)],
)
def test_the_kind_of_an_application_is_seen(app: Any, kind: type[Any]) -> None:
    assert type(make_client(app)) is kind


def test_what_cannot_be_called_is_no_application() -> None:
    with pytest.raises(ApplicationError, match=r"^dict is no ASGI or WSGI application; is it a factory"):
        make_client({})


def test_an_application_is_named_by_module_and_attribute() -> None:
    assert import_app(f"{__name__}:plain", factory=False) is plain
    assert import_app(f"{__name__}:applications.factory", factory=True) is plain


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "app",
            "--app 'app': give it as MODULE:ATTRIBUTE, as for uvicorn, or the settings"
            " module of a Django project",
        ),
        (
            ":app",
            "--app ':app': give it as MODULE:ATTRIBUTE, as for uvicorn, or the settings"
            " module of a Django project",
        ),
        ("no.such.module:app", "--app no.such.module:app: ModuleNotFoundError: No module named 'no'"),
        ("json:app", "--app json:app: AttributeError: module 'json' has no attribute 'app'"),
    ],
)
def test_an_application_that_is_not_there_is_told_in_one_line(spec: str, message: str) -> None:
    with pytest.raises(ApplicationError) as caught:
        import_app(spec, factory=False)
    assert str(caught.value) == message


def test_headers_given_replace_the_recorded_ones() -> None:
    recorded = HttpRequest("GET", "/", [("Authorization", "[REDACTED]"), ("x-a", "1"), ("X-A", "2")], b"body")
    assert with_headers(recorded, [("authorization", "Bearer t"), ("X-A", "3")]) == HttpRequest(
        "GET", "/", [("authorization", "Bearer t"), ("X-A", "3")], b"body"
    )


def test_an_app_that_waits_for_its_client_to_leave_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            received.append(await receive())
            received.append(await receive())

    received: list[Any] = []
    monkeypatch.setattr(hanging_up, "WHOLE_SECONDS", 0.05)
    with AsgiClient(app) as client:
        answer = client.send(ASKED, Session([cassette()], SETTINGS))
    assert answer == AppResponse(None)
    assert [message["type"] for message in received] == ["http.request", "http.disconnect"]


def test_an_app_that_goes_on_without_its_client_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.Event().wait()

    monkeypatch.setattr(hanging_up, "WHOLE_SECONDS", 0.05)
    monkeypatch.setattr(hanging_up, "CANCELLATION_SECONDS", 0.05)
    with AsgiClient(app) as client:
        answer = client.send(ASKED, Session([cassette()], SETTINGS))
    assert answer.response is None
    assert isinstance(answer.raised, ReplayError)
    assert "goes on after the client hung up" in str(answer.raised)
