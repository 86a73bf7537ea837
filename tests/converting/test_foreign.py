"""What others write is read as what OTLP would say."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.converting.traces import BEGAN, FASTAPI, HTTPX, MS, RATES, SHOP, TRACE, two_services
from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats import encode
from timetracer_otel.formats.foreign import JsonKind, read
from timetracer_otel.span import Event, Link, Resource, Scope, Span, SpanKind, Status, StatusCode

Change = Callable[[dict[str, Any]], Any]


def otlp() -> dict[str, Any]:
    """The trace as OTLP/JSON."""
    document = json.loads(encode(two_services()))
    assert isinstance(document, dict)
    return document


def renamed(names: Callable[[str], str]) -> Change:
    """The same with every key changed."""

    def change(item: Any) -> Any:
        if isinstance(item, dict):
            return {names(key): change(value) for key, value in item.items()}
        return [change(value) for value in item] if isinstance(item, list) else item

    return change


def snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def spans_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def in_base64(document: dict[str, Any]) -> dict[str, Any]:
    """As protobuf's own JSON has ids, enums and numbers."""
    for span in spans_of(document):
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in span:
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        span["kind"] = f"SPAN_KIND_{SpanKind(span['kind']).name}"
        span["startTimeUnixNano"] = int(span["startTimeUnixNano"])
        if "status" in span:
            span["status"]["code"] = "STATUS_CODE_ERROR"
        for pair in span["attributes"]:
            if "intValue" in pair["value"]:
                pair["value"]["intValue"] = int(pair["value"]["intValue"])
    return document


OLD = {"scopeSpans": "instrumentationLibrarySpans", "scope": "instrumentationLibrary"}


def of_an_old_collector(document: dict[str, Any]) -> dict[str, Any]:
    changed = renamed(lambda name: OLD.get(name, name))(document)
    assert isinstance(changed, dict)
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document,
        renamed(snake),
        in_base64,
        of_an_old_collector,
        lambda document: {"batches": document["resourceSpans"]},
        lambda document: {"trace": document},
        lambda document: {"trace": {"batches": of_an_old_collector(in_base64(document))["resourceSpans"]}},
        lambda document: {"result": document},
        lambda document: [document],
    ],
    ids=["plain", "snake", "protobuf json", "old", "tempo", "tempo v2", "both", "jaeger v3", "list"],
)
def test_otlp_in_every_spelling(change: Change) -> None:
    found = read(json.dumps(change(otlp())).encode())
    assert found.damaged == []
    assert found.spans == two_services()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5B8AA5A2D2C872E8321CF37308D69DF2", TRACE),
        ("5b8aa5a2-d2c8-72e8-321c-f37308d69df2", TRACE),
        ("0x5b8aa5a2d2c872e8321cf37308d69df2", TRACE),
        ("W4qlotLIcugyHPNzCNad8g==", TRACE),
        ("W4qlotLIcugyHPNzCNad8g", TRACE),
        ("321cf37308d69df2", "0000000000000000321cf37308d69df2"),
    ],
)
def test_trace_ids(written: str, meant: str) -> None:
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": written, "spanId": "1" * 16}]}]}]}
    assert [span.trace_id for span in read(json.dumps(document).encode()).spans] == [meant]


def test_one_damaged_span_costs_no_other() -> None:
    document = otlp()
    spans_of(document)[1]["traceId"] = "not an id"
    spans_of(document)[3]["startTimeUnixNano"] = "yesterday"
    found = read(json.dumps(document).encode())
    assert [span.name for span in found.spans] == ["POST /checkout", "price", "SELECT"]
    assert found.damaged == [
        "span 'GET': traceId 'not an id' is not 32 hex digits, nor the same in base64",
        "span 'GET /{currency}': startTimeUnixNano 'yesterday' is not a whole number",
    ]


def tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


