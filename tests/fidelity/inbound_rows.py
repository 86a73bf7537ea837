"""Rows about the request itself: how it comes in and how its answer goes out."""

from __future__ import annotations

import json

from tests.fidelity.apps.inbound import signature
from tests.fidelity.row import Row
from tests.fidelity.wire import Request

_JSON = (("Content-Type", "application/json"),)
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
_MULTIPART = (("Content-Type", "multipart/form-data; boundary=frontier"),)
_UPLOAD = (
    b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\n'
    + "Grüße".encode()
    + b'\r\n--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    + b"Content-Type: application/octet-stream\r\n\r\n"
    + bytes(range(256))
    + b"\r\n--frontier--\r\n"
)
_EVENT = b'{ "event" : "paid",\n\t"amount": 12.50, "n\\u00e4me": "\\u00fc" }\r\n'
_FASTAPI = ("fastapi",)
_FLASK = ("flask",)
_FIRST = (*_FASTAPI, *_FLASK)
_DJANGO = ("django", "django-asgi")
_EVERY = (*_FIRST, "starlette", "litestar", *_DJANGO)
_ASGI = ("fastapi", "starlette", "litestar", "django-asgi")


def _get(target: str, *headers: tuple[str, str]) -> tuple[Request, ...]:
    return (Request("GET", target, headers),)


def _post(target: str, body: bytes, headers: tuple[tuple[str, str], ...] = _JSON) -> tuple[Request, ...]:
    return (Request("POST", target, headers, body),)


def _checkout(driver: str) -> tuple[Request, ...]:
    headers = (*_JSON, ("X-Buyer", "Ada"))
    target = f"/in/checkout/{driver}"
    return (
        Request("POST", target, headers, json.dumps(["Notes", "Letters"]).encode()),
        Request("POST", target, headers, json.dumps(["Diary"]).encode()),
    )


def _row(
    name: str,
    edge: str,
    requests: tuple[Request, ...],
    *,
    statuses: tuple[int, ...] = (),
    frameworks: tuple[str, ...] = _EVERY,
    repeats: bool = True,
    any_order: bool = True,
) -> Row:
    return Row(
        name="in-" + name,
        library="Inbound",
        edge=edge,
        requests=requests,
        statuses=statuses,
        frameworks=frameworks,
        repeats=repeats,
        any_order=any_order,
    )


