"""Requests and answers as ``show`` prints them."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from timetracer_otel.messages import (
    Failure,
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.views import text
from timetracer_otel.views.messages import message_lines

RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(b"hello") + RAW.flush()


def shown(message: object, *, full: bool = False) -> list[str]:
    return [line.text for line in message_lines(message, full=full)]


def body(content: bytes | None, coding: str = "identity", **rest: Any) -> HttpResponse:
    return HttpResponse(200, [("Content-Encoding", coding)], content, **rest)


@pytest.mark.parametrize(
    ("message", "short"),
    [
        (HttpRequest("GET", "http://up"), []),
        (HttpRequest("POST", "http://up", [], None), ["→ (body not recorded)"]),
        (HttpRequest("POST", "http://up", [], b"a\n\tb"), ["→ a b"]),
        (body(b"hello"), ["← hello"]),
        (body(b"x" * 5000), [f"← {'x' * 159}…  5.0 kB"]),
        (body(b"\x89PNG\xff"), ["← 89 50 4e 47 ff  5 B"]),
        (body(b"\xff" * 20), [f"← {'ff ' * 16}…  20 B"]),
        (body(gzip.compress(b"hello"), "gzip"), ["← hello"]),
        (body(zlib.compress(b"hello"), "deflate"), ["← hello"]),
        (body(DEFLATED, "Deflate"), ["← hello"]),
        (body(b"not gzip", "gzip"), ["← not gzip"]),
        (body(b"ab", chunks=[[1, 1_000_000], [1, 3_000_000]]), ["← ab", "← in 2 pieces over 2.0 ms"]),
        (body(b"ab", complete=False), ["← ab", "← (stopped before the end)"]),
        (body(b"", failure=Failure("httpx.ReadError", ["reset"])), ['✗ httpx.ReadError("reset")']),
        (SqlStatement("SELECT 1"), []),
        (SqlStatement("SELECT :a", {"a": None}), ['→ {"a": null}']),
        (
            SqlStatement("INSERT", [[number] for number in range(7)], executemany=True),
            ["→ [0]", "  [1]", "  [2]", "  [3]", "  [4]", "  … 2 more sets"],
        ),
        (SqlResult(rowcount=1), ["← 1 row"]),
        (SqlResult(rowcount=-1), []),
        (SqlResult([["id", 23], ["at"]], [], 0), ["← 0 rows: id, at"]),
        (SqlResult([["id"]], [[1]], 9, complete=False), ["← 1 row, more were not fetched: id", "  [1]"]),
        (RedisCommand(["GET", "key"]), []),
        (RedisReply(None), ["← null"]),
        (RedisReply([b"one"]), ["← [b'one']"]),
        (RedisReply(["a", 1]), ['← ["a", 1]']),
        (RedisReply(["a" * 100, ["b" * 100]]), [f'← "{"a" * 100}"', f'  ["{"b" * 100}"]']),
        (RedisCommand([["GET", "a"], ["GET", "b"]], pipeline=True), []),
        (
            RedisCommand([["GET", f"key {number} {'x' * 20}"] for number in range(7)], pipeline=True),
            [
                *(f'{"  " if n else "→ "}["GET", "key {n} {"x" * 20}"]' for n in range(5)),
                "  … 2 more commands",
            ],
        ),
        (Failure("E", [1], cause=Failure("F", []), context=Failure("G", [])), ["✗ E(1)", "  ✗ F()"]),
        (Failure("E", [], context=Failure("G", [])), ["✗ E()", "  ✗ G()"]),
        (Failure("E", [], context=Failure("G", []), suppress_context=True), ["✗ E()"]),
    ],
)
def test_the_short_form(message: object, short: list[str]) -> None:
    assert shown(message) == short


@pytest.mark.parametrize(
    ("message", "whole"),
    [
        (HttpRequest("GET", "http://up", [("A", "b"), ("C", "")]), ["→ A: b", "  C: "]),
        (
            HttpRequest("POST", "http://up", [("A", "b")], b"x" * 200 + b"\n\ty"),
            ["→ A: b", f"→ {'x' * 200}", r"  \ty"],
        ),
        (
            body(b"\xff" * 40),
            ["← Content-Encoding: identity", "← " + "ff " * 31 + "ff", "  " + "ff " * 7 + "ff"],
        ),
        (SqlStatement("SELECT\n  1"), ["→ SELECT", "    1"]),
        (SqlResult([["id"]], [[n] for n in range(7)], 7), ["← 7 rows: id", *(f"  [{n}]" for n in range(7))]),
        (SqlResult(rowcount=1, lastrowid=5), ["← 1 row", "← last row id 5"]),
        (RedisCommand(["GET", "k" * 200]), [f'→ ["GET", "{"k" * 200}"]']),
        (RedisCommand([["GET", "a"], ["GET", "b"]], pipeline=True), ['→ ["GET", "a"]', '  ["GET", "b"]']),
        (Failure("E", [], {"code": "23505"}), ["✗ E()", '  {"code": "23505"}']),
    ],
)
def test_the_full_form(message: object, whole: list[str]) -> None:
    assert shown(message, full=True) == whole


def test_a_body_that_would_inflate_without_end_is_left_as_it_is() -> None:
    bomb = gzip.compress(b"\0" * 64 * 1024 * 1024)
    assert shown(body(bomb, "gzip")) == [f"← {bomb[:16].hex(' ')} …  {text.size(len(bomb))}"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        pytest.param(10**5000, hex(10**5000), id="an integer too long for Python to write"),
        (1.5, "1.5"),
        (Decimal("1.10"), "1.10"),
        ("a\"\x1b'", '"a\\"\\u001b\'"'),
        (b"\x00a", "b'\\x00a'"),
        (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, tzinfo=UTC), "2026-11-20T00:00:00+00:00"),
        (timedelta(seconds=90), "0:01:30"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({1: (2, [3])}, "{1: (2, [3])}"),
        ({"b", "a"}, '["a", "b"]'),
    ],
)
def test_values(value: object, written: str) -> None:
    assert text.value(value) == written


@pytest.mark.parametrize(
    ("nanoseconds", "written"),
    [
        (0, "0 µs"),
        (999_400, "999 µs"),
        (1_000_000, "1.0 ms"),
        (12_345_678, "12.3 ms"),
        (1_240_000_000, "1.24 s"),
    ],
)
def test_durations(nanoseconds: int, written: str) -> None:
    assert text.duration(nanoseconds) == written


def test_a_moment_that_no_calendar_has_is_a_number() -> None:
    assert text.moment(0) == "1970-01-01 00:00:00"
    assert text.moment(2**80) == f"{2**80} ns"
