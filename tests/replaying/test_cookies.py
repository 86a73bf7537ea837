"""Cookies that a client kept of earlier requests, which a replay of one request knows nothing of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
import requests

import timetracer_otel
from tests.replaying.recorded import REDACTOR, Made, calls
from tests.services.upstream import Upstream
from timetracer_otel.errors import MissError
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.replayers.matching import Matcher, RecordedCalls

Client: TypeAlias = "httpx.Client | requests.Session"


def sign_in(client: Client, url: str) -> Any:
    """Sets two cookies."""
    return client.get(f"{url}/set-cookies").status_code


def basket(client: Client, url: str) -> Any:
    """Is answered with the cookies that came."""
    return client.get(f"{url}/cookies").json()


def outcomes(session: timetracer_otel.Session) -> list[str]:
    return [f"{call.outcome} {call.grade}" for call in session.calls]


@pytest.mark.parametrize("make", [httpx.Client, requests.Session])
def test_each_request_of_one_client_replays_alone_and_in_any_order(
    tmp_path: Path, upstream: Upstream, make: Callable[[], Client]
) -> None:
    recorded: dict[Any, Any] = {}
    with make() as client:
        for work in (sign_in, basket):
            with timetracer_otel.record(tmp_path / work.__name__) as recording:
                recorded[work] = work(client, upstream.url)
            assert recording.path is not None
    upstream.fresh()

    def replayed(client: Client, work: Callable[[Client, str], Any]) -> list[str]:
        with timetracer_otel.replay(tmp_path / work.__name__) as session:
            assert work(client, upstream.url) == recorded[work]
        assert session.unused == []
        return outcomes(session)

    with make() as client:
        assert replayed(client, basket) == ["answered normalised"]  # had two cookies
        assert replayed(client, sign_in) == ["answered exact"]
        assert replayed(client, basket) == ["answered exact"]
        assert replayed(client, sign_in) == ["answered normalised"]  # had none
    assert upstream.arrived == {}


def test_a_cookie_that_the_same_request_was_given_is_part_of_what_is_asked(
    tmp_path: Path, upstream: Upstream
) -> None:
    with timetracer_otel.record(tmp_path) as recording, httpx.Client() as client:
        sign_in(client, upstream.url)
        basket(client, upstream.url)
    assert recording.path is not None
    missed = pytest.raises(MissError, match=r"it differs in headers\.cookie")
    with missed, timetracer_otel.replay(recording.path), httpx.Client() as client:
        sign_in(client, upstream.url)
        client.cookies.clear()
        basket(client, upstream.url)


def asking(cookie: str = "") -> HttpRequest:
    return HttpRequest("GET", "http://shop/basket", [("cookie", cookie)] if cookie else [])


@pytest.mark.parametrize(
    ("recorded", "live", "matches"),
    [
        ("flavour=oat; size=large", "", True),
        ("flavour=oat; size=large", "size=large", True),
        ("flavour=oat; size=large", "size=small", False),
        ("flavour=oat; guest=7", "flavour=oat", False),
        ("flavour=oat", "flavour=oat; unheard-of=1", False),
        ("", "unheard-of=1", False),
    ],
)
def test_only_what_may_have_been_kept_is_set_aside(recorded: str, live: str, *, matches: bool) -> None:
    """``guest`` came in with the request."""
    made = Made(asking(recorded), HttpResponse(200))
    matcher = Matcher(RecordedCalls(calls(made), [asking("guest=7")]), REDACTOR)
    assert (matcher.match(asking(live), None, 0) is not None) is matches
