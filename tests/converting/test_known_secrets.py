"""What one message of a trace gives away by its names is masked in all cassettes of the trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind as LiveKind

from tests.collecting.conftest import Collecting
from tests.converting.conftest import Run, cassettes
from tests.converting.traces import BEGAN, FASTAPI, HTTPX, MS, RATES, SHOP, TRACE
from timetracer_otel.formats import encode
from timetracer_otel.messages import HttpRequest, HttpResponse, RedisCommand, SqlStatement
from timetracer_otel.span import Attributes, Event, Scope, Span, SpanKind, Status, StatusCode

TOKEN = "tok-5e0c9aA1/Zq"
PSYCOPG = Scope("opentelemetry.instrumentation.psycopg")
ENTRY: Attributes = {
    "http.request.method": "GET",
    "http.route": "/me",
    "url.full": f"http://shop/me?token={TOKEN}&lang=de",
    "http.request.header.authorization": [f"Bearer {TOKEN}"],
    "http.request.body": "",
    "http.response.status_code": 200,
    "http.response.body": f'{{"hello": "{TOKEN}"}}',
}
ASKED: Attributes = {
    "http.request.method": "POST",
    "url.full": "http://rates/EUR?by=tok-5e0c9aA1%2FZq",
    "http.request.body": f"for {TOKEN}",
    "http.response.status_code": 200,
    "http.response.body": f"of {TOKEN}",
}
STATEMENT: Attributes = {
    "db.system.name": "postgresql",
    "db.query.text": "SELECT * FROM sessions WHERE key = %s",
    "db.query.parameter.0": f"session:{TOKEN}",
}
REDIS: Attributes = {
    "timetracer.call.integration": "redis",
    "timetracer.call.family": "redis",
    **RedisCommand(["GET", f"session:{TOKEN}"]).attributes(),
}


def spans() -> list[Span]:
    """``GET /me`` of ``shop``, which asks a database and ``rates``; that one asks Redis. Only the header of
    the request that came in says by its name that it is a secret.
    """
    entry = Span(TRACE, "1" * 16, "GET /me", "", SpanKind.SERVER, BEGAN, BEGAN + 9 * MS, dict(ENTRY))
    entry.scope, entry.resource = FASTAPI, SHOP
    made = [entry]
    for number, parent, kind, scope, resource, attributes in (
        (2, 1, SpanKind.CLIENT, HTTPX, SHOP, ASKED),
        (3, 1, SpanKind.CLIENT, PSYCOPG, SHOP, STATEMENT),
        (4, 1, SpanKind.INTERNAL, Scope("shop"), SHOP, {"said": f"it is {TOKEN}"}),
        (5, 2, SpanKind.SERVER, FASTAPI, RATES, {"http.request.method": "POST", "http.route": "/{name}"}),
        (6, 5, SpanKind.CLIENT, Scope("timetracer-otel"), RATES, REDIS),
    ):
        span = Span(
            TRACE, str(number) * 16, f"span {number} of {TOKEN}", str(parent) * 16, kind, BEGAN + number * MS
        )
        span.end_time_unix_nano = span.start_time_unix_nano + MS
        span.attributes, span.scope, span.resource = dict(attributes), scope, resource
        made.append(span)
    made[3].events = [Event("exception", BEGAN + 4 * MS, {"exception.message": f"no {TOKEN}"})]
    made[3].status = Status(StatusCode.ERROR, f"no {TOKEN}")
    return made


def said(store: str | Path = "cassettes") -> str:
    """All that stands in the files of a store."""
    return "".join(path.read_text() for path in Path(store).rglob("*.json"))


@pytest.mark.parametrize("order", [1, -1])
def test_a_token_of_a_header_is_masked_in_every_service(run: Run, tmp_path: Path, order: int) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\n".join(encode([span]) for span in spans()[::order]))
    assert run("convert", path).exit_code == 0

    assert TOKEN not in said()
    assert "tok-5e0c9aA1%2FZq" not in said()
    shop, rates = cassettes()
    asked, statement = shop.calls()
    assert shop.inbound_request == HttpRequest(
        "GET",
        "http://shop/me?token=%5BREDACTED%5D&lang=de",
        [("authorization", "Bearer [REDACTED]")],
        b"",
    )
    assert isinstance(shop.inbound_response, HttpResponse)
    assert shop.inbound_response.body == b'{"hello": "[REDACTED]"}'
    assert isinstance(asked.request, HttpRequest)
    assert (asked.request.url, asked.request.body) == (
        "http://rates/EUR?by=%5BREDACTED%5D",
        b"for [REDACTED]",
    )
    assert isinstance(asked.answer, HttpResponse)
    assert (asked.answer.body, asked.answer.header("content-length")) == (b"of [REDACTED]", "13")
    assert isinstance(statement.request, SqlStatement)
    assert statement.request.parameters == ["session:[REDACTED]"]
    inner = shop.span("4" * 16)
    assert inner is not None
    assert (inner.attributes, inner.events[0].attributes, inner.status.message) == (
        {"said": "it is [REDACTED]"},
        {"exception.message": "no [REDACTED]"},
        "no [REDACTED]",
    )
    assert [span.name for span in (*shop.spans, *rates.spans)] == [
        "GET /me",
        *(f"span {number} of [REDACTED]" for number in range(2, 7)),
    ]
    [read] = rates.calls()
    assert read.request == RedisCommand(["GET", "session:[REDACTED]"])
    assert ("masked", "Http response a secret known from elsewhere", "2" * 16) in [
        (gap.kind, gap.detail, gap.span_id) for gap in shop.gaps
    ]


def test_what_was_masked_in_a_service_that_is_not_asked_for_is_known(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(encode(spans()))
    assert run("convert", path, "--service", "rates").exit_code == 0
    assert "session:[REDACTED]" in said()


def test_nothing_is_looked_for_where_masking_is_off(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(encode(spans()))
    assert run("convert", path, "--no-redact").exit_code == 0
    assert said().count(TOKEN) == 15


def test_a_header_is_masked_on_a_span_without_a_payload(run: Run, tmp_path: Path) -> None:
    given = spans()
    for name in ("http.request.body", "http.response.body"):
        del given[0].attributes[name]
    path = tmp_path / "traces.jsonl"
    path.write_bytes(encode(given))
    assert run("convert", path).exit_code == 0
    assert TOKEN not in said()


def test_collected_spans(tmp_path: Path) -> None:
    """Exported one by one, children first, by the SDK."""
    server = Collecting(tmp_path / "cassettes", "--otlp-http", "127.0.0.1:0")
    try:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=server.url)))
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("GET /me", kind=LiveKind.SERVER, attributes=ENTRY):
            tracer.start_span("SELECT", kind=LiveKind.CLIENT, attributes=STATEMENT).end()
        provider.shutdown()
        assert server.stop()[0] == 0
    finally:
        server.kill()
    assert TOKEN not in said(tmp_path / "cassettes")
    assert "session:[REDACTED]" in said(tmp_path / "cassettes")
