"""Cassettes for the command line to look at, made of spans and messages as the recorder makes them."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette, Gap
from timetracer_otel.messages import (
    Answer,
    Failure,
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    Request,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.span import Attributes, Event, Resource, Span, SpanKind, Status, StatusCode
from timetracer_otel.store import FolderStore

MS = 1_000_000
BEGAN = 1_795_000_000_000 * MS
"""2026-11-18 11:06:40 UTC."""

_RESOURCE = Resource({"service.name": "shop", names.CASSETTE_VERSION: "1", names.GIT_REVISION: "4c1d2e0"})
_JSON = ("Content-Type", "application/json")


def span(
    number: int, name: str, start: float, took: float, *, parent: int = 0, trace: str = "a", **rest: object
) -> Span:
    """A span; times in milliseconds since the beginning."""
    return Span(
        trace_id=trace * 32,
        span_id=f"{number + 1:016x}",
        parent_span_id="" if number == 0 else f"{parent + 1:016x}",
        name=name,
        start_time_unix_nano=BEGAN + int(start * MS),
        end_time_unix_nano=BEGAN + int((start + took) * MS),
        resource=_RESOURCE,
        **rest,  # type: ignore[arg-type]  # fields of a span
    )


def call(integration: str, index: int, request: Request, answer: Answer | Failure | None) -> Attributes:
    """The payload attributes of a dependency call."""
    return {
        names.CALL_INTEGRATION: integration,
        names.CALL_FAMILY: request.family,
        names.CALL_LANE: 1,
        names.CALL_INDEX: index,
        **request.attributes(),
        **({} if answer is None else answer.attributes()),
    }


def inbound(method: str, route: str, request: HttpRequest, response: HttpResponse) -> Attributes:
    """The payload attributes of an entry span."""
    return {
        names.ENTRY_FRAMEWORK: "fastapi",
        names.HTTP_ROUTE: route,
        **request.attributes(),
        **response.attributes(),
        names.HTTP_REQUEST_METHOD: method,
    }


def checkout(trace: str = "a") -> Cassette:
    """Three calls, a span of the app's own between, values drawn and a gap."""
    entry = span(
        0, "POST /checkout", 0, 12.5, trace=trace, kind=SpanKind.SERVER,
        attributes=inbound(
            "POST", "/checkout",
            HttpRequest("POST", "http://shop/checkout?dry=1", [_JSON], b'{"product_id": 1,  "quantity": 2}'),
            HttpResponse(201, [_JSON], b'{"id":7}'),
        ),
        events=[
            Event(names.EVENT_VALUE, BEGAN, {"source": "clock", "value": "1795000000.5", "lane": 1}),
            Event(names.EVENT_VALUE, BEGAN, {"source": "clock", "value": "1795000001.5", "lane": 1}),
            Event(names.EVENT_VALUE, BEGAN, {"source": "uuid4", "value": '"f00d"', "lane": 1}),
        ],
    )  # fmt: skip
    select = SqlStatement("SELECT id, price,\n  since FROM product WHERE id > $1", [0], system="postgresql")
    found = SqlResult(
        columns=[["id"], ["price"], ["since"]],
        rows=[[number, Decimal("1.25"), date(2026, 11, number)] for number in range(1, 8)],
        rowcount=7,
    )
    charge = HttpRequest("POST", "http://payments/charges", [_JSON, ("X-Try", "1")], b'{"amount":"2.50"}')
    charged = HttpResponse(402, [_JSON], b'{"declined":true}', reason="Payment Required")
    pipeline = RedisCommand([["SET", "cart:1", b"\xff"], ["EXPIRE", "cart:1", 60]], pipeline=True)
    cassette = Cassette.from_spans(
        [
            entry,
            span(1, "SELECT shop", 1, 2.5, trace=trace, attributes=call("sqlalchemy", 0, select, found)),
            span(2, "pay", 4, 6, trace=trace),
            span(3, "POST", 5, 4, parent=2, trace=trace, attributes=call("httpx", 1, charge, charged)),
            span(
                4, "PIPELINE", 11, 0.25, trace=trace,
                attributes=call("redis", 2, pipeline, RedisReply([True, None])),
            ),
        ]
    )  # fmt: skip
    cassette.add_gaps([Gap("masked", "header authorization", f"{4:016x}")])
    return cassette


def failing(trace: str = "b") -> Cassette:
    """A request that ended in the app's exception, raised by its database, an hour later."""
    failure = Failure(
        "sqlalchemy.exc.IntegrityError",
        ["duplicate key"],
        cause=Failure("asyncpg.UniqueViolationError", ["id"]),
    )
    insert = SqlStatement("INSERT INTO product (id) VALUES ($1)", [1], system="postgresql")
    failed = Status(StatusCode.ERROR, "IntegrityError: duplicate key")
    told: Attributes = {
        "exception.type": "sqlalchemy.exc.IntegrityError",
        "exception.message": "duplicate key",
        "exception.stacktrace": 'Traceback (most recent call last):\n  File "app.py", line 3\nIntegrityError',
    }
    hour = 3_600_000
    return Cassette.from_spans(
        [
            span(
                0, "PUT /products/{id}", hour, 3, trace=trace, kind=SpanKind.SERVER, status=failed,
                attributes=inbound(
                    "PUT", "/products/{id}", HttpRequest("PUT", "http://shop/products/1"),
                    HttpResponse(500, [("Content-Type", "text/plain")], b"Internal Server Error"),
                ),
                events=[Event("exception", BEGAN, told)],
            ),
            span(
                1, "INSERT", hour + 1, 1, trace=trace, status=failed,
                attributes=call("sqlalchemy", 0, insert, failure),
            ),
        ]
    )  # fmt: skip


def hostile(text: str) -> Cassette:
    """That text wherever a cassette can hold text."""
    one_line = re.sub(r"[\0\r\n]|[^\0-\xff]", "", text)  # what a header can hold of it
    request = HttpRequest("GET", f"http://up/{text}", [(one_line, one_line)], text.encode())
    response = HttpResponse(200, [("X-Name", one_line)], text.encode(), reason=one_line)
    statement = SqlStatement(text, [text], system=text)
    rows = SqlResult(columns=[[text]], rows=[[text], [{text: [text]}]], rowcount=2)
    command = RedisCommand([text])
    cassette = Cassette.from_spans(
        [
            span(
                0, text, 0, 1, trace="c", kind=SpanKind.SERVER, status=Status(StatusCode.ERROR, text),
                attributes={**inbound("GET", f"/{text}", request, response), text: text},
                events=[
                    Event("exception", 0, {"exception.type": text, "exception.stacktrace": text}),
                    Event(names.EVENT_VALUE, 0, {"source": text, "value": text}),
                    Event(text, 0, {text: text}),
                ],
            ),
            span(1, text, 0, 1, trace="c", attributes=call(text, 0, statement, rows)),
            span(2, text, 0, 1, trace="c", attributes=call("httpx", 1, request, Failure(text, [text]))),
            span(3, text, 0, 1, trace="c", attributes=call("redis", 2, command, RedisReply(text))),
        ]
    )  # fmt: skip
    cassette.add_gaps([Gap(text, text, f"{2:016x}")])
    return cassette


def store(folder: Path) -> Path:
    """The checkout and the failing request in a folder; the checkout's file."""
    written = FolderStore(folder)
    written.write(failing())
    return written.write(checkout())


def objects(printed: str) -> list[dict[str, object]]:
    """The objects of JSON lines."""
    return [json.loads(row) for row in printed.splitlines()]
