"""Files as OpenTelemetry's own exporters write them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.zipkin.json.v2 import JsonV2Encoder
from opentelemetry.exporter.zipkin.node_endpoint import NodeEndpoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from tests.converting.conftest import Run, cassettes
from tests.recording.sink import OtlpSink
from timetracer_otel.exporters.convert import convert, convert_resource
from timetracer_otel.span import Scope, Span


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
    scopes: dict[int, Scope] = {}
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
    written = JsonV2Encoder().serialize(spans, NodeEndpoint())
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


def test_a_file_of_the_console_is_no_trace_and_said_to_be_none(run: Run) -> None:
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
