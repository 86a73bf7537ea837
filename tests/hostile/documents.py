"""Files that are no cassettes, or cassettes made to do harm: one table for every command that reads.

All are made here by code. Each says what a reader must say of it.
"""

from __future__ import annotations

import gzip
import json
import pickle
import sqlite3
import struct
from collections.abc import Callable
from typing import Any, Final

from backports import zstd
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData

from timetracer_otel.formats.limits import DEFAULT, MAX_DEPTH

TRACE, SPAN = "1" * 32, "2" * 16
_WIRE_SPAN: Final = {"traceId": TRACE, "spanId": SPAN, "name": "GET /"}


def document(*spans: dict[str, Any]) -> bytes:
    """OTLP/JSON of those spans."""
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()


def span(**fields: Any) -> dict[str, Any]:
    """A wire span with those fields."""
    return {**_WIRE_SPAN, **fields}


def varint(number: int) -> bytes:
    """A protobuf varint."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def field(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def wire(*fields: bytes) -> bytes:
    """A protobuf document of one span with those fields after its ids."""
    ids = field(1, b"t" * 16) + field(2, b"s" * 8)
    return field(1, field(2, field(2, ids + b"".join(fields))))


def _with(spans: int, one: bytes) -> bytes:
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([one] * spans) + b"]}]}]}"


def _nested_json(depth: int) -> bytes:
    attribute = b'{"arrayValue":{"values":[' * depth + b"]}}" * depth
    start, end = document(span(attributes=[{"key": "a", "value": "HERE"}])).split(b'"HERE"')
    return start + attribute + end


def _nested_protobuf(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = field(5, field(1, value))
    return wire(field(9, field(1, b"a") + field(2, value)))


def _sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE cassette (name TEXT)")
        return bytes(database.serialize())


def _chain(length: int) -> bytes:
    """A tree as deep as it is large."""
    return document(
        *(span(spanId=f"{at + 1:016x}", parentSpanId=f"{at:016x}" if at else "") for at in range(length))
    )


def _comb(depth: int, teeth: int) -> bytes:
    """Many spans at the bottom of a deep tree, each with a path of its own."""
    stem = [span(spanId=f"{at + 1:016x}", parentSpanId=f"{at:016x}" if at else "") for at in range(depth)]
    return document(
        *stem, *(span(spanId=f"{depth + at + 1:016x}", parentSpanId=f"{depth:016x}") for at in range(teeth))
    )


def _logs() -> bytes:
    logs = LogsData()
    logs.resource_logs.add().scope_logs.add().log_records.add(
        severity_text="INFO"
    ).body.string_value = "hello"
    return logs.SerializeToString()


def _metrics() -> bytes:
    metrics = MetricsData()
    metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="requests", unit="1")
    return metrics.SerializeToString()


def _zstd_that_claims(size: int) -> bytes:
    """A frame whose header promises that many bytes, of a window as large, and holds an empty block."""
    single_segment_of_8_bytes = 0b11100000
    return (
        b"\x28\xb5\x2f\xfd" + bytes([single_segment_of_8_bytes]) + struct.pack("<Q", size) + b"\x01\x00\x00"
    )


def _zstd_with_window(log: int) -> bytes:
    return b"\x28\xb5\x2f\xfd" + bytes([0, (log - 10) << 3]) + b"\x01\x00\x00"


_PAST_MAX: Final = DEFAULT.max_bytes + 1
_NO_OTLP: Final = "neither OTLP JSON nor OTLP protobuf; it begins with b"
_NO_JSON: Final = "not an OTLP JSON document: "
_NO_PROTOBUF: Final = "not an OTLP protobuf document"

FILES: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    # damaged and foreign
    "empty": (lambda: b"", "the file is empty"),
    "one brace": (lambda: b"{", f"{_NO_JSON}Input data was truncated"),
    "cut short": (lambda: document(span())[:-9], f"{_NO_JSON}Input data was truncated"),
    "JSON and more": (lambda: document(span()) + b"{}", f"{_NO_JSON}JSON is malformed: trailing characters"),
    "JSON lines": (lambda: document(span()) + b"\n" + document(span()), f"{_NO_JSON}JSON is malformed"),
    "zeros": (lambda: bytes(4096), _NO_OTLP),
    "PNG": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), _NO_OTLP),
    "HTML": (lambda: b"<!doctype html><script>alert(1)</script>", _NO_OTLP),
    "pickle": (lambda: pickle.dumps({"resourceSpans": []}), _NO_OTLP),
    "SQLite": (_sqlite, _NO_OTLP),
    "UTF-16": (lambda: document(span()).decode().encode("utf-16"), _NO_OTLP),
    "VCR cassette": (lambda: b"interactions:\n- request:\n    body: null\n", _NO_OTLP),
    "timetracer cassette": (
        lambda: json.dumps({"schema_version": "1.0", "session": {}, "events": []}).encode(),
        f"{_NO_JSON}Object missing required field `resourceSpans`",
    ),
    "OTLP JSON logs": (lambda: b'{"resourceLogs": []}', f"{_NO_JSON}Object missing required field"),
    "OTLP JSON metrics": (lambda: b'{"resourceMetrics": []}', f"{_NO_JSON}Object missing required field"),
    "OTLP logs": (_logs, ""),
    "OTLP metrics": (_metrics, ""),
    # wrong types and values
    "spans are a number": (
        lambda: b'{"resourceSpans": 7}',
        f"{_NO_JSON}Expected `array`, got `int` - at `$.resourceSpans`",
    ),
    "no spans": (lambda: b'{"resourceSpans": []}', "there are no spans in it"),
    "an id of letters": (lambda: document(span(spanId="z" * 16)), "spanId 'zzzzzzzzzzzzzzzz' is not 16 hex"),
    "a huge integer": (
        lambda: b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"flags": ' + b"9" * 10_000_000 + b"}]}]}]}",
        _NO_JSON,
    ),
    "a huge exponent": (
        lambda: document(span(startTimeUnixNano=1)).replace(b": 1}", b": 1e999999999}"),
        _NO_JSON,
    ),
    "a time after all calendars": (
        lambda: document(span(startTimeUnixNano=str(2**64))),
        "after the year 2554",
    ),
    "a lone surrogate": (lambda: document(span(name="\ud800")), f"{_NO_JSON}JSON is malformed"),
    "bytes that are no UTF-8": (lambda: document(span()).replace(b"GET", b"G\xff\xfe"), _NO_JSON),
    "bytes that are no base64": (
        lambda: document(span(attributes=[{"key": "a", "value": {"bytesValue": "%%%"}}])),
        "bytesValue is not base64",
    ),
    "a status that OTLP lacks": (
        lambda: wire(field(15, b"\x18\x09")),
        "has a kind or status unknown to OTLP",
    ),
    "a version to come": (
        lambda: json.dumps(
            {
                "resourceSpans": [
                    {
                        "resource": {
                            "attributes": [
                                {"key": "timetracer.cassette.version", "value": {"stringValue": "9" * 10**6}}
                            ]
                        },
                        "scopeSpans": [{"spans": [span()]}],
                    }
                ]
            }
        ).encode(),
        "and this release reads version 1",
    ),
    # trees that are none
    "an id twice": (lambda: document(span(), span()), "two of its 2 spans have the same span id"),
    "its own parent": (lambda: document(span(parentSpanId=SPAN)), f"span {SPAN} is below itself"),
    "parents in a circle": (
        lambda: document(span(parentSpanId="3" * 16), span(spanId="3" * 16, parentSpanId=SPAN)),
        "is below itself",
    ),
    "a tree too deep": (lambda: _chain(1001), "spans nested more than 1000 deep"),
    "a comb": (lambda: _comb(999, 10_000), "10999 spans, nested 1000 deep"),
    # nesting
    "objects in objects": (lambda: b'{"x":' * 100_000, "nested too deeply"),
    "lists in lists": (lambda: b'{"resourceSpans":' + b"[" * 10_000_000, _NO_JSON),
    "values in values": (lambda: _nested_json(MAX_DEPTH + 1), "an attribute value is nested too deeply"),
    "values in values without end": (lambda: _nested_json(100_000), "nested too deeply"),
    "protobuf values in values": (
        lambda: _nested_protobuf(MAX_DEPTH + 1),
        "an attribute value is nested too",
    ),
    "protobuf values in values without end": (lambda: _nested_protobuf(1000), _NO_PROTOBUF),
    # lengths that are not true
    "a length of 4 GB": (lambda: b"\x0a" + varint(2**32 - 1), _NO_PROTOBUF),
    "a length of 8 EB": (lambda: b"\x0a" + varint(2**63 - 1) + b"\x12", _NO_PROTOBUF),
    "a length that does not end": (lambda: b"\x0a" + b"\xff" * 100, _NO_PROTOBUF),
    # compression
    "gzip cut short": (lambda: gzip.compress(document(span()))[:-9], "the gzip data ends too early"),
    "gzip of gzip": (lambda: gzip.compress(gzip.compress(document(span()))), _NO_OTLP),
    "zstd damaged": (lambda: zstd.compress(document(span()))[:20] + bytes(40), "the zstd data"),
    "zstd that claims an exabyte": (lambda: _zstd_that_claims(2**60), "the zstd data is damaged"),
    "zstd with a window of 128 GB": (lambda: _zstd_with_window(37), "the zstd data is damaged"),
    "endless gzip frames": (lambda: gzip.compress(b"", 1) * 2000, "more than 1000 gzip frames in one file"),
    "endless zstd frames": (lambda: zstd.compress(b"") * 2000, "more than 1000 zstd frames in one file"),
    "gzip bomb": (lambda: gzip.compress(bytes(_PAST_MAX), 1), f"more than {DEFAULT.max_bytes} bytes of data"),
    "zstd bomb": (lambda: zstd.compress(bytes(_PAST_MAX)), f"more than {DEFAULT.max_bytes} bytes of data"),
    "zstd bomb of frames": (
        lambda: zstd.compress(bytes(_PAST_MAX // 16)) * 17,
        f"more than {DEFAULT.max_bytes} bytes of data",
    ),
    # more than is read, though small on disk
    "spans without end": (
        lambda: zstd.compress(_with(200_000, json.dumps(_WIRE_SPAN).encode())),
        "200000 spans; at most 100000 are read",
    ),
    "objects without end": (
        lambda: zstd.compress(_with(1, b'{"attributes":[' + b"{}," * 5_100_000 + b"{}]}")),
        "more than 5000000 JSON objects",
    ),
    "protobuf messages without end": (
        lambda: zstd.compress(wire(b"\x4a\x00" * 5_100_000)),
        "more than 5000000 protobuf messages",
    ),
    "protobuf spans without end": (
        lambda: zstd.compress(field(1, field(2, b"\x12\x00" * 5_100_000))),
        "more than 100000 spans",
    ),
    "protobuf resources without end": (
        lambda: zstd.compress(b"\x0a\x00" * 300_000),
        "300000 resources or scopes",
    ),
}
"""What it is: how it is made, and a part of what is said of it."""

LARGE: Final = frozenset(what for what in FILES if "without end" in what or "bomb" in what)
"""Those that take a second to be refused."""
