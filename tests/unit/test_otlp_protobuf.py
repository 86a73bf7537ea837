"""OTLP/protobuf, against messages made with the official classes."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.unit.test_otlp_json import SPAN, TRACE, WHOLE, nested
from timetracer_otel.errors import CassetteFormatError, CassetteLimitError, CodecError
from timetracer_otel.formats.limits import MAX_DEPTH, Limits
from timetracer_otel.formats.otlp_protobuf import decode, encode
from timetracer_otel.span import Span, SpanKind


def document(**fields: Any) -> bytes:
    """A message of one span with those fields, besides its ids."""
    data = TracesData()
    ids = {"trace_id": bytes.fromhex(TRACE), "span_id": bytes.fromhex(SPAN)}
    data.resource_spans.add().scope_spans.add().spans.append(WireSpan(**{**ids, **fields}))
    return data.SerializeToString()


def written(value: Any) -> AnyValue:
    """The wire value of an attribute."""
    data = TracesData.FromString(encode([Span(TRACE, SPAN, "", attributes={"a": value})]))
    return data.resource_spans[0].scope_spans[0].spans[0].attributes[0].value


def test_every_field_comes_back() -> None:
    assert decode(encode([WHOLE])) == [WHOLE]


def test_ids_are_bytes_and_nothing_is_what_is_empty() -> None:
    bare = Span(TRACE, SPAN, "", kind=SpanKind.UNSPECIFIED)
    [span] = TracesData.FromString(encode([bare])).resource_spans[0].scope_spans[0].spans
    assert [(field.name, value) for field, value in span.ListFields()] == [
        ("trace_id", bytes.fromhex(TRACE)),
        ("span_id", bytes.fromhex(SPAN)),
    ]
    assert decode(document()) == [bare]


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (("a",), AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a")]))),
        (None, AnyValue()),
        (2**64, AnyValue(string_value="18446744073709551616")),
        ("a\ud800b", AnyValue(string_value="a\ufffdb")),
    ],
)
def test_what_otlp_lacks_is_written_as_the_nearest_thing_it_has(value: Any, wire: AnyValue) -> None:
    assert written(value) == wire


def test_a_value_that_nothing_is_near_to_is_refused() -> None:
    with pytest.raises(
        CodecError, match="OTLP cannot carry an attribute value of type Decimal; encode it first"
    ):
        written(Decimal(1))


def test_zeros_are_no_parent() -> None:
    assert decode(document(parent_span_id=bytes(8)))[0].parent_span_id == ""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\xff", "not an OTLP protobuf document"),
        (document(trace_id=b"short"), "trace_id has 5 bytes, not 16"),
        (document(parent_span_id=b"short"), "parent_span_id has 5 bytes, not 8"),
        (document(kind=9), "kind or status unknown to OTLP: 9 is not a valid SpanKind"),
        (document(status={"code": 9}), "kind or status unknown to OTLP: 9 is not a valid StatusCode"),
    ],
)
def test_what_is_not_otlp_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(CassetteFormatError, match=message):
        decode(data)


def test_values_nest_as_deep_as_protobuf_parsers_go() -> None:
    deepest: Any = "bottom"
    for _ in range(MAX_DEPTH):
        deepest = {"in": deepest}
    span = Span(TRACE, SPAN, "")
    event = WHOLE.events[0]
    span.events = [type(event)("event", attributes={"a": deepest})]
    assert decode(encode([span])) == [span]
    with pytest.raises(CassetteLimitError, match="nested too deeply"):
        written(nested(MAX_DEPTH + 1))
    with pytest.raises(CassetteLimitError, match="nested too deeply"):
        decode(encode([span]), Limits(max_depth=MAX_DEPTH - 1))


def test_spans_are_limited() -> None:
    with pytest.raises(CassetteLimitError, match="1 spans; at most 0 are read"):
        decode(document(), Limits(max_spans=0))


def test_protobuf_is_imported_only_for_protobuf() -> None:
    program = "import sys, timetracer_otel.formats; sys.exit('google.protobuf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
