"""Traces without payloads, against one another and against a recording: by who was called."""

from __future__ import annotations

from tests.converting.traces import two_services
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.recordings import compare_recordings
from timetracer_otel.converters.making import cassettes_of
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.span import Span, SpanKind

NOTE = (False, "by structure only: not both hold what was asked and answered")


def shop(*spans: Span) -> Cassette:
    """The shop's part of the trace, or of those spans."""
    return cassettes_of(spans or two_services(), None)[0]


def found(first: Cassette, second: Cassette) -> list[tuple[bool, str]]:
    return [(finding.fails, finding.text) for finding in compare_recordings(first, second).findings]


def test_equal_trees_are_the_same() -> None:
    assert found(shop(), shop()) == [NOTE]


def test_a_call_that_is_gone_another_that_came_and_another_status_are_named() -> None:
    spans = two_services()
    spans[0].attributes["http.response.status_code"] = 500
    spans[1].attributes["url.full"] = "http://stock/7?fast=1"
    spans[1].kind = SpanKind.CLIENT
    changed = found(shop(), shop(*spans))
    assert NOTE in changed
    assert (True, "response status: A 201, B 500") in changed
    assert any(
        fails and "http://rates/EUR" in text and "http://stock/7" in text for fails, text in changed
    ), changed
    del spans[1]
    assert any(fails and "GET http://rates/EUR" in text for fails, text in found(shop(), shop(*spans)))


def test_a_recording_has_the_call_tree_of_its_trace() -> None:
    spans = two_services()
    spans[0].attributes[names.ENTRY_FRAMEWORK] = "fastapi"
    spans[0].attributes |= HttpRequest("POST", "http://shop/checkout").attributes()
    spans[1].attributes |= {
        names.CALL_INTEGRATION: "httpx",
        names.CALL_FAMILY: "http",
        names.CALL_LANE: 0,
        names.CALL_INDEX: 1,
        **HttpRequest("GET", "http://rates/EUR").attributes(),
        **HttpResponse(500).attributes(),
    }
    assert found(shop(), shop(*spans)) == [NOTE]
