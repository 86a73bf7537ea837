"""What OpenTelemetry's own exporters send becomes cassettes, over HTTP and over gRPC."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind

from tests.collecting.conftest import Collecting, Start
from timetracer_otel.cassette import STRUCTURE_ONLY
from timetracer_otel.store import FolderStore

HTTP = ("--otlp-http", "127.0.0.1:0")
GRPC = ("--otlp-grpc", "127.0.0.1:0")


def over_http(server: Collecting) -> SpanExporter:
    return HttpExporter(endpoint=server.url, compression=Compression.NoCompression)


def over_http_gzip(server: Collecting) -> SpanExporter:
    return HttpExporter(endpoint=server.url, compression=Compression.Gzip)


def over_grpc(server: Collecting) -> SpanExporter:
    return GrpcExporter(endpoint=server.grpc, insecure=True)


@pytest.mark.parametrize(
    ("options", "exporter"),
    [
        pytest.param(HTTP, over_http, id="http"),
        pytest.param(HTTP, over_http_gzip, id="http gzip"),
        pytest.param(GRPC, over_grpc, id="grpc"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_service_of_each_trace_becomes_a_cassette(
    collect: Start, tmp_path: Path, options: tuple[str, ...], exporter: object, number: int
) -> None:
    server = collect(*options)
    assert callable(exporter)
    providers = {}
    for service in ("shop", "rates"):
        providers[service] = TracerProvider(resource=Resource({"service.name": service}))
        # one span a request, children before their parents: pieces of a trace in any order
        providers[service].add_span_processor(SimpleSpanProcessor(exporter(server)))
    shop, rates = (providers[name].get_tracer("test") for name in ("shop", "rates"))
    for _ in range(3):
        with (
            shop.start_as_current_span("GET /checkout", kind=SpanKind.SERVER),
            shop.start_as_current_span("GET", kind=SpanKind.CLIENT),
        ):
            sent: dict[str, str] = {}
            inject(sent)  # as it goes to another process
            rates.start_span("GET /rates", context=extract(sent), kind=SpanKind.SERVER).end()
    for provider in providers.values():
        provider.shutdown()

    assert server.stop(number) == (
        0,
        "9 spans received, 6 cassettes written, 6 of them with structure only\n",
        "",
    )
    found = [cassette for _, cassette in FolderStore(tmp_path / "cassettes").iter()]
    assert sorted((one.title, len(one.spans), one.gaps[0].kind) for one in found) == [
        *[("GET /checkout", 2, STRUCTURE_ONLY)] * 3,
        *[("GET /rates", 1, STRUCTURE_ONLY)] * 3,
    ]


def test_only_what_is_asked_for_is_written(collect: Start, tmp_path: Path) -> None:
    server = collect(*HTTP, "--endpoint", "GET /wanted*")
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(over_http(server)))
    for name in ("GET /wanted/1", "GET /other"):
        provider.get_tracer("test").start_span(name, kind=SpanKind.SERVER).end()
    assert server.stop()[:2] == (
        0,
        "2 spans received, 1 cassette written, 1 of them with structure only, 1 not asked for\n",
    )