JAEGER: dict[str, Any] = {
    "data": [
        {
            "traceID": TRACE,
            "spans": [
                {
                    "traceID": TRACE,
                    "spanID": "00f067aa0ba902b7",
                    "flags": 1,
                    "operationName": "POST /checkout",
                    "references": [],
                    "startTime": BEGAN // 1000,
                    "duration": 100_000,
                    "tags": [
                        tag("http.request.method", "POST"),
                        tag("http.response.status_code", 201, "int64"),
                        tag("ratio", 0.5, "float64"),
                        tag("cached", False, "bool"),
                        tag("digest", "AAE=", "binary"),
                        tag("span.kind", "server"),
                        tag("otel.scope.name", FASTAPI.name),
                        tag("otel.scope.version", FASTAPI.version),
                    ],
                    "logs": [
                        {
                            "timestamp": BEGAN // 1000 + 5,
                            "fields": [tag("event", "priced"), tag("items", 3, "int64")],
                        }
                    ],
                    "processID": "p1",
                    "warnings": None,
                },
                {
                    "traceID": TRACE,
                    "spanID": "3333333333333333",
                    "operationName": "GET /{currency}",
                    "references": [
                        {"refType": "FOLLOWS_FROM", "traceID": "a" * 32, "spanID": "b" * 16},
                        {"refType": "CHILD_OF", "traceID": TRACE, "spanID": "00f067aa0ba902b7"},
                    ],
                    "startTime": BEGAN // 1000 + 20_000,
                    "duration": 30_000,
                    "tags": [tag("error", True, "bool"), tag("span.kind", "client")],
                    "logs": [],
                    "processID": "p2",
                },
            ],
            "processes": {
                "p1": {"serviceName": "shop", "tags": [tag("service.version", "1.2")]},
                "p2": {"serviceName": "rates", "tags": []},
            },
        }
    ],
    "total": 0,
    "errors": None,
}


