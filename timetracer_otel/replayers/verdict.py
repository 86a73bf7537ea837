"""What a replay did, against what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from timetracer_otel.errors import ReplayError
from timetracer_otel.messages import Failure, HttpResponse
from timetracer_otel.messages.http import body_content
from timetracer_otel.redaction import Redactor, masked_equal
from timetracer_otel.replayers.clients import AppResponse
from timetracer_otel.replayers.hanging_up import recorded_exception
from timetracer_otel.replayers.matching import Grade, differences
from timetracer_otel.replayers.session import Outcome, Session

_UNCOMPARED = frozenset({"date", "server", "content-length", "connection", "keep-alive", "transfer-encoding"})
"""Response headers that a server adds, or that follow from the body."""


class Verdict(msgspec.Struct):
    """One cassette's replay.

    Attributes:
        outcome: ``same``; ``different``; or ``error`` when it could not be replayed.
        differences: one line each: in the response, then in the calls.
        calls: calls the app made.
        moved: calls answered from another place in the tree.
        missing: recorded calls that did not happen.
        extra: calls that were let through or had no recorded answer.
        missed: the explanations of calls that nothing answered.
        seconds, recorded_seconds: how long it took now, and then.
    """

    title: str
    path: str
    outcome: Literal["same", "different", "error"]
    differences: list[str] = msgspec.field(default_factory=list)
    calls: int = 0
    moved: int = 0
    missing: list[str] = msgspec.field(default_factory=list)
    extra: list[str] = msgspec.field(default_factory=list)
    missed: list[str] = msgspec.field(default_factory=list)
    status: int | None = None
    seconds: float = 0.0
    recorded_seconds: float = 0.0


def judge(session: Session, path: str, answer: AppResponse, redactor: Redactor, seconds: float) -> Verdict:
    """Compare a replay with its cassette.

    Args:
        session: the session that answered its calls.
        path: where the cassette came from.
        answer: what the app answered and raised.
        redactor: masks the live response as the recorded one was.
        seconds: how long the replay took.
    """
    cassette = session.cassettes[0]
    response = answer.response
    found = [*response_differences(cassette.inbound_response, response, redactor), *call_differences(session)]
    raised_ours = isinstance(answer.raised, ReplayError)
    if answer.raised is not None and (raised_ours or not recorded_exception(cassette)):
        found.insert(0, f"the app raised {type(answer.raised).__name__}: {answer.raised}")
    return Verdict(
        title=cassette.title,
        path=path,
        outcome="different" if found else "same",
        differences=found,
        calls=len(session.calls),
        moved=sum(call.grade is Grade.MOVED for call in session.calls),
        missing=[call.request.title()[:300] for call in session.unused if call.request is not None],
        extra=[call.title for call in session.calls if call.outcome is Outcome.MISSED],
        missed=[call.explanation for call in session.misses],
        status=None if response is None else response.status,
        seconds=seconds,
        recorded_seconds=cassette.duration / 1e9,
    )


def response_differences(
    recorded: HttpResponse | Failure | None, live: HttpResponse | None, redactor: Redactor
) -> Iterator[str]:
    """One line for each part of the response that is not as recorded."""
    if not isinstance(recorded, HttpResponse):
        return  # nothing recorded to compare with: the cassette's gaps say why
    if live is None:
        yield f"response: recorded {recorded.status}, live none"
        return
    # whether the recorded response was masked is not known: the live one need only equal it in one way
    masked = redactor.message(live, [])
    yield from min((list(_response_parts(recorded, form)) for form in (live, masked)), key=len)


def _response_parts(recorded: HttpResponse, live: HttpResponse) -> Iterator[str]:
    if recorded.status != live.status:
        yield f"response status: recorded {recorded.status}, live {live.status}"
    for difference in differences(_headers(recorded), _headers(live)):
        yield f"response header {difference}"
    if recorded.body is not None and recorded.complete:
        content_type = recorded.header("content-type") or ""
        left = body_content(recorded.body, content_type)
        right = body_content(live.body, live.header("content-type") or "")
        if not masked_equal(left, right):
            # the smallest parts that differ, or all of it where only line ends or layout of a text do
            found = list(differences(_unwrapped(left), _unwrapped(right), "response body"))
            yield from map(str, found or differences(left, right, "response body"))


def call_differences(session: Session) -> Iterator[str]:
    """One line for each call that is not as recorded."""
    for call in session.misses:
        yield f"call: {call.explanation}"
    for recorded in session.unused:
        request = recorded.request
        if request is None:
            continue
        kind = "write" if request.writes else "call"
        yield f"{kind} not made: {request.title()[:300]}"


def _headers(response: HttpResponse) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in response.headers:
        if name.lower() not in _UNCOMPARED:
            grouped.setdefault(name.lower(), []).append(value)
    return grouped


def _unwrapped(content: Any) -> Any:
    if isinstance(content, dict) and len(content) == 1:
        return next(iter(content.values()))
    if isinstance(content, str):
        try:
            return json.loads(content)
        except ValueError:
            return content.splitlines()
    return content
