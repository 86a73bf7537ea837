"""Which cassette serves an inbound request."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.replaying.recorded import ASKED, JSON, SETTINGS, cassette, redis
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest
from timetracer_otel.replayers.inbound import CassetteLibrary, ReplayedEntry


def library(*cassettes: Cassette) -> CassetteLibrary:
    return CassetteLibrary(cassettes, SETTINGS)


def recorded(number: int, request: HttpRequest) -> Cassette:
    """A cassette that can be told from others by its trace."""
    return cassette(asked=request, trace=f"{number:032x}", started=number)


def found(library: CassetteLibrary, request: HttpRequest) -> int | None:
    cassette = library.find(request)
    return None if cassette is None else int(cassette.entry.trace_id, 16)


def post(body: bytes, *headers: tuple[str, str], url: str = "http://shop.local/orders?a=1") -> HttpRequest:
    return HttpRequest("POST", url, [JSON, *headers], body)


def test_scheme_host_and_the_headers_of_the_client_do_not_matter() -> None:
    headers = [("Host", "localhost:8000"), ("User-Agent", "curl"), JSON]
    live = HttpRequest("POST", "https://localhost:8000/checkout/7?fast=1", headers, b'{ "n":1 }')
    assert found(library(recorded(1, ASKED)), live) == 1


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (
            HttpRequest("PUT", "http://x/checkout/7?fast=1"),
            "no cassette recorded PUT /checkout/7; there are: POST /checkout/7, GET /health",
        ),
        (
            HttpRequest("POST", "http://x/checkout/8?fast=1"),
            "no cassette recorded POST /checkout/8; there are: POST /checkout/7, GET /health",
        ),
        (
            HttpRequest("POST", "http://x/checkout/7?fast=0", [JSON], b'{"n": 1}'),
            "no cassette recorded this POST /checkout/7; the nearest differs in"
            " query[0][1]: recorded '1', live '0'",
        ),
        (
            HttpRequest("POST", "http://x/checkout/7?fast=1", [JSON], b'{"n": 2, "more": true}'),
            "no cassette recorded this POST /checkout/7; the nearest differs in"
            " body.json.n: recorded 1, live 2; body.json.more: recorded nothing, live True",
        ),
    ],
)  # fmt: skip
def test_a_request_that_nobody_recorded_is_told_why(live: HttpRequest, why: str) -> None:
    cassettes = library(recorded(1, ASKED), recorded(2, HttpRequest("GET", "http://shop.local/health")))
    assert found(cassettes, live) is None
    assert cassettes.explain(live) == why


def test_only_what_a_user_asks_for_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    answers = [
        ReplayedEntry(library(), HttpRequest("GET", f"http://x{path}", [])).start(b"")
        for path in ("/.timetracer-otel/ready", "/orders")
    ]
    assert [answer and answer.status for answer in answers] == [501, 501]
    assert caplog.messages == ["timetracer-otel: no cassette recorded GET /orders; there are: none"]


def test_an_empty_folder_says_that_there_are_none() -> None:
    assert library().explain(ASKED) == "no cassette recorded POST /checkout/7; there are: none"


def test_of_equal_requests_each_recording_serves_in_turn() -> None:
    cassettes = library(recorded(2, ASKED), recorded(1, ASKED), recorded(3, ASKED))
    assert [found(cassettes, ASKED) for _ in range(7)] == [1, 2, 3, 1, 2, 3, 1]


def test_of_recordings_served_equally_often_the_one_with_like_headers_serves() -> None:
    english, german = post(b"{}", ("Accept-Language", "en")), post(b"{}", ("Accept-Language", "de"))
    cassettes = library(recorded(1, english), recorded(2, german))
    assert [found(cassettes, german), found(cassettes, english)] == [2, 1]


def test_a_secret_in_the_request_is_set_aside() -> None:
    masked = post(b'{"card": "4111", "password": "[REDACTED]"}', ("Authorization", "[REDACTED]"))
    live = post(b'{"card": "4111", "password": "hunter2"}', ("Authorization", "Bearer today"))
    assert found(library(recorded(1, masked)), live) == 1
    assert found(library(recorded(1, masked)), post(b'{"card": "4112", "password": "hunter2"}')) is None


def test_calls_outside_requests_are_the_process_s() -> None:
    startup = cassette(redis("GET", "flags", reply=b"on"), asked=None, trace=f"{9:032x}")
    cassettes = library(startup, recorded(1, ASKED))
    assert cassettes.process_session.cassettes == [startup]
    assert [call.request.title() for call in cassettes.process_session.matcher.unused() if call.request] == [
        "GET flags"
    ]


def test_many_threads_share_the_recordings_evenly() -> None:
    count = 20
    cassettes = library(*(recorded(number, ASKED) for number in range(1, count + 1)))
    together = threading.Barrier(count)

    def ask(_: int) -> int | None:
        together.wait()
        return found(cassettes, ASKED)

    with ThreadPoolExecutor(count) as executor:
        assert sorted(executor.map(ask, range(count)), key=str) == sorted(range(1, count + 1), key=str)


def test_a_session_in_the_path_may_be_another_one() -> None:
    masked = HttpRequest("GET", "http://shop.local/cart;jsessionid=%5BREDACTED%5D;v=1?n=1")
    served = library(recorded(1, masked))
    assert [
        found(served, HttpRequest("GET", f"http://localhost{path}"))
        for path in ("/cart;jsessionid=9A8B;v=1?n=1", "/cart;jsessionid=9A8B;v=2?n=1", "/cart?n=1")
    ] == [1, None, None]
