"""Cassettes made by hand: what was recorded, without recording it."""

from __future__ import annotations

from typing import Any

from timetracer_otel import attributes as names
from timetracer_otel import config
from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.config import Settings
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
from timetracer_otel.redaction import Redactor
from timetracer_otel.span import Attributes, Resource, Scope, Span, SpanKind

TRACE = "1f2e3d4c5b6a79801122334455667788"
ENTRY = f"{1:016x}"
SETTINGS: Settings = config.load({})
REDACTOR = Redactor.from_settings(SETTINGS)
SHOP = Resource({"service.name": "shop", names.CASSETTE_VERSION: "1"})

JSON = ("content-type", "application/json")
ASKED = HttpRequest(
    "POST", "http://shop.local/checkout/7?fast=1", [("host", "shop.local"), JSON], b'{"n": 1}'
)
ANSWERED = HttpResponse(201, [JSON, ("x-shop", "one")], b'{"order": {"id": 7, "paid": true}}')


class Caller:
    """An integration, as far as a port needs to know it."""

    def __init__(self, name: str, family: str) -> None:
        self.name = name
        self.family = family
        self.scopes: tuple[str, ...] = (name,)


CALLERS: dict[str, Any] = {
    "http": Caller("httpx", "http"),
    "db": Caller("sqlalchemy", "db"),
    "redis": Caller("redis", "redis"),
    "mongodb": Caller("pymongo", "mongodb"),
    "function": Caller("parcels", "function"),
}


class Made:
    """One dependency call to put into a cassette.

    Args:
        request: what was asked.
        answer: what came back; ``None`` when that was not recorded.
        lane: the task or thread that called.
        below: the name of a span between the entry and the call.
    """

    def __init__(
        self,
        request: Request,
        answer: Answer | Failure | None = None,
        *,
        lane: int = 0,
        below: str = "",
    ) -> None:
        self.request = request
        self.answer = answer
        self.lane = lane
        self.below = below


def get(path: str, body: bytes | None = b"ok", **more: Any) -> Made:
    """``GET http://rates<path>``, answered with 200 and that body."""
    return Made(HttpRequest("GET", f"http://rates{path}"), HttpResponse(200, [], body), **more)


def sql(text: str, parameters: Any = None, rows: Any = (), **more: Any) -> Made:
    """A statement and its rows."""
    return Made(SqlStatement(text, parameters), SqlResult([["n"]], [list(row) for row in rows]), **more)


def redis(*arguments: Any, reply: Any = None, **more: Any) -> Made:
    """A command and its reply."""
    return Made(RedisCommand(list(arguments)), RedisReply(reply), **more)


def cassette(
    *calls: Made,
    asked: HttpRequest | None = ASKED,
    answered: HttpResponse | Failure | None = ANSWERED,
    trace: str = TRACE,
    started: int = 1_000,
) -> Cassette:
    """One request, what it was answered, and the calls it made."""
    inbound: Attributes = {names.ENTRY_FRAMEWORK: "fastapi"} if asked is not None else {}
    for message in (asked, answered):
        if asked is not None and message is not None:
            inbound.update(message.attributes())
    spans = [
        Span(
            trace,
            ENTRY,
            "POST /checkout/{id}" if asked is not None else "startup",
            "",
            SpanKind.SERVER if asked is not None else SpanKind.INTERNAL,
            started,
            started + 5_000_000,
            attributes=inbound,
            resource=SHOP,
        )
    ]
    between: dict[str, str] = {}
    for index, made in enumerate(calls, 1):
        parent = ENTRY
        if made.below:
            if made.below not in between:
                between[made.below] = f"{0xB00 + index:016x}"
                spans.append(Span(trace, between[made.below], made.below, ENTRY, resource=SHOP))
            parent = between[made.below]
        caller = CALLERS[made.request.family]
        attributes: Attributes = {
            names.CALL_INTEGRATION: caller.name,
            names.CALL_FAMILY: caller.family,
            names.CALL_LANE: made.lane,
            names.CALL_INDEX: index,
            **made.request.attributes(),
        }
        if made.answer is not None:
            attributes.update(made.answer.attributes())
        scope = Scope(caller.name)
        spans.append(
            Span(
                trace, f"{0xC00 + index:016x}", "call", parent, SpanKind.CLIENT, started + index,
                attributes=attributes, scope=scope, resource=SHOP,
            )
        )  # fmt: skip
    return Cassette.load(Cassette.from_spans(spans).dump())


def calls(*made: Made) -> list[Call]:
    """The calls as a matcher gets them: written to a cassette and read back."""
    return cassette(*made).calls()
