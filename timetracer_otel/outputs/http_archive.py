"""HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): the HTTP requests of cassettes, the one that
came in and those that went out. Browsers' developer tools and HTTP proxies open it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from timetracer_otel import __version__
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.bodies import decoded
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse
from timetracer_otel.messages.http import split_url
from timetracer_otel.span import Span

_UNKNOWN: Final = -1
_MILLISECOND: Final = 1e6


def document(cassettes: Sequence[Cassette]) -> dict[str, Any]:
    """One archive of several cassettes; each is a page.

    Raises:
        CodecError: a message cannot be read.
    """
    pages, entries = [], []
    for number, cassette in enumerate(cassettes, 1):
        page = f"page_{number}"
        pages.append(
            {
                "startedDateTime": _moment(cassette.started),
                "id": page,
                "title": cassette.title,
                "pageTimings": {"onLoad": cassette.duration / _MILLISECOND},
            }
        )
        entries += [{"pageref": page, **entry} for entry in _entries(cassette)]
    creator = {"name": "timetracer-otel", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "pages": pages, "entries": entries}}


def _entries(cassette: Cassette) -> Iterator[dict[str, Any]]:
    if cassette.inbound_request is not None:
        yield _entry(cassette.entry, cassette.inbound_request, cassette.inbound_response, "came in")
    for call in cassette.calls():
        if isinstance(call.request, HttpRequest):
            yield _entry(call.span, call.request, call.answer, f"went out, by {call.integration}")


def _entry(span: Span, request: HttpRequest, answer: Answer | Failure | None, comment: str) -> dict[str, Any]:
    took = max(0, span.end_time_unix_nano - span.start_time_unix_nano) / _MILLISECOND
    response = answer if isinstance(answer, HttpResponse) else None
    if isinstance(answer, Failure):
        comment = f"{comment}; it failed with {answer.type_name}"
    return {
        "startedDateTime": _moment(span.start_time_unix_nano),
        "time": took,
        "request": _request(request),
        "response": _response(response),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        "comment": comment,
    }


def _request(request: HttpRequest) -> dict[str, Any]:
    written: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(request.headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(split_url(request.url).query, keep_blank_values=True)
        ],
        "headersSize": _UNKNOWN,
        "bodySize": _UNKNOWN if request.body is None else len(request.body),
    }
    if request.body:
        kind = request.header("content-type") or ""
        text, encoding = _text(decoded(request.body, request.header("content-encoding")))
        written["postData"] = {"mimeType": kind, "text": text}
        if encoding:
            written["postData"]["encoding"] = encoding
    return written


def _response(response: HttpResponse | None) -> dict[str, Any]:
    if response is None:  # as browsers write a request that was not answered
        response = HttpResponse(0, reason="")
    plain = decoded(response.body or b"", response.header("content-encoding"))
    text, encoding = _text(plain)
    content: dict[str, Any] = {
        "size": len(plain),
        "mimeType": response.header("content-type") or "",
        "text": text,
    }
    if encoding:
        content["encoding"] = encoding
    return {
        "status": response.status,
        "statusText": response.reason or "",
        "httpVersion": response.http_version or "HTTP/1.1",
        "cookies": [],
        "headers": _headers(response.headers),
        "content": content,
        "redirectURL": response.header("location") or "",
        "headersSize": _UNKNOWN,
        "bodySize": _UNKNOWN if response.body is None else len(response.body),
    }


def _headers(headers: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _text(body: bytes) -> tuple[str, str]:
    """A body as text, and how it is encoded where it is none."""
    try:
        return body.decode(), ""
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest // 1_000_000:03}Z"