def as_messages(document: dict[str, Any]) -> Any:
    """The same trace as the JSON of ``jaeger.api_v2``: what a gRPC query answers."""

    def identity(text: str) -> str:
        return base64.b64encode(bytes.fromhex(text)).decode()

    def moment(microseconds: int) -> str:
        whole, rest = divmod(microseconds, 10**6)
        return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"

    def tags(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        fields = {
            "string": "vStr",
            "bool": "vBool",
            "int64": "vInt64",
            "float64": "vFloat64",
            "binary": "vBinary",
        }
        return [
            {"key": pair["key"]}
            | ({"vType": pair["type"].upper()} if pair["type"] != "string" else {})
            | (
                {fields[pair["type"]]: str(pair["value"]) if pair["type"] == "int64" else pair["value"]}
                if pair["value"]
                else {}
            )
            for pair in pairs
        ]

    trace = document["data"][0]
    return {
        "spans": [
            {
                "traceId": identity(span["traceID"]),
                "spanId": identity(span["spanID"]),
                "operationName": span["operationName"],
                "references": [
                    {"traceId": identity(item["traceID"]), "spanId": identity(item["spanID"])}
                    | ({"refType": item["refType"]} if item["refType"] != "CHILD_OF" else {})
                    for item in span["references"]
                ],
                **({"flags": span["flags"]} if "flags" in span else {}),
                "startTime": moment(span["startTime"]),
                "duration": f"{span['duration'] / 10**6:.6f}s",
                "tags": tags(span["tags"]),
                "logs": [
                    {"timestamp": moment(log["timestamp"]), "fields": tags(log["fields"])}
                    for log in span["logs"]
                ],
                "process": {
                    "serviceName": trace["processes"][span["processID"]]["serviceName"],
                    "tags": tags(trace["processes"][span["processID"]]["tags"]),
                },
            }
            for span in trace["spans"]
        ]
    }


def in_snake_case(item: Any) -> Any:
    if isinstance(item, dict):
        return {re.sub("(?=[A-Z])", "_", key).lower(): in_snake_case(value) for key, value in item.items()}
    return [in_snake_case(one) for one in item] if isinstance(item, list) else item


MESSAGE = as_messages(JAEGER)


@pytest.mark.parametrize(
    "around",
    [
        lambda d: d,
        lambda d: {"result": d},
        lambda d: d["spans"],
        in_snake_case,
        lambda d: {"data": [d]},
    ],
)
@pytest.mark.parametrize("kind", [None, "jaeger"])
def test_messages_of_jaeger_say_what_its_json_says(around: Change, kind: JsonKind | None) -> None:
    document = around(MESSAGE)
    if kind is not None and "result" in document:
        document = document["result"]
    found = read(json.dumps(document).encode(), kind)
    assert found.damaged == []
    assert found.spans == read(json.dumps(JAEGER).encode()).spans


def test_messages_of_jaeger_leave_out_what_is_the_default() -> None:
    span = {
        "traceId": "W4qloqLSyHJeigAAAAAAAQ==",
        "spanId": base64.b64encode(bytes.fromhex("00f067aa0ba902b7")).decode(),
        "operationName": "GET",
        "startTime": "2026-11-18T11:06:40.123456789+01:00",
        "tags": [
            {"key": "empty"},
            {"key": "no", "vType": "BOOL"},
            {"key": "none", "vType": 2},
            {"key": "zero", "vType": "FLOAT64"},
            {"key": "bytes", "vType": "BINARY"},
        ],
    }
    batch = {"spans": [span], "process": {"serviceName": "shop"}}
    (found,) = read(json.dumps(batch).encode()).spans
    assert found.attributes == {"empty": "", "no": False, "none": 0, "zero": 0.0, "bytes": b""}
    assert found.start_time_unix_nano == found.end_time_unix_nano == 1_794_996_400_123_456_789
    assert found.resource == Resource({"service.name": "shop"})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("startTime", "2026-11-31T11:06:40Z", "startTime '2026-11-31T11:06:40Z' is no time"),
        ("startTime", "2026-11-18", "startTime '2026-11-18' is no time"),
        ("startTime", "1969-11-18T00:00:00Z", "is before 1970 or after 2554"),
        ("duration", "soons", "duration 'soons' is no length of time"),
    ],
)
def test_damaged_messages_of_jaeger_cost_no_other(field: str, value: str, reason: str) -> None:
    damaged = {**MESSAGE["spans"][0], field: value}
    found = read(json.dumps({"spans": [damaged, MESSAGE["spans"][1]]}).encode())
    assert [span.name for span in found.spans] == ["GET /{currency}"]
    assert len(found.damaged) == 1
    assert reason in found.damaged[0]


@pytest.mark.parametrize("around", [lambda d: d, lambda d: d["data"][0], lambda d: d["data"]])
def test_jaeger(around: Change) -> None:
    found = read(json.dumps(around(JAEGER)).encode())
    assert found.damaged == []
    assert found.spans == [
        Span(
            TRACE,
            "00f067aa0ba902b7",
            "POST /checkout",
            "",
            SpanKind.SERVER,
            BEGAN,
            BEGAN + 100 * MS,
            {
                "http.request.method": "POST",
                "http.response.status_code": 201,
                "ratio": 0.5,
                "cached": False,
                "digest": b"\0\1",
            },
            [Event("priced", BEGAN + 5000, {"items": 3})],
            flags=1,
            scope=FASTAPI,
            resource=SHOP,
        ),
        Span(
            TRACE,
            "3333333333333333",
            "GET /{currency}",
            "00f067aa0ba902b7",
            SpanKind.CLIENT,
            BEGAN + 20 * MS,
            BEGAN + 50 * MS,
            {"error": True},
            links=[Link("a" * 32, "b" * 16, attributes={"opentracing.ref_type": "follows_from"})],
            status=Status(StatusCode.ERROR),
            scope=Scope(),
            resource=RATES,
        ),
    ]


