"""What looks like a secret and is none stays, in every kind of message: else replays would miss."""

from __future__ import annotations

import json
from typing import Any

import pytest

from timetracer_otel.messages import (
    FunctionCall,
    GrpcRequest,
    HttpRequest,
    KafkaRecord,
    KafkaRecords,
    MongoCommand,
    RedisCommand,
    SqlStatement,
    TaskMessage,
)
from timetracer_otel.redaction import Redactor
from timetracer_otel.redaction.binary import is_text, mask_of_length
from timetracer_otel.redaction.mask import masked_equal
from timetracer_otel.span import Span

REDACTOR = Redactor()
UUID = "8c5e9a2e-3f5b-4f0c-9f64-0d0f7a3b8a11"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ORDINARY: dict[str, Any] = {
    "token_count": 812,
    "total_tokens": 4096,
    "token_type": "bearer",
    "max_token_length": "4096",
    "next_page_token": "eyJvZmZzZXQiOjIwfQ==",
    "continuation_token": DIGEST,
    "cursor": "eyJpZCI6NDJ9",
    "session_length": "PT20M",
    "session_name": "winter-term-2026-b",
    "session": "Monday morning, room 12",
    "author": "Ada Lovelace",
    "authority": "city of Rome",
    "authored_at": "2026-11-27T10:00:00Z",
    "keyboard": "qwerty",
    "keynote": "opening",
    "primary_key": "id",
    "passenger": "Ann Example",
    "passage": "The Raven, line 4",
    "compass": "NNW",
    "secretary": "Bob",
    "pinned": "yes",
    "shopping": "tea",
    "password_changed_at": "2026-11-27",
    "password_policy": "twelve letters",
    "id": UUID,
    "user_id": UUID,
    "etag": f'"{DIGEST}"',
    "sha256": DIGEST,
    "checksum": DIGEST,
    "commit": DIGEST[:40],
    "object_id": DIGEST[:24],
    "idempotency_key": UUID,
    "cache_key": f"products:{DIGEST}",
    "foreign_key": "user_id",
    "code": "DE",
    "country_code": "DE",
    "input_tokens": "812",
    "ratelimit_remaining_tokens": "149984",
    "ratelimit_tokens_reset": "6m0s",
    "tickets": "2 of row 7",
    "cookies": "12 in a box",
    "bearing": "north",
    "description": "how to reset a password or renew a token",
    "url": "https://shop/items?page=2&sort=price&author=ada&cursor=eyJpZCI6NDJ9",
}


def carrying(name: str, value: Any) -> list[Any]:
    """One message of each kind that says it."""
    text = str(value)
    document = json.dumps({"items": [{name: value}]})
    return [
        HttpRequest("POST", "http://h/x", [("content-type", "application/json")], document.encode()),
        HttpRequest("GET", f"http://h/x?{name}=1", [(f"x-{name}".replace("_", "-"), "1")]),
        SqlStatement(f"INSERT INTO t ({name}) VALUES (%s)", [value]),
        SqlStatement("SELECT * FROM t WHERE x = :x", {name: value}),
        RedisCommand(["HSET", f"{name}:1", name, text]),
        RedisCommand(["SET", text, document]),
        MongoCommand({"insert": "t", "documents": [{name: value, "deep": {"er": [{name: value}]}}]}),
        MongoCommand({"find": "t", "filter": {"$expr": {"$eq": [f"${name}", value]}}}),
        FunctionCall("f", [{name: value}], {name: value}),
        TaskMessage("t", "1", [document], {name: value}, {}, {name: text}),
        KafkaRecords(
            [KafkaRecord("t", text.encode(), document.encode(), [[name.replace("_", "-"), text.encode()]])]
        ),
        GrpcRequest("/s/M", "", [(f"x-{name}".replace("_", "-"), text)], [document.encode()]),
    ]


@pytest.mark.parametrize("name", ORDINARY)
def test_it_stays(name: str) -> None:
    for message in carrying(name, ORDINARY[name]):
        masked: list[str] = []
        assert REDACTOR.message(message, masked) is message, masked


@pytest.mark.parametrize("name", ORDINARY)
def test_it_stays_on_spans(name: str) -> None:
    given = {name: ORDINARY[name], f"app.{name}": ORDINARY[name]}
    span = Span("1" * 32, "2" * 16, f"work {name}={str(ORDINARY[name])[:9]}", attributes=dict(given))
    REDACTOR.span_texts(span)
    assert REDACTOR.span_attributes(span.attributes) == given
    assert span.name == f"work {name}={str(ORDINARY[name])[:9]}"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("baggage", "userId=alice,serverNode=DF%2028,isProduction=false;p=1,token_count=7"),
        ("Sec-WebSocket-Protocol", "graphql-transport-ws, v4.channel.k8s.io, ocpp2.0.1, actioncable-v1-json"),
        ("ETag", f'"{DIGEST}"'),
        ("If-None-Match", f'W/"{DIGEST}"'),
        ("X-Request-Id", UUID),
        ("Idempotency-Key", UUID),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ],
)
def test_headers_stay(header: str, value: str) -> None:
    message = HttpRequest("GET", "http://h/", [(header, value)])
    assert REDACTOR.message(message, []) is message


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("bearer, tok5e0c9aA1Zq77XbY2", "bearer, [REDACTED]"),
        ("bearer.authorization.k8s.io.Zm9vYmFyMTIzNDU2Nzg5QQ", "bearer.authorization.k8s.io.[REDACTED]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r", "[REDACTED]"),
    ],
)  # fmt: skip
def test_tokens_among_protocols_are_masked(given: str, clean: str) -> None:
    message = HttpRequest("GET", "http://h/", [("sec-websocket-protocol", given)])
    assert REDACTOR.message(message, []).headers == [("sec-websocket-protocol", clean)]


@pytest.mark.parametrize("length", [8, 9, 10, 11, 36, 300])
def test_masks_of_a_length_are_set_aside_as_others(length: int) -> None:
    mask = mask_of_length(length)
    assert len(mask) == length
    assert masked_equal(b"\x0a\x08" + mask + b"\x10\x01", b"\x0a\x08" + b"x" * length + b"\x10\x01")
    assert not masked_equal(b"\x0a\x08" + mask + b"\x10\x01", b"\x0a\x08" + b"x" * length + b"\x10\x02")


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"see http://h\r\n\tx", True), ("Zoë".encode(), True), (b"\x0a\x03abc", False), (b"\xff\xfe", False)],
)
def test_what_is_text(data: bytes, text: bool) -> None:
    assert is_text(data) is text