INBOUND = (
    _row("started", "work at start: tables created, Redis pinged, upstream asked", _get("/in/started")),
    _row("json", "JSON body", _post("/in/json", b'{"title": "\xc3\x9c", "count": 2, "tags": ["a"]}')),
    _row("form", "form body", _post("/in/form", b"name=Ada+Lovelace&tags=x&tags=%C3%BC", _FORM)),
    _row("upload", "multipart upload, binary file", _post("/in/upload", _UPLOAD, _MULTIPART)),
    _row("empty-body", "empty body", _post("/in/raw", b"")),
    _row("large-body", "body of 900 KB", _post("/in/raw", b"0123456789abcdef" * 57600)),
    _row("binary-body", "binary body", _post("/in/raw", bytes(range(256)) * 3, ())),
    _row(
        "chunked-body",
        "body in chunks",
        (Request("POST", "/in/raw", _JSON, b"chunk " * 1000, chunked=True),),
        frameworks=(*_FLASK, *_ASGI),
    ),
    _row("unread-body", "body that the endpoint never reads", _post("/in/unread", b"ignored" * 100)),
    _row("body-in-parts", "body read in parts", _post("/in/read-in-parts", b"one line\n" * 5000)),
    _row(
        "webhook",
        "webhook: HMAC over the raw body",
        _post("/in/webhook", _EVENT, (*_JSON, ("X-Signature", signature(_EVENT)))),
    ),
    _row(
        "webhook-refused",
        "webhook: wrong signature",
        _post("/in/webhook", _EVENT, (*_JSON, ("X-Signature", "0" * 64))),
        statuses=(401,),
    ),
    _row("binary", "binary answer", _get("/in/binary")),
    _row("large", "answer of 900 KB", _get("/in/large")),
    _row("empty", "204, no answer body", _get("/in/empty"), statuses=(204,)),
    _row("stream", "streamed answer in five chunks", _get("/in/stream")),
    _row("events", "server-sent events", _get("/in/events")),
    _row(
        "stream-with-calls", "calls inside the generator of a streamed answer", _get("/in/stream-with-calls")
    ),
    _row(
        "stream-without-context",
        "calls inside a generator that Flask runs after its teardown",
        _get("/in/stream-without-context"),
        frameworks=_FLASK,
    ),
    _row(
        "stream-with-async-calls",
        "calls inside an asynchronous generator",
        _get("/in/stream-with-async-calls"),
        frameworks=_ASGI,
    ),
    _row(
        "stream-that-fails",
        "exception in the middle of a streamed answer: the body is cut off",
        _get("/in/stream-that-fails"),
        frameworks=_FASTAPI,
    ),
    _row(
        "background",
        "calls made after the response: background tasks, a thread (Flask, Django)",
        (Request("POST", "/in/background"), Request("GET", "/in/background/result")),
    ),
    _row(
        "teardown",
        "calls made when the request is torn down",
        (Request("GET", "/in/teardown"), Request("GET", "/in/teardown/result")),
        frameworks=_FIRST,
    ),
    _row("exception", "exception nobody catches: 500", _get("/in/exception"), statuses=(500,)),
    _row("exception-after-call", "exception after a call", _get("/in/exception-after-call"), statuses=(500,)),
    _row("http-exception", "404 raised by the endpoint", _get("/in/missing/7"), statuses=(404,)),
    _row("no-route", "404, no such route", _get("/nothing/here"), statuses=(404,)),
    _row("wrong-method", "405", (Request("DELETE", "/in/json"),), statuses=(405,), frameworks=_FASTAPI),
    _row(
        "invalid",
        "422, body that does not validate",
        _post("/in/json", b'{"count": "x"}'),
        statuses=(422,),
        frameworks=_FASTAPI,
    ),
    _row(
        "unprocessable",
        "422 with an error handler",
        _get("/in/unprocessable"),
        statuses=(422,),
        frameworks=_FLASK,
    ),
    _row(
        "bad-json",
        "body that is no JSON",
        _post("/in/json", b"{nonsense"),
        statuses=(422,),
        frameworks=_FASTAPI,
    ),
    _row(
        "bad-json-400",
        "body that is no JSON",
        _post("/in/json", b"{nonsense"),
        statuses=(400,),
        frameworks=_FLASK,
    ),
    _row("redirect", "redirect", _get("/in/redirect"), statuses=(307,)),
    _row(
        "cookies",
        "cookies sent; Set-Cookie several times",
        _get("/in/cookies", ("Cookie", "a=1; session=s3cret")),
    ),
    _row("head", "HEAD, and the same as GET", (Request("HEAD", "/in/head"), Request("GET", "/in/head"))),
    _row(
        "query",
        "query: repeated, empty and Unicode parameters",
        _get("/in/query?tag=a&tag=%C3%BC%20x&tag=&b=1+2&c"),
    ),
    _row(
        "headers",
        "headers: custom, repeated, Latin-1, Authorization",
        _get(
            "/in/headers",
            ("X-Custom", "first"),
            ("X-Custom", "second"),
            ("Accept-Language", "de, en;q=0.5"),
            ("User-Agent", "fidelity/1"),
            ("Authorization", "Bearer s3cret-token"),
        ),
    ),
    _row("not-compressed", "gzip middleware, not asked for", _get("/in/compressed"), frameworks=_FIRST),
    _row(
        "compressed",
        "gzip middleware; the time is inside its answer",
        _get("/in/compressed", ("Accept-Encoding", "gzip")),
        frameworks=_FIRST,
        repeats=False,
    ),
    _row("file", "a file: FileResponse, send_file", _get("/in/file")),
    _row(
        "file-range",
        "part of a file",
        _get("/in/file", ("Range", "bytes=3-9")),
        statuses=(206,),
        frameworks=(*_FIRST, "starlette"),
    ),
    _row(
        "file-not-changed",
        "file that has not changed since",
        _get("/in/file", ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")),
        frameworks=_FLASK,
        statuses=(304,),
    ),
    _row(
        "same-request-again",
        "the same request three times, three answers",
        _get("/in/counted/again") * 3,
        any_order=False,
    ),
    *(
        _row(
            f"checkout-{driver}",
            f"checkout: upstream, {driver} and Redis in one request, twice",
            _checkout(driver),
            frameworks=(*_FIRST, *_DJANGO),
        )
        for driver in ("sqlite", "psycopg2", "psycopg")
    ),
    _row(
        "async-view",
        "asynchronous view: three calls side by side, one from a thread",
        _get("/in/async-view/one") + _get("/in/async-view/two"),
        frameworks=_DJANGO,
    ),
    _row(
        "async-exception",
        "exception in an asynchronous view",
        _get("/in/async-exception"),
        statuses=(500,),
        frameworks=_DJANGO,
    ),
    _row(
        "middleware",
        "middleware that asks after the view did",
        _get("/in/asked-by-middleware"),
        frameworks=_DJANGO,
    ),
    _row("class-based", "class-based view", _get("/in/class-based?may=yes"), frameworks=_DJANGO),
    _row(
        "permission-denied",
        "403 raised by a view",
        _get("/in/class-based"),
        statuses=(403,),
        frameworks=_DJANGO,
    ),
    _row("async-class-based", "class of coroutines", _get("/in/async-class-based"), frameworks=_DJANGO),
    _row("thread", "calls in an executor's threads", _get("/in/thread"), frameworks=_DJANGO),
)
