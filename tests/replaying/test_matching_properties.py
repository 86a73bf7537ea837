"""What holds of matching whatever was recorded."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.replaying.recorded import REDACTOR, Made, calls
from timetracer_otel.messages import (
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    Request,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.replayers.matching import Grade, Matcher, RecordedCalls

words = st.text("abcé ", max_size=4)
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 1.5]) | words
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
JSON = ("content-type", "application/json")


@st.composite
def http(draw: st.DrawFn) -> HttpRequest:
    query = "&".join(
        f"{draw(st.sampled_from('ab'))}={draw(st.integers(0, 2))}" for _ in range(draw(st.integers(0, 2)))
    )
    headers = draw(st.lists(st.tuples(st.sampled_from(["X-A", "x-b"]), st.sampled_from("12")), max_size=2))
    body = draw(
        st.sampled_from([b"", b"\xff", b"text"]) | documents.map(lambda data: json.dumps(data).encode())
    )
    method = draw(st.sampled_from(["GET", "POST"]))
    return HttpRequest(method, f"http://rates/{draw(st.sampled_from('ab'))}?{query}", [JSON, *headers], body)


sql = st.builds(
    SqlStatement,
    st.sampled_from(["SELECT 1", "SELECT :a, :b", "UPDATE t SET a = :a"]),
    st.none() | st.fixed_dictionaries({"a": scalars, "b": scalars}),
)
redis = st.builds(
    RedisCommand, st.lists(words | st.binary(max_size=2) | st.integers(0, 2), min_size=1, max_size=3)
)
requests: st.SearchStrategy[Request] = st.one_of(http(), sql, redis)
ANSWERS: dict[str, Any] = {"http": HttpResponse(200), "db": SqlResult(), "redis": RedisReply()}

recordings = st.lists(
    st.builds(
        lambda request, lane, below: Made(request, ANSWERS[request.family], lane=lane, below=below),
        requests,
        st.integers(0, 2),
        st.sampled_from(["", "pricing", "shipping"]),
    ),
    max_size=12,
)


def path(made: Made) -> tuple[str, ...]:
    return ("", made.below) if made.below else ("",)


@given(recordings)
def test_what_is_replayed_in_the_recorded_order_gets_its_own_answers(recorded: list[Made]) -> None:
    matcher = Matcher(RecordedCalls(calls(*recorded)), REDACTOR)
    matches = [matcher.match(made.request, path(made), made.lane) for made in recorded]
    assert [(match.call.index, match.grade) for match in matches if match] == [
        (index, Grade.EXACT) for index in range(1, len(recorded) + 1)
    ]
    assert matcher.unused() == []


@given(recordings, st.randoms())
def test_lanes_may_run_in_any_order_to_each_other(recorded: list[Made], order: Random) -> None:
    matcher = Matcher(RecordedCalls(calls(*recorded)), REDACTOR)
    lanes: dict[int, list[int]] = {}
    for index, made in enumerate(recorded):
        lanes.setdefault(made.lane, []).append(index)
    turns = [made.lane for made in recorded]
    order.shuffle(turns)
    for lane in turns:
        index = lanes[lane].pop(0)
        match = matcher.match(recorded[index].request, path(recorded[index]), lane)
        assert match is not None
        assert (match.call.index, match.grade) == (index + 1, Grade.EXACT)


@given(recordings, st.randoms())
def test_in_any_order_every_call_is_answered_and_with_an_equal_ones_answer(
    recorded: list[Made], order: Random
) -> None:
    matcher = Matcher(RecordedCalls(calls(*recorded)), REDACTOR)
    shuffled = recorded[:]
    order.shuffle(shuffled)
    for made in shuffled:
        match = matcher.match(made.request, path(made), made.lane)
        assert match is not None
        assert match.call.request is not None
        assert exact(match.call.request) == exact(made.request)
    assert matcher.unused() == []


@given(requests, requests)
def test_a_request_is_answered_by_an_equal_one_and_by_no_other(recorded: Request, live: Request) -> None:
    match = Matcher(RecordedCalls(calls(Made(recorded, ANSWERS[recorded.family]))), REDACTOR).match(
        live, None, 0
    )
    assert (match is not None) == (exact(recorded) == exact(live))


@given(requests, st.data())
def test_a_request_that_differs_in_one_leaf_is_never_answered(recorded: Request, data: st.DataObject) -> None:
    live = data.draw(changed(recorded))
    assume(exact(live) != exact(recorded))
    matcher = Matcher(RecordedCalls(calls(Made(recorded, ANSWERS[recorded.family]))), REDACTOR)
    assert matcher.match(live, None, 0) is None
    nearest = matcher.nearest(live)
    assert nearest is not None
    assert nearest.differences != []


@st.composite
def changed(draw: st.DrawFn, request: Request) -> Request:
    """The request, another in one part."""
    if isinstance(request, HttpRequest):
        part = draw(st.sampled_from(["method", "url", "headers", "body"]))
        other: Any = draw(http())
        fields = {name: getattr(request, name) for name in ("method", "url", "headers", "body")}
        return HttpRequest(**{**fields, part: getattr(other, part)})
    if isinstance(request, SqlStatement):
        parameters = dict(request.parameters or {"a": None, "b": None})
        parameters[draw(st.sampled_from("ab"))] = draw(scalars)
        return SqlStatement(request.text, parameters)
    assert isinstance(request, RedisCommand)
    arguments = list(request.arguments)
    arguments[draw(st.integers(0, len(arguments) - 1))] = draw(words)
    return RedisCommand(arguments)


def exact(request: Request) -> tuple[str, str]:
    """All that must be equal, types included: ``1``, ``1.0`` and ``True`` are three."""
    return request.family, repr(_sorted(request.canonical()))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(((key, _sorted(item)) for key, item in value.items()), key=repr)
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


@given(http(), http())
def test_requests_that_say_literally_the_same_ask_the_same(one: HttpRequest, other: HttpRequest) -> None:
    if one.literal() == other.literal():
        assert one.key() == other.key()
    sent_on = HttpRequest(one.method, one.url, [*one.headers, ("Traceparent", "00-1-2-01")], one.body)
    assert (sent_on.literal(), sent_on.key()) == (one.literal(), one.key())
