"""What is read of the SDK's spans is what their properties say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from timetracer_otel.exporters.sdk_spans import attributes_of, events_of, links_of
from timetracer_otel.exporters.sizes import SPAN_BYTES, size_of, size_of_span
from timetracer_otel.messages import HttpRequest, HttpResponse, RedisCommand, RedisReply, SqlResult

tracer = TracerProvider().get_tracer("tests")


def spans() -> dict[str, Any]:
    bare = tracer.start_span("bare")
    bare.end()
    linked = tracer.start_span(
        "full",
        attributes={"text": "tea", "number": 2, "several": ["a", "b"]},
        links=[trace.Link(bare.get_span_context(), {"why": "before"})],
    )
    linked.add_event("poured", {"cups": 3})
    return {"bare": bare, "live": linked}


@pytest.mark.parametrize("name", ["bare", "live"])
def test_they_are_read_as_their_properties_say(name: str) -> None:
    span = spans()[name]
    assert dict(attributes_of(span)) == dict(span.attributes)
    assert tuple(events_of(span)) == span.events
    assert tuple(links_of(span)) == span.links


def test_where_an_sdk_keeps_it_elsewhere_the_properties_are_read() -> None:
    other = cast("ReadableSpan", SimpleNamespace(attributes={"a": 1}, events=("event",), links=("link",)))
    read: tuple[Any, ...] = (attributes_of(other), events_of(other), links_of(other))
    assert read == ({"a": 1}, ("event",), ("link",))


def test_what_is_read_does_not_change_with_the_span() -> None:
    live = spans()["live"]
    before = attributes_of(live)
    live.set_attribute("late", True)
    assert "late" not in before


def test_a_span_and_a_message_count_for_what_they_hold() -> None:
    found = spans()
    assert size_of_span(found["bare"]) == SPAN_BYTES
    # "tea", two items of 16 and a letter each in a list of 16; an event, and a link with six letters
    assert size_of_span(found["live"]) == SPAN_BYTES + 3 + (16 + 17 + 17) + 1024 + 1024 + 6
    assert size_of(HttpRequest("GET", "http://shop/", [], body=b"x" * 100)) == 356
    assert size_of(HttpResponse(200, [], body=b"x" * 100, chunks=[[50, 1], [50, 2]])) == 356 + 2 * 64
    assert size_of(SqlResult(columns=[["a"]], rows=[[1, "tea"], [2, None]])) == 256 + 16 + 16 + 19 + 16 + 32
    short, long = RedisCommand(["GET", "key"]), RedisReply(b"x" * 1000)
    assert size_of(long) - size_of(short) == 1016 - (16 + 19 + 19)
