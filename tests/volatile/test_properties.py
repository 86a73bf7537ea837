"""What holds whatever is said: consistently renamed is the same, anything else is not."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.replaying.recorded import JSON, REDACTOR, Made, calls
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
from timetracer_otel.volatile import Links

IDS = [str(UUID(int=0xABCDEF << 96 | number, version=4)) for number in range(6)]
OTHERS = [str(UUID(int=0x123456 << 96 | number, version=4)) for number in range(6)]
HOLE = "\0{}\0"

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text("abc ", max_size=4)
holes = st.integers(0, 5).map(HOLE.format)
texts = st.builds("{}/{}".format, st.text("ab/:", max_size=3), holes)
documents = st.recursive(
    scalars | holes | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def templates(draw: st.DrawFn) -> tuple[str, Any]:
    """A request with holes, by family."""
    family = draw(st.sampled_from(["http", "db", "redis"]))
    data = draw(documents)
    if family == "redis":
        return family, [draw(st.sampled_from(["GET", "SET"])), draw(texts), draw(texts | scalars.map(str))]
    return family, data


def filled(template: tuple[str, Any], names: list[str]) -> Request:
    """The request with a name in each hole."""
    family, data = template
    text = json.dumps(data)
    for number, name in enumerate(names):
        text = text.replace(json.dumps(HOLE.format(number))[1:-1], name)
    data = json.loads(text)
    if family == "http":
        return HttpRequest("POST", "http://shop/orders", [JSON], json.dumps(data).encode())
    if family == "db":
        return SqlStatement("SELECT :data", {"data": data})
    return RedisCommand(list(data))


ANSWERS: dict[str, Any] = {"http": HttpResponse(200), "db": SqlResult(), "redis": RedisReply()}


def matcher(recorded: list[Request]) -> Matcher:
    recording = RecordedCalls(calls(*(Made(request, ANSWERS[request.family]) for request in recorded)))
    links = Links(lambda: recording.origins, recorded=0.0, now=1000.0)
    return Matcher(recording, REDACTOR, links=links)


conversations = st.lists(templates(), min_size=1, max_size=6)


def used(templates: list[tuple[str, Any]]) -> list[int]:
    """The holes in them."""
    text = json.dumps(templates)
    return [number for number in range(6) if json.dumps(HOLE.format(number))[1:-1] in text]


@given(conversations, st.permutations(OTHERS))
def test_consistently_renamed_requests_are_the_recorded_ones(
    conversation: list[tuple[str, Any]], names: list[str]
) -> None:
    found = matcher([filled(template, IDS) for template in conversation])
    for index, template in enumerate(conversation, 1):
        match = found.match(filled(template, names), ("",), 0)
        assert match is not None
        assert match.call.index == index
        assert match.grade is (Grade.NORMALISED if used([template]) else Grade.EXACT)
    assert found.unused() == []


@given(conversations, st.permutations(OTHERS), st.data())
def test_a_value_that_is_renamed_twice_is_another(
    conversation: list[tuple[str, Any]], names: list[str], data: st.DataObject
) -> None:
    found_in = used(conversation)
    assume(found_in)
    hole = data.draw(st.sampled_from(found_in))
    # asked once more, of a name that the value never had
    again = ("redis", ["GET", HOLE.format(hole)])
    found = matcher([filled(template, IDS) for template in [*conversation, again]])
    for template in conversation:
        assert found.match(filled(template, names), ("",), 0) is not None
    wrong = list(names)
    wrong[hole] = str(UUID(int=0x777 << 96, version=4))
    assert found.match(filled(again, wrong), ("",), 0) is None
    assert found.match(filled(again, names), ("",), 0) is not None


@given(conversations, st.permutations(OTHERS), st.data())
def test_two_values_do_not_become_one(
    conversation: list[tuple[str, Any]], names: list[str], data: st.DataObject
) -> None:
    found_in = used(conversation)
    assume(len(found_in) >= 2)
    one, other = data.draw(st.permutations(found_in))[:2]
    again = ("redis", ["GET", HOLE.format(one)])
    found = matcher([filled(template, IDS) for template in [*conversation, again]])
    for template in conversation:
        assert found.match(filled(template, names), ("",), 0) is not None
    merged = list(names)
    merged[one] = names[other]
    assert found.match(filled(again, merged), ("",), 0) is None


@given(templates(), st.permutations(OTHERS), st.data())
def test_anything_else_that_changes_is_never_set_aside(
    template: tuple[str, Any], names: list[str], data: st.DataObject
) -> None:
    other = data.draw(templates())
    assume(json.dumps(_shaped(other), sort_keys=True) != json.dumps(_shaped(template), sort_keys=True))
    assert matcher([filled(template, IDS)]).match(filled(other, names), ("",), 0) is None


def _shaped(template: tuple[str, Any]) -> Any:
    """Which hole it is does not matter alone."""
    text = json.dumps(template)
    for number in range(6):
        text = text.replace(json.dumps(HOLE.format(number))[1:-1], "hole")
    return json.loads(text)
