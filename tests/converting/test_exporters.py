"""Files as OpenTelemetry's own exporters write them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.zipkin.json.v2 import JsonV2Encoder
from opentelemetry.exporter.zipkin.node_endpoint import NodeEndpoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from tests.converting.conftest import Run, cassettes, contents
from tests.recording.sink import OtlpSink
from timetracer_otel.exporters.convert import Scopes, convert, convert_resource
from timetracer_otel.span import Span


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    made = TracerProvider(resource=Resource({"service.name": "shop", "ports": [80, 443]}))
    yield made
    made.shutdown()


def traced(provider: TracerProvider) -> list[ReadableSpan]:
    """One request with every kind of value that the SDK's spans have."""
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("shop", "1.2")
    other = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span(
        "POST /checkout",
        kind=SpanKind.SERVER,
        attributes={"http.request.method": "POST", "http.route": "/checkout", "n": 2**53 + 1, "half": 0.5},
        links=[Link(other, {"why": "batch"})],
    ) as entry:
        with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT) as call:
            call.set_attributes({"tags": ["a", "b"], "ok": True, "text": "ünïcødé"})
            call.add_event("retry", {"attempt": 2})
            call.set_status(StatusCode.ERROR, "no rates")
        entry.set_attribute("http.response.status_code", 503)
    return list(memory.get_finished_spans())


def without_flags(spans: list[Span]) -> dict[str, Span]:
    """By id, without what exporters say differently: whether it is sampled, whether a parent is remote."""
    for span in spans:
        span.flags = 0
        for link in span.links:
            link.flags = 0
    return {span.span_id: span for span in spans}


def plain(spans: list[ReadableSpan]) -> list[Span]:
    scopes = Scopes()
    resource = convert_resource(spans[0].resource, {})
    return [convert(span, resource, scopes) for span in spans]


def assert_converted(spans: list[ReadableSpan]) -> None:
    [cassette] = cassettes()
    assert cassette.title == "POST /checkout"
    del cassette.entry.attributes["timetracer.gaps"]
    assert without_flags(cassette.spans) == without_flags(plain(spans))


def test_the_json_file_exporter(provider: TracerProvider, run: Run) -> None:
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter("traces.jsonl")))
    spans = traced(provider)
    provider.shutdown()
    assert len(Path("traces.jsonl").read_text().splitlines()) == 2  # the spans come one by one
    assert run("convert", "traces.jsonl").exit_code == 0
    assert_converted(spans)


def test_otlp_over_http(provider: TracerProvider, run: Run) -> None:
    sink = OtlpSink()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{sink.url}/v1/traces")))
    spans = traced(provider)
    provider.shutdown()
    sink.close()
    Path("traces.pb").write_bytes(b"".join(len(body).to_bytes(4, "big") + body for body in sink.bodies))
    assert run("convert", "traces.pb").exit_code == 0
    assert_converted(spans)


def test_zipkin(provider: TracerProvider, run: Run) -> None:
    spans = traced(provider)
    written = JsonV2Encoder().serialize(spans, NodeEndpoint())  # type: ignore[arg-type]  # as its exporter has them
    Path("traces.json").write_text(written)
    assert run("convert", "traces.json").exit_code == 0
    [cassette] = cassettes()
    call, _ = spans
    found = cassette.children(cassette.entry.span_id)
    assert cassette.title == "POST /checkout"
    assert cassette.resource.attributes["service.name"] == "shop"
    assert [span.name for span in found] == ["GET"]
    assert call.start_time is not None
    assert abs(found[0].start_time_unix_nano - call.start_time) < 1000  # Zipkin knows microseconds
    assert (found[0].status.code, found[0].status.message) == (2, "no rates")
    assert [(event.name, event.attributes) for event in found[0].events] == [("retry", {"attempt": 2})]
    assert (found[0].scope.name, found[0].scope.version) == ("shop", "1.2")
    assert cassette.entry.attributes["http.response.status_code"] == 503


