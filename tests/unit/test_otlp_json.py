"""OTLP/JSON as the specification has it, written and read."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError, CodecError
from timetracer_otel.formats.limits import MAX_DEPTH, Limits
from timetracer_otel.formats.otlp_json import decode, encode
from timetracer_otel.span import (
    AttributeValue,
    Event,
    Link,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

TRACE, SPAN, PARENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b173"
WHOLE = Span(
    trace_id=TRACE,
    span_id=SPAN,
    name="POST /checkout",
    parent_span_id=PARENT,
    kind=SpanKind.SERVER,
    start_time_unix_nano=1544712660000000000,
    end_time_unix_nano=1544712661000000000,
    attributes={"http.response.status_code": 503},
    events=[Event("exception", 1544712660500000000, {"exception.type": "KeyError"}, 1)],
    links=[Link("1" * 32, "2" * 16, "a=b", {"of": "a retry"}, 2, 257)],
    status=Status(StatusCode.ERROR, "no stock"),
    trace_state="vendor=1",
    flags=257,
    dropped_attributes_count=3,
    dropped_events_count=4,
    dropped_links_count=5,
    scope=Scope("my.library", "1.0.0", {"tuned": True}, "https://opentelemetry.io/schemas/1.37.0"),
    resource=Resource({"service.name": "shop"}, "https://opentelemetry.io/schemas/1.38.0"),
)
WHOLE_DOCUMENT = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "scope": {
                        "name": "my.library",
                        "version": "1.0.0",
                        "attributes": [{"key": "tuned", "value": {"boolValue": True}}],
                    },
                    "spans": [
                        {
                            "traceId": TRACE,
                            "spanId": SPAN,
                            "traceState": "vendor=1",
                            "parentSpanId": PARENT,
                            "flags": 257,
                            "name": "POST /checkout",
                            "kind": 2,
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712661000000000",
                            "attributes": [
                                {"key": "http.response.status_code", "value": {"intValue": "503"}}
                            ],
                            "droppedAttributesCount": 3,
                            "events": [
                                {
                                    "timeUnixNano": "1544712660500000000",
                                    "name": "exception",
                                    "attributes": [
                                        {"key": "exception.type", "value": {"stringValue": "KeyError"}}
                                    ],
                                    "droppedAttributesCount": 1,
                                }
                            ],
                            "droppedEventsCount": 4,
                            "links": [
                                {
                                    "traceId": "1" * 32,
                                    "spanId": "2" * 16,
                                    "traceState": "a=b",
                                    "attributes": [{"key": "of", "value": {"stringValue": "a retry"}}],
                                    "droppedAttributesCount": 2,
                                    "flags": 257,
                                }
                            ],
                            "droppedLinksCount": 5,
                            "status": {"message": "no stock", "code": 2},
                        }
                    ],
                    "schemaUrl": "https://opentelemetry.io/schemas/1.37.0",
                }
            ],
            "schemaUrl": "https://opentelemetry.io/schemas/1.38.0",
        }
    ]
}


def document(**span: Any) -> bytes:
    """A document of one span with those fields, besides its ids."""
    whole = {"traceId": TRACE, "spanId": SPAN, **span}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]}).encode()


def document_of(value: Any) -> bytes:
    """A document of one span with one attribute of that wire value."""
    return document(attributes=[{"key": "a", "value": value}])


def written(value: Any) -> Any:
    """The wire value of an attribute."""
    span = Span(TRACE, SPAN, "", attributes={"a": value})
    spans = json.loads(encode([span]))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return spans[0]["attributes"][0]["value"]


def test_every_field_has_its_place() -> None:
    assert json.loads(encode([WHOLE])) == WHOLE_DOCUMENT
    assert decode(json.dumps(WHOLE_DOCUMENT).encode()) == [WHOLE]


def test_what_is_empty_is_left_out() -> None:
    span = Span(TRACE, SPAN, "", kind=SpanKind.UNSPECIFIED)
    assert json.loads(encode([span])) == {
        "resourceSpans": [
            {"resource": {}, "scopeSpans": [{"scope": {}, "spans": [{"traceId": TRACE, "spanId": SPAN}]}]}
        ]
    }
    assert decode(encode([span])) == [span]


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("text", {"stringValue": "text"}),
        ("", {"stringValue": ""}),
        (True, {"boolValue": True}),
        (False, {"boolValue": False}),
        (0, {"intValue": "0"}),
        (-(2**63), {"intValue": "-9223372036854775808"}),
        (1.0, {"doubleValue": 1.0}),
        (math.inf, {"doubleValue": "Infinity"}),
        (-math.inf, {"doubleValue": "-Infinity"}),
        (b"\xff\x00", {"bytesValue": "/wA="}),
        (b"", {"bytesValue": ""}),
        (None, {}),
        ([], {"arrayValue": {}}),
        (["a", None], {"arrayValue": {"values": [{"stringValue": "a"}, {}]}}),
        ([[1]], {"arrayValue": {"values": [{"arrayValue": {"values": [{"intValue": "1"}]}}]}}),
        ({}, {"kvlistValue": {}}),
        ({"k": None}, {"kvlistValue": {"values": [{"key": "k", "value": {}}]}}),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_its_form(value: AttributeValue, wire: Any) -> None:
    assert written(value) == wire
    assert repr(decode(document_of(wire))[0].attributes) == repr({"a": value})


def test_not_a_number_is_a_string_on_the_wire() -> None:
    assert written(math.nan) == {"doubleValue": "NaN"}
    assert repr(decode(document_of({"doubleValue": "NaN"}))[0].attributes) == "{'a': nan}"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (("a", "b"), {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}}),
        (bytearray(b"a"), {"bytesValue": "YQ=="}),
        (SpanKind.CLIENT, {"intValue": "3"}),
        (2**64, {"stringValue": "18446744073709551616"}),
        ("a\ud800b", {"stringValue": "a\ufffdb"}),
    ],
)
def test_what_otlp_lacks_is_written_as_the_nearest_thing_it_has(value: Any, wire: Any) -> None:
    assert written(value) == wire


def test_a_value_that_nothing_is_near_to_is_refused() -> None:
    with pytest.raises(
        CodecError, match="OTLP cannot carry an attribute value of type Decimal; encode it first"
    ):
        written(Decimal(1))


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ({"intValue": 7}, 7),
        ({"intValue": "-7"}, -7),
        ({"doubleValue": 7}, 7.0),
        ({"doubleValue": "7.5"}, 7.5),
        ({"bytesValue": "_wA"}, b"\xff\x00"),
        ({"somethingNew": [1, {"deep": None}]}, None),
    ],
)
def test_other_forms_that_the_specification_allows_are_read(wire: Any, value: AttributeValue) -> None:
    assert repr(decode(document_of(wire))[0].attributes) == repr({"a": value})


def test_times_are_read_as_numbers_too() -> None:
    [span] = decode(document(startTimeUnixNano=5, endTimeUnixNano="18446744073709551615", flags="1"))
    assert (span.start_time_unix_nano, span.end_time_unix_nano, span.flags) == (5, 2**64 - 1, 1)


def test_ids_are_read_in_either_case_and_zeros_are_no_parent() -> None:
    [span] = decode(document(traceId=TRACE.upper(), spanId=SPAN.upper(), parentSpanId="0" * 16))
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, SPAN, "")


def test_fields_it_does_not_know_are_ignored() -> None:
    whole = json.loads(document(name="a", futureField={"x": [1]}))
    whole["resourceSpans"][0]["entityRefs"] = [{}]
    assert decode(json.dumps({**whole, "more": None}).encode()) == [
        Span(TRACE, SPAN, "a", kind=SpanKind.UNSPECIFIED)
    ]


def test_spans_are_grouped_by_resource_and_scope_and_keep_their_order() -> None:
    shop, other = Resource({"n": 1}), Resource({"n": True})  # equal for Python
    a, b = Scope("a"), Scope("b")
    made = [
        Span(TRACE, f"{n:016x}", "", scope=scope, resource=resource)
        for n, (scope, resource) in enumerate([(a, shop), (b, shop), (a, other), (a, shop)], start=1)
    ]
    read = decode(encode(made))
    assert [int(span.span_id) for span in read] == [1, 4, 2, 3]
    assert repr([span.resource for span in read]) == repr([shop, shop, shop, other])
    assert read[0].resource is read[2].resource


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "Input data was truncated"),
        (b'{"data": []}', "missing required field `resourceSpans`"),
        (b'{"resourceSpans": {}}', r"Expected `array`, got `object` - at `\$.resourceSpans`"),
        (b'{"resourceSpans": []} {}', "trailing characters"),
        (document(name="X").replace(b"X", b"\xff"), "'utf-8' codec can't decode byte 0xff"),
        (document(name=1), r"Expected `str`, got `int`"),
        (document(name=None), r"Expected `str`, got `null`"),
        (document(kind=9), "Invalid enum value 9"),
        (document(kind="SPAN_KIND_SERVER"), "kind"),
        (document(startTimeUnixNano="soon"), "startTimeUnixNano"),
        (document(startTimeUnixNano=1.5), "startTimeUnixNano"),
        (document(startTimeUnixNano=-1), "startTimeUnixNano"),
        (document(startTimeUnixNano=2**64), "begins or ends after the year 2554"),
        (document(events=[{"timeUnixNano": str(2**64)}]), "after the year 2554"),
        (document(flags=2**32), "flags"),
        (document(traceId="W47/95gDgQPSabYzgT/GDA=="), "traceId"),
        (document(spanId="x" * 16), "spanId 'xxxxxxxxxxxxxxxx' is not 16 hex digits"),
        (document(parentSpanId="12"), "parentSpanId '12' is not 16 hex digits"),
        (document(links=[{"traceId": TRACE, "spanId": "-" * 16}]), "link spanId '-+' is not 16"),
        (document_of({"stringValue": 1}), "Expected `str`, got `int`"),
        (document_of({"intValue": True}), "Expected `int`, got `bool`"),
        (document_of({"intValue": "1_0"}), "intValue"),
        (document_of({"intValue": str(2**63)}), "Expected `int` <= 9223372036854775807"),
        (document_of({"boolValue": 1}), "boolValue '1' is neither true nor false"),
        (document_of({"boolValue": "true"}), "boolValue 'true' is neither true nor false"),
        (document_of({"doubleValue": "fast"}), "doubleValue 'fast' is not a number"),
        (document_of({"doubleValue": "1e999"}), "doubleValue '1e999' is not a number"),
        (document_of({"bytesValue": "?"}), "bytesValue is not base64"),
        (document_of({"arrayValue": {"values": [None]}}), "Expected `object`, got `null`"),
    ],
)  # fmt: skip
def test_what_is_not_otlp_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(CassetteFormatError, match=message):
        decode(data)


def nested(depth: int) -> AttributeValue:
    value: AttributeValue = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


def test_values_nest_as_deep_as_protobuf_parsers_go() -> None:
    span = Span(TRACE, SPAN, "", attributes={"a": nested(MAX_DEPTH)})
    assert decode(encode([span])) == [span]
    with pytest.raises(CassetteLimitError, match="nested too deeply"):
        encode([Span(TRACE, SPAN, "", attributes={"a": nested(MAX_DEPTH + 1)})])
    with pytest.raises(CassetteLimitError, match="nested too deeply"):
        decode(encode([span]), Limits(max_depth=MAX_DEPTH - 1))


@pytest.mark.parametrize(
    "opening", ['{"arrayValue":{"values":[', '{"kvlistValue":{"values":[{"value":', '{"x":', '{"x":[']
)
def test_endless_nesting_is_a_limit(opening: str) -> None:
    head, tail = document_of(["HERE"]).split(b'["HERE"]')
    with pytest.raises(CassetteLimitError, match="nested too deeply"):
        decode(head + opening.encode() * 200_000 + tail)


def test_a_list_that_holds_itself_is_a_limit() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CassetteLimitError, match="nested too deeply"):
        written(endless)


def test_spans_and_objects_are_limited() -> None:
    two = encode([Span(TRACE, SPAN, ""), Span(TRACE, PARENT, "")])
    with pytest.raises(CassetteLimitError, match="2 spans; at most 1 are read"):
        decode(two, Limits(max_spans=1))
    with pytest.raises(CassetteLimitError, match="more than 5 JSON objects"):
        decode(two, Limits(max_objects=5))
