"""Payloads under the names that others use become messages, masked, and what is missing is said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.converting.conftest import Run, cassettes
from tests.converting.traces import BEGAN, FASTAPI, HTTPX, MS, SHOP, TRACE
from timetracer_otel.cassette import Cassette
from timetracer_otel.converters.making import cassettes_of
from timetracer_otel.converters.payloads import url_of
from timetracer_otel.formats import encode
from timetracer_otel.messages import HttpRequest, HttpResponse, SqlStatement
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers.matching import Grade, Matcher, RecordedCalls
from timetracer_otel.span import Attributes, Scope, Span, SpanKind

HYPERTRACE: Attributes = {
    "http.method": "POST",
    "http.scheme": "http",
    "http.host": "shop.local",
    "http.target": "/checkout?fast=1",
    "http.route": "/checkout",
    "http.status_code": 201,
    "http.request.header.content-type": "application/json",
    "http.request.header.authorization": "Bearer abc",
    "http.request.body": '{"item": 1, "password": "hunter2"}',
    "http.response.header.content-type": "application/json",
    "http.response.header.content-length": "999",
    "http.response.body": '{"id":7}',
}
SEMCONV: Attributes = {
    "http.request.method": "GET",
    "url.full": "http://rates/EUR",
    "http.response.status_code": 200,
    "http.request.header.x_tenant": ["a"],
    "http.response.body.content": '{"rate": 2}',
}
CONTRIB: Attributes = {
    "db.system": "postgresql",
    "db.name": "shop",
    "db.statement": "SELECT * FROM orders WHERE id = %s",
    "db.statement.parameters": "(7,)",
}


def spans(entry: Attributes, *calls: tuple[Scope, Attributes]) -> list[Span]:
    """A request and the calls below it."""
    made = [
        Span(
            *(
                TRACE,
                "0" * 15 + "1",
                "POST /checkout",
                "",
                SpanKind.SERVER,
                BEGAN,
                BEGAN + 9 * MS,
                dict(entry),
            ),
            scope=FASTAPI,
            resource=SHOP,
        )
    ]
    for number, (scope, attributes) in enumerate(calls, 2):
        start = BEGAN + number * MS
        made.append(
            Span(
                *(TRACE, f"{number:016x}", "call", made[0].span_id, SpanKind.CLIENT, start, start + MS),
                dict(attributes),
                scope=scope,
                resource=SHOP,
            )
        )
    return made


def cassette(entry: Attributes, *calls: tuple[Scope, Attributes]) -> Cassette:
    [made] = cassettes_of(spans(entry, *calls), Redactor())
    return Cassette.load(made.dump())


def test_the_request_and_its_response() -> None:
    made = cassette(HYPERTRACE)
    assert made.inbound_request == HttpRequest(
        "POST",
        "http://shop.local/checkout?fast=1",
        [("content-type", "application/json"), ("authorization", "Bearer [REDACTED]")],
        b'{"item": 1, "password": "[REDACTED]"}',
    )
    assert made.inbound_response == HttpResponse(
        201, [("content-type", "application/json"), ("content-length", "8")], b'{"id":7}'
    )
    assert (made.title, made.replayable) == ("POST /checkout", True)
    assert {gap.kind for gap in made.gaps} == {"masked"}
    said = repr(made.entry.attributes)
    assert "hunter2" not in said
    assert "Bearer abc" not in said


def test_calls_of_http() -> None:
    made = cassette(HYPERTRACE, (HTTPX, SEMCONV), (HTTPX, {"http.request.method": "GET"}))
    [call] = made.calls()
    assert (call.integration, call.family, call.index) == ("httpx", "http", 1)
    assert call.request == HttpRequest("GET", "http://rates/EUR", [("x-tenant", "a")], b"")
    assert call.answer == HttpResponse(
        200, [("content-type", "application/json"), ("content-length", "11")], b'{"rate": 2}'
    )
    assert [(gap.kind, gap.detail) for gap in made.gaps if gap.kind != "masked"] == [
        ("call without a payload", "call")
    ]


def test_statements_have_parameters_and_no_rows() -> None:
    made = cassette({}, (Scope("opentelemetry.instrumentation.psycopg2"), CONTRIB))
    [call] = made.calls()
    assert (call.integration, call.answer) == ("psycopg2", None)
    assert call.request == SqlStatement(
        "SELECT * FROM orders WHERE id = %s", "(7,)", system="postgresql", namespace="shop"
    )
    assert [(gap.kind, gap.detail[:6]) for gap in made.gaps] == [("no answer", "SELECT")]


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({"db.query.parameter.0": "a", "db.query.parameter.1": "b"}, ["a", "b"]),
        ({"db.query.parameter.id": "7"}, {"id": "7"}),
    ],
)
def test_parameters_one_by_one(given: Attributes, parameters: Any) -> None:
    made = cassette({}, (Scope("other"), {"db.query.text": "SELECT 1", **given}))
    [call] = made.calls()
    assert isinstance(call.request, SqlStatement)
    assert (call.integration, call.request.parameters) == ("db", parameters)


def test_a_request_whose_headers_nobody_noted_is_found_by_the_rest_of_it() -> None:
    without = {name: value for name, value in SEMCONV.items() if "header" not in name}
    made = cassette(HYPERTRACE, (HTTPX, without))
    assert ("headers not recorded", "of the request GET http://rates/EUR") in [
        (gap.kind, gap.detail) for gap in made.gaps
    ]
    matcher = Matcher(RecordedCalls(made.calls()), Redactor())
    other = HttpRequest("GET", "http://rates/USD", [("accept", "*/*")])
    assert matcher.match(other, None, 0) is None
    found = matcher.match(HttpRequest("GET", "http://rates/EUR", [("accept", "*/*")]), None, 0)
    assert found is not None
    assert found.grade is Grade.NORMALISED


@pytest.mark.parametrize(
    ("attributes", "url"),
    [
        ({"url.full": "https://a/b"}, "https://a/b"),
        ({"http.url": "https://a/c"}, "https://a/c"),
        (
            {
                "url.scheme": "https",
                "server.address": "a",
                "server.port": 8443,
                "url.path": "/d",
                "url.query": "x=1",
            },
            "https://a:8443/d?x=1",
        ),
        ({"url.scheme": "https", "server.address": "a", "server.port": 443, "url.path": "/"}, "https://a/"),
        ({"http.host": "a:81", "http.target": "/e?y=2", "net.host.port": 81}, "http://a:81/e?y=2"),
        ({}, "http://localhost/"),
    ],
)
def test_urls_from_their_parts(attributes: Attributes, url: str) -> None:
    assert url_of(attributes) == url


def test_the_command_masks_unless_told_not_to(run: Run, tmp_path: Any) -> None:
    path = tmp_path / "traces.json"
    path.write_bytes(encode(spans(HYPERTRACE, (HTTPX, SEMCONV))))
    assert run("convert", path, "-o", "masked").exit_code == 0
    assert run("convert", path, "-o", "plain", "--no-redact").exit_code == 0
    for store, secret in (("masked", b"[REDACTED]"), ("plain", b"hunter2")):
        [made] = cassettes(store)
        assert made.inbound_request is not None
        assert secret in (made.inbound_request.body or b"")
        assert len(made.calls()) == 1


def test_a_span_that_says_when_the_app_began_and_nothing_else_is_left_out(run: Run, tmp_path: Any) -> None:
    path = tmp_path / "traces.json"
    [startup] = spans({"timetracer.entry.framework": "uvicorn"})
    startup.kind = SpanKind.INTERNAL
    path.write_bytes(encode([startup]))
    assert run("convert", path).stdout == "0 cassettes in ./cassettes, of 1 span in 1 trace\n"