ZIPKIN: list[dict[str, Any]] = [
    {
        "traceId": TRACE,
        "id": "00f067aa0ba902b7",
        "name": "post /checkout",
        "kind": "SERVER",
        "timestamp": BEGAN // 1000,
        "duration": 100_000,
        "localEndpoint": {"serviceName": "shop", "ipv4": "127.0.0.1"},
        "tags": {
            "http.method": "POST",
            "http.status_code": "500",
            "error": "no rates",
            "service.version": "1.2",
            "http.request.header.accept": '["text/html","*/*"]',
        },
        "annotations": [
            {"timestamp": BEGAN // 1000 + 1, "value": "ws"},
            {"timestamp": BEGAN // 1000 + 2, "value": '{"priced": {"items": 3}}'},
        ],
    },
    {
        "traceId": TRACE,
        "id": "1111111111111111",
        "parentId": "00f067aa0ba902b7",
        "kind": "CLIENT",
        "name": "get",
        "timestamp": BEGAN // 1000 + 10_000,
        "duration": 50_000,
        "localEndpoint": {"serviceName": "shop"},
        "remoteEndpoint": {"serviceName": "rates", "ipv4": "10.0.0.7", "port": 80},
        "tags": {
            "otel.scope.name": HTTPX.name,
            "otel.scope.version": HTTPX.version,
            "service.version": "1.2",
        },
    },
    {
        "traceId": TRACE,
        "id": "1111111111111111",
        "parentId": "00f067aa0ba902b7",
        "kind": "SERVER",
        "shared": True,
        "name": "get /{currency}",
        "timestamp": BEGAN // 1000 + 20_000,
        "duration": 30_000,
        "localEndpoint": {"serviceName": "rates"},
    },
    {
        "traceId": TRACE,
        "id": "4444444444444444",
        "parentId": "1111111111111111",
        "name": "select",
        "timestamp": BEGAN // 1000 + 25_000,
        "duration": 5_000,
        "localEndpoint": {"serviceName": "rates"},
    },
]


@pytest.mark.parametrize("around", [lambda d: d, lambda d: [d]])
def test_zipkin(around: Callable[[list[dict[str, Any]]], list[Any]]) -> None:
    found = read(json.dumps(around(ZIPKIN)).encode())
    assert found.damaged == []
    entry, call, served, below = found.spans
    assert entry == Span(
        TRACE,
        "00f067aa0ba902b7",
        "post /checkout",
        "",
        SpanKind.SERVER,
        BEGAN,
        BEGAN + 100 * MS,
        {
            "http.method": "POST",
            "http.status_code": 500,
            "http.request.header.accept": ["text/html", "*/*"],
        },
        [Event("ws", BEGAN + 1000), Event("priced", BEGAN + 2000, {"items": 3})],
        status=Status(StatusCode.ERROR, "no rates"),
        resource=Resource({"service.version": "1.2", "service.name": "shop"}),
    )
    assert call.scope == HTTPX
    assert call.attributes == {
        "peer.service": "rates",
        "network.peer.address": "10.0.0.7",
        "network.peer.port": 80,
    }
    # a server that shares its caller's id is below it, and what it did is below it
    assert served.span_id != call.span_id
    assert (served.parent_span_id, below.parent_span_id) == (call.span_id, served.span_id)
    assert (served.resource, below.kind) == (RATES, SpanKind.INTERNAL)


@pytest.mark.parametrize("signal", ["resourceMetrics", "resourceLogs", "resource_metrics"])
def test_other_signals_are_told_apart(signal: str) -> None:
    found = read(json.dumps({signal: []}).encode())
    assert (found.other, found.spans, found.damaged) == (True, [], [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not JSON: Input data was truncated"),
        (b'{"a": 1}', "JSON, but neither OTLP, Tempo, Jaeger nor Zipkin: an object with 'a'"),
        (b"7", "JSON, but neither OTLP, Tempo, Jaeger nor Zipkin: int"),
        (b'{"data": 7}', "no Jaeger JSON: it has neither data nor spans"),
    ],
)
def test_what_is_none_of_them_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(CassetteFormatError) as caught:
        read(data)
    assert str(caught.value) == reason
