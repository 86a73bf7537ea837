"""Cassettes that are whole, and whose messages nobody could have sent: one table for all commands.

Each is made from one real exchange by putting something else into one of its attributes.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tests.cli import samples
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
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
from timetracer_otel.span import Attributes, SpanKind

GET: Final = HttpRequest("GET", "http://rates/EUR")
RATE: Final = HttpResponse(200, [("content-type", "application/json")], b'{"rate":1}')
SELECT: Final = SqlStatement("SELECT id FROM product", [], system="sqlite")
FOUND: Final = SqlResult(columns=[["id", None, None, None, None, None, None]], rows=[[1]], rowcount=1)
GET_KEY: Final = RedisCommand(["GET", "key"])
KEY: Final = RedisReply(b"value")


def cassette(integration: str, request: Request, answer: Answer | Failure, changes: Attributes) -> Cassette:
    """A request that made one call, with those attributes of the call changed."""
    entry = samples.span(
        0, "GET /", 0, 3, kind=SpanKind.SERVER,
        attributes=samples.inbound(
            "GET", "/", HttpRequest("GET", "http://shop/"), HttpResponse(200, [], b"done")
        ),
    )  # fmt: skip
    attributes = {**samples.call(integration, 0, request, answer), **changes}
    return Cassette.from_spans([entry, samples.span(1, "call", 1, 1, attributes=attributes)])


def http(**changes: Any) -> Cassette:
    """One HTTP call; the names are those of :mod:`timetracer_otel.attributes`."""
    return cassette("httpx", GET, RATE, _named(changes))


def sql(**changes: Any) -> Cassette:
    """One statement."""
    return cassette("sqlalchemy", SELECT, FOUND, _named(changes))


def redis(**changes: Any) -> Cassette:
    """One command."""
    return cassette("redis", GET_KEY, KEY, _named(changes))


def failing(failure: object) -> Cassette:
    """An HTTP call that raised that."""
    return http(EXCEPTION=json.dumps(failure))


def _named(changes: dict[str, Any]) -> Attributes:
    return {getattr(names, name, name): value for name, value in changes.items()}


def tagged(tag: str, payload: object) -> str:
    """A value of the codec."""
    return json.dumps({f"${tag}": payload})


_DIGITS: Final = "9" * 10_000_000
_HEADER: Final = names.HTTP_RESPONSE_HEADER

VALUES: Final[dict[str, tuple[str, str]]] = {
    "no JSON": ("[1", "the value is not JSON"),
    "a huge integer": (_DIGITS, "the value is not JSON"),
    "a huge exponent": ("1e999999999", "the value is not JSON"),
    "a lone surrogate": ('"\\ud800"', "the value is not JSON"),
    "nested without end": ("[" * 100_000 + "]" * 100_000, "the value is nested deeper than 200"),
    "nested tags without end": ('{"$tuple":[' * 100_000, "the value is"),
    "an unknown tag": (tagged("no_such_tag", 1), "unknown tag '$no_such_tag'"),
    "a tag of pickle": (tagged("pickle", "Y29zCnN5c3RlbQo="), "unknown tag '$pickle'"),
    "a tag of a class": (tagged("py/object", "os.system"), "unknown tag '$py/object'"),
    "two tags": ('{"$decimal": "1", "$date": "1"}', "not a tagged value: it has more than one key"),
    "a decimal of a list": (tagged("decimal", []), "the payload of '$decimal' is malformed"),
    "a decimal of text": (tagged("decimal", "x" * 10**6), "the payload of '$decimal' is malformed"),
    "a datetime of text": (tagged("datetime", "x" * 10**6), "the payload of '$datetime' is malformed"),
    "a datetime of an object": (tagged("datetime", {"text": 1}), "the payload of '$datetime' is malformed"),
    "a zone that is a path": (tagged("zone", "../../../etc/passwd"), "the payload of '$zone' is malformed"),
    "bytes that are no base64": (tagged("bytes", "%%%"), "the payload of '$bytes' is malformed"),
    "an integer of too many digits": (
        tagged("int", "0x" + "f" * 10**6),
        "the payload of '$int' is malformed",
    ),
    "an integer of decimal digits": (tagged("int", _DIGITS), "the payload of '$int' is malformed"),
    "a fraction by zero": (tagged("fraction", [1, 0]), "the payload of '$fraction' is malformed"),
    "a range with no step": (tagged("range", [0, 1, 0]), "the payload of '$range' is malformed"),
    "a timedelta without end": (
        tagged("timedelta", [10**18, 0, 0]),
        "the payload of '$timedelta' is malformed",
    ),
    "a set of lists": (tagged("set", [[1]]), "the payload of '$set' is malformed"),
    "a dict of singles": (tagged("dict", [[1]]), "the payload of '$dict' is malformed"),
    "a set of one hash": (
        tagged("set", [{"$int": hex(number * (2**61 - 1))} for number in range(1, 50_000)]),
        "the payload of '$set' is malformed",
    ),
    "a dict of one hash": (
        tagged("dict", [[{"$int": hex(number * (2**61 - 1))}, 0] for number in range(1, 50_000)]),
        "the payload of '$dict' is malformed",
    ),
}
"""Text in place of a value: what it is, and a part of what is said of it."""

MESSAGES: Final[dict[str, tuple[Cassette, str]]] = {
    "a status of text": (http(HTTP_RESPONSE_STATUS_CODE="abc"), "HTTP status 'abc' is no number"),
    "a status of a million": (http(HTTP_RESPONSE_STATUS_CODE=10**6), "HTTP status '1000000' is no number"),
    "a status that is true": (http(HTTP_RESPONSE_STATUS_CODE=True), "HTTP status 'True' is no number"),
    "a header that is two": (
        http(**{f"{_HEADER}x": ["1\r\nSet-Cookie: a=b"]}),
        "value of header x '1\\r\\nSet-Cookie: a=b' cannot be sent",
    ),
    "a header name that is two": (
        http(**{f"{_HEADER}x: 1\r\nset-cookie": ["a=b"]}),
        "header name 'x: 1\\r\\nset-cookie' cannot be sent",
    ),
    "a header no bytes can hold": (
        http(**{f"{_HEADER}x": ["\u20ac"]}),
        "value of header x '\u20ac' cannot be",
    ),
    "a reason that is two lines": (
        http(HTTP_RESPONSE_REASON="OK\r\nX: y"),
        "reason phrase 'OK\\r\\nX: y' cannot be sent",
    ),
    "a failure that is a number": (
        http(**{"timetracer.http.response.failure": "3"}),
        "the recorded exception is a int, not a dict",
    ),
    "an exception that is a list": (failing([]), "the recorded exception is a list, not a dict"),
    "an exception without a class": (failing({"args": []}), "the recorded exception names no class"),
    "an exception of a number": (failing({"type": 3}), "the recorded exception names no class"),
    "arguments that are text": (
        failing({"type": "ValueError", "args": "abc"}),
        "the arguments or fields of the recorded ValueError are malformed",
    ),
    "fields that are a list": (
        failing({"type": "ValueError", "fields": [1]}),
        "the arguments or fields of the recorded ValueError are malformed",
    ),
    "a cause that is text": (failing({"type": "ValueError", "cause": "x"}), "is a str, not a dict"),
    "columns that are a number": (sql(DB_COLUMNS="3"), "timetracer.db.columns is no list of columns"),
    "columns without names": (sql(DB_COLUMNS="[[]]"), "timetracer.db.columns is no list of columns"),
    "rows that are an object": (sql(DB_ROWS='{"a": 1}'), "timetracer.db.rows is no list of rows"),
    "rows that are numbers": (sql(DB_ROWS="[1, 2]"), "timetracer.db.rows is no list of rows"),
    "rows of another width": (
        sql(DB_ROWS="[[1], [1, 2]]"),
        "row 1 of timetracer.db.rows has 2 values for 1 col",
    ),
    "an extra that is a list": (
        sql(**{"timetracer.db.extra": "[1]"}),
        "timetracer.db.extra is a list, not a dict",
    ),
    "a driver's value of nothing": (
        sql(DB_ROWS=f"[[{tagged('sql.value', 3)}]]"),
        "the payload of '$sql.value' is malformed",
    ),
    "a pipeline of numbers": (
        redis(REDIS_COMMAND="[1, 2]", **{"timetracer.redis.pipeline": "pipeline"}),
        "timetracer.redis.command is no list of commands",
    ),
    "redis's extra that is text": (redis(**{"timetracer.redis.extra": '"x"'}), "is a str, not a dict"),
    "a reply of no JSON": (redis(REDIS_REPLY="x"), "the value is not JSON"),
}
"""What it is: the cassette, and a part of what is said of it."""

MESSAGES.update(
    {f"a row of {what}": (sql(DB_ROWS=f"[[{text}]]"), said) for what, (text, said) in VALUES.items()}
)
