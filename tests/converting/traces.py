"""A trace of two services as OTLP has it, for the other spellings to be compared with."""

from __future__ import annotations

from timetracer_otel.span import Event, Resource, Scope, Span, SpanKind, Status, StatusCode

TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"
BEGAN = 1_795_000_000_000_000_000
"""2026-11-18 11:06:40 UTC."""
MS = 1_000_000

SHOP = Resource({"service.name": "shop", "service.version": "1.2"})
RATES = Resource({"service.name": "rates"})
FASTAPI = Scope("opentelemetry.instrumentation.fastapi", "0.66b1")
HTTPX = Scope("opentelemetry.instrumentation.httpx", "0.66b1")


def two_services() -> list[Span]:
    """``POST /checkout`` of ``shop``, which asks ``rates`` over HTTP and does something itself."""
    return [
        Span(
            TRACE,
            "00f067aa0ba902b7",
            "POST /checkout",
            "",
            SpanKind.SERVER,
            BEGAN,
            BEGAN + 100 * MS,
            {"http.request.method": "POST", "http.route": "/checkout", "http.response.status_code": 201},
            scope=FASTAPI,
            resource=SHOP,
        ),
        Span(
            TRACE,
            "1111111111111111",
            "GET",
            "00f067aa0ba902b7",
            SpanKind.CLIENT,
            BEGAN + 10 * MS,
            BEGAN + 60 * MS,
            {"http.request.method": "GET", "url.full": "http://rates/EUR", "http.response.status_code": 500},
            [Event("exception", BEGAN + 55 * MS, {"exception.type": "RatesDown"})],
            status=Status(StatusCode.ERROR, "500"),
            scope=HTTPX,
            resource=SHOP,
        ),
        Span(
            TRACE,
            "2222222222222222",
            "price",
            "00f067aa0ba902b7",
            SpanKind.INTERNAL,
            BEGAN + 70 * MS,
            BEGAN + 80 * MS,
            {"items": 3},
            scope=Scope("shop"),
            resource=SHOP,
        ),
        Span(
            TRACE,
            "3333333333333333",
            "GET /{currency}",
            "1111111111111111",
            SpanKind.SERVER,
            BEGAN + 20 * MS,
            BEGAN + 50 * MS,
            {"http.request.method": "GET", "http.route": "/{currency}", "http.response.status_code": 500},
            status=Status(StatusCode.ERROR, ""),
            scope=FASTAPI,
            resource=RATES,
        ),
        Span(
            TRACE,
            "4444444444444444",
            "SELECT",
            "3333333333333333",
            SpanKind.CLIENT,
            BEGAN + 25 * MS,
            BEGAN + 30 * MS,
            {"db.system.name": "postgresql", "db.query.text": "SELECT rate FROM rates"},
            scope=Scope("opentelemetry.instrumentation.psycopg"),
            resource=RATES,
        ),
    ]
