"""Whatever the spans, they come back as they were; whatever the bytes, only named errors."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData as ProtobufTracesData
from opentelemetry.proto_json.trace.v1.trace import TracesData as JsonTracesData

from tests.property.spans import by_id, official_spans, span_lists
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError, CodecError
from timetracer_otel.formats import Compression, Encoding, Limits, decode, encode
from timetracer_otel.span import Resource, Span

# ``repr`` shows every field, tells 1 from True and from 1.0, and takes NaN for NaN
ENCODINGS: list[Encoding] = ["json", "protobuf"]
COMPRESSIONS: list[Compression] = ["none", "gzip", "zstd"]
TWO_PROCESSES = [
    Span("1" * 32, "1" * 16, "a", resource=Resource({"x": 1})),
    Span("1" * 32, "2" * 16, "b", resource=Resource({"x": True})),
    Span("1" * 32, "3" * 16, "c", resource=Resource({"x": 1.0})),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(spans=span_lists(min_size=1), compression=st.sampled_from(COMPRESSIONS))
@example(spans=TWO_PROCESSES, compression="none")
def test_spans_come_back_as_they_were(
    encoding: Encoding, spans: list[Span], compression: Compression
) -> None:
    assert repr(by_id(decode(encode(spans, encoding, compression)))) == repr(spans)


@given(span_lists(min_size=1))
def test_both_encodings_hold_the_same(spans: list[Span]) -> None:
    assert repr(decode(encode(spans, "json"))) == repr(decode(encode(spans, "protobuf")))


@given(span_lists(min_size=1))
def test_protobuf_is_what_the_official_classes_read(spans: list[Span]) -> None:
    document = ProtobufTracesData.FromString(encode(spans, "protobuf"))
    assert repr(by_id(official_spans(document))) == repr(spans)


@given(span_lists())
def test_json_is_what_the_official_classes_read_and_write(spans: list[Span]) -> None:
    document = JsonTracesData.from_json(encode(spans, "json"))
    assert repr(by_id(official_spans(document))) == repr(spans)

    document.resource_spans = document.resource_spans or []
    written = json.dumps({"resourceSpans": [], **document.to_dict()}).encode()
    assert repr(by_id(decode(written))) == repr(spans)


@given(span_lists(), st.data())
def test_a_damaged_document_is_a_cassette_error(spans: list[Span], data: st.DataObject) -> None:
    document = bytearray(
        encode(spans, data.draw(st.sampled_from(ENCODINGS)), data.draw(st.sampled_from(COMPRESSIONS)))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(document)))
        document[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    read_everything(bytes(document))


@given(st.binary() | st.binary().map(b"\n".__add__) | st.binary().map(b"{".__add__))
@example(b"")
@example(b"\xff\xfe{\x00}\x00")
@example(b"\x1f\x8b")
@example(b"\x28\xb5\x2f\xfd")
@example(b"\n{")
def test_arbitrary_bytes_are_a_cassette_error(data: bytes) -> None:
    read_everything(data)


WIRE_NAMES = (
    st.sampled_from(["resourceSpans", "resource", "scopeSpans", "scope", "spans", "schemaUrl", "flags"])
    | st.sampled_from(["traceId", "spanId", "parentSpanId", "kind", "startTimeUnixNano", "timeUnixNano"])
    | st.sampled_from(
        ["status", "code", "message", "name", "attributes", "droppedAttributesCount", "links", "events"]
    )
    | st.sampled_from(["key", "value", "values", "stringValue", "intValue", "boolValue", "doubleValue"])
    | st.sampled_from(["bytesValue", "arrayValue", "kvlistValue"])
)
WIRE_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["1" * 32, "2" * 16, "7", "NaN", "null", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WIRE_NAMES, inner, max_size=4),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(WIRE_NAMES, WIRE_VALUES, max_size=3), WIRE_NAMES, WIRE_VALUES)
def test_json_of_wrong_types_is_a_cassette_error(attribute: dict[str, Any], name: str, value: Any) -> None:
    span: dict[str, Any] = {"traceId": "1" * 32, "spanId": "2" * 16, "attributes": [attribute], name: value}
    for document in (
        {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"scope": attribute, name: value}]}]},
        {"resourceSpans": [{"resource": attribute, name: value}]},
        {"resourceSpans": value},
    ):
        read_everything(json.dumps(document).encode())


def read_everything(data: bytes) -> None:
    """Read the bytes as a cassette, and all that a cassette has to say."""
    with contextlib.suppress(CassetteError):
        cassette = Cassette.load(data, Limits(max_bytes=100_000))
        with contextlib.suppress(CodecError):
            assert cassette.inbound_request is None or cassette.inbound_request.method
            assert cassette.inbound_response is None or cassette.entry.kind == 2
            assert all(call.integration or call.request or call.answer for call in cassette.calls())
        assert cassette.title or not cassette.entry.name
        assert all(cassette.path(span)[0] == "" for span in cassette.spans[1:])
        assert cassette.duration >= 0
        assert cassette.has_error in (True, False)
        assert cassette.replayable == (cassette.why_not is None)