@pytest.mark.parametrize("indent", [4, None])
def test_what_the_console_exporter_prints(provider: TracerProvider, run: Run, indent: int | None) -> None:
    def line(span: ReadableSpan) -> str:
        return f"{span.to_json(indent=indent)}\n"

    printed = io.StringIO()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=printed, formatter=line)))
    tracer = provider.get_tracer("shop")
    attributes: dict[str, Any] = {"text": "a", "number": 1, "half": 0.5, "true": True, "list": ["a", "b"]}
    with tracer.start_as_current_span("POST /checkout", kind=SpanKind.SERVER, attributes=attributes) as entry:
        link = Link(entry.get_span_context(), {"why": "retry"})
        with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, links=[link]) as call:
            call.add_event("retry", {"attempt": 2})
            call.set_status(StatusCode.ERROR, "no rates")
    provider.shutdown()
    Path("console.txt").write_text(printed.getvalue())
    assert run("convert", "console.txt", "--from", "console", "-o", "said").exit_code == 0
    assert run("convert", "console.txt").exit_code == 0
    assert contents("said") == contents("cassettes")
    [cassette] = cassettes()
    entry_span, call_span = cassette.spans
    assert isinstance(call, ReadableSpan)
    assert call.start_time is not None
    assert cassette.title == "POST /checkout"
    assert cassette.resource.attributes["service.name"] == "shop"
    assert {name: entry_span.attributes[name] for name in attributes} == attributes
    assert abs(call.start_time - call_span.start_time_unix_nano) < 1000  # it prints microseconds, rounded
    assert (call_span.kind, call_span.parent_span_id) == (3, entry_span.span_id)
    assert (call_span.status.code, call_span.status.message) == (2, "no rates")
    assert [(event.name, event.attributes) for event in call_span.events] == [("retry", {"attempt": 2})]
    assert [(link.span_id, link.attributes) for link in call_span.links] == [
        (entry_span.span_id, {"why": "retry"})
    ]


def test_other_output_between_printed_spans_costs_none_of_them(run: Run) -> None:
    def printed(number: int, **other: object) -> str:
        context = {"trace_id": f"0x{1:032x}", "span_id": f"0x{number:016x}", "trace_state": "[]"}
        span = {"name": f"span {number}", "context": context, "start_time": "2026-11-20T10:00:00.000001Z"}
        return json.dumps({**span, **other}, indent=4) + "\n"

    Path("console.txt").write_text(
        printed(1)
        + printed(2, start_time="soon")
        + "INFO:     127.0.0.1:1234 - GET /\n\n"
        + printed(3, parent_id=f"0x{1:016x}")
        + printed(4)[:60]
    )
    done = run("convert", "console.txt")
    assert [line.partition(": ")[2][:40] for line in done.stderr.splitlines() if "skipped" in line] == [
        "console.txt:10: start_time 'soon' is no ",
        "console.txt:19: not JSON: JSON is malfor",
        "console.txt:31: not JSON: Input data was",
    ]
    [cassette] = cassettes()
    assert [span.name for span in cassette.spans] == ["span 1", "span 3"]


def test_an_object_without_ids_is_no_span_of_the_console(run: Run) -> None:
    Path("console.json").write_text(json.dumps({"name": "GET", "context": {}}, indent=4))
    done = run("convert", "console.json")
    assert done.exit_code == 2
    assert "neither OTLP, Tempo, Jaeger nor Zipkin: an object with 'name', 'context'" in done.stderr


def test_many_at_once_on_a_stream(provider: TracerProvider, run: Run) -> None:
    stream = io.StringIO()
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(stream=stream)))
    for _ in range(20):
        traced(provider)
    done = run("convert", "-", stdin=stream.getvalue().encode())
    assert done.exit_code == 0
    assert len(cassettes()) == 20
