"""Cassettes of ``timetracer`` 1.x (schema 0.1 and 1.0): JSON of a format of its own, as spans with payloads.

It kept bodies that are JSON as their values and others as a hash, of the requests of dependency calls only a
hash, and of statements and commands neither text nor result. What is missing is listed as gaps.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID

from timetracer_otel import attributes as names
from timetracer_otel.cassette import VERSION, Gap
from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats.foreign.fields import Plain, text
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse
from timetracer_otel.span import Attributes, Resource, Scope, Span, SpanKind, Status, StatusCode

SCHEMAS: Final = ("0.1", "1.0")

_MARKS: Final = (b'"schema_version"', b'"session"', b'"request"', b'"response"')
_EXCEPTIONS: Final = {
    "httpx": "httpx",
    "requests": "requests.exceptions",
    "aiohttp": "aiohttp.client_exceptions",
}
_NAME: Final = re.compile(r"[A-Za-z_]\w{0,80}")
_MS: Final = 1_000_000
_MAX_MS: Final = 10.0**9


class _Body(NamedTuple):
    """A body, and how far it can be had.

    Attributes:
        data: ``None`` where only a hash was kept.
        anew: it is written from its values, as the original may not have been.
    """

    data: bytes | None
    truncated: bool = False
    anew: bool = False


def is_one(data: bytes) -> bool:
    """Whether a document is such a cassette, as far as can be told without reading it."""
    return all(mark in data for mark in _MARKS)


def read(document: Plain) -> list[Span]:
    """The spans of such a cassette: its request, and below it the calls it made.

    Args:
        document: what its JSON holds.

    Raises:
        CassetteFormatError: it is none, or of a schema that no release of ``timetracer`` 1.x wrote.
    """
    if not isinstance(document, dict) or "schema_version" not in document:
        raise CassetteFormatError("no cassette of timetracer 1.x: it has no schema_version")
    schema = document["schema_version"]
    if schema not in SCHEMAS:
        raise CassetteFormatError(
            f"a cassette of timetracer with schema {str(schema)[:20]!r}; 0.1 and 1.0 are read"
        )
    session, request, response = (_dict(document.get(name)) for name in ("session", "request", "response"))
    identity = text(session.get("id")) or repr(sorted(request.items()))
    begin = _moment(text(session.get("recorded_at")))
    resource = _resource(session)
    gaps = [Gap("values not recorded", "timetracer 1.x keeps no clock and no random values")]
    entry = _entry(session, request, response, identity, begin, resource, gaps)
    spans = [entry]
    spans += [
        _call(event, index, entry, identity, gaps)
        for index, event in enumerate(_events(document.get("events")), 1)
    ]
    entry.attributes[names.GAPS] = [gap.value() for gap in dict.fromkeys(gaps)]
    return spans


def _entry(
    session: dict[str, Plain],
    request: dict[str, Plain],
    response: dict[str, Plain],
    identity: str,
    begin: int,
    resource: Resource,
    gaps: list[Gap],
) -> Span:
    method, path = text(request.get("method")) or "GET", text(request.get("path")) or "/"
    route = text(request.get("route_template"))
    headers = _headers(request.get("headers"))
    host = next((value for name, value in headers if name.lower() == "host"), "localhost")
    sent = _body(request.get("body"))
    url = _with_query(f"http://{host}{quote(path, safe='/%:@!$&()*+,;=~-._')}", request.get("query"))
    status = response.get("status")
    framework = text(session.get("framework")) or "fastapi"
    attributes: Attributes = {
        names.ENTRY_FRAMEWORK: framework,
        **HttpRequest(method, url, headers, sent.data).attributes(),
    }
    if route:
        attributes[names.HTTP_ROUTE] = route
    span_id = _span_id(identity, 0)
    if isinstance(status, int) and 100 <= status <= 999:
        answered = _body(response.get("body"))
        attributes |= _response(status, response, answered).attributes()
        _note(gaps, answered, "of the response", span_id)
    else:
        gaps.append(Gap("no answer", f"{method} {path}: no status was recorded", span_id))
    _note(gaps, sent, "of the request", span_id)
    return Span(
        _trace_id(identity),
        span_id,
        f"{method} {route or path}",
        "",
        SpanKind.SERVER,
        begin,
        begin + _nanoseconds(response.get("duration_ms")),
        attributes,
        status=Status(StatusCode.ERROR) if isinstance(status, int) and status >= 500 else Status(),
        scope=Scope("timetracer", text(session.get("timetracer_version"))),
        resource=resource,
    )


def _call(event: dict[str, Plain], index: int, entry: Span, identity: str, gaps: list[Gap]) -> Span:
    signature, result = _dict(event.get("signature")), _dict(event.get("result"))
    library = text(signature.get("lib")) or "unknown"
    begin = entry.start_time_unix_nano + _nanoseconds(event.get("start_offset_ms"))
    span_id = _span_id(identity, index)
    method, where = text(signature.get("method")), text(signature.get("url"))
    attributes: Attributes = {}
    if event.get("type") == "http.client":
        request, answer = _exchange(signature, result, span_id, gaps)
        attributes = {
            names.CALL_INTEGRATION: library,
            names.CALL_FAMILY: "http",
            names.CALL_LANE: 0,
            names.CALL_INDEX: index,
            **request.attributes(),
            **({} if answer is None else answer.attributes()),
        }
    else:
        kept = "statement, parameters and rows" if event.get("type") == "db.query" else "arguments and reply"
        title = f"{library} {method} {where}".strip()[:200]
        gaps.append(Gap("call without a payload", f"{title}: timetracer 1.x kept no exact {kept}", span_id))
        attributes = {names.DB_SYSTEM_NAME: library, "db.operation.name": method}
        if where:
            attributes["db.collection.name"] = where
    return Span(
        entry.trace_id,
        span_id,
        method if event.get("type") == "http.client" else f"{method} {where}".strip(),
        entry.span_id,
        SpanKind.CLIENT,
        begin,
        begin + _nanoseconds(event.get("duration_ms")),
        attributes,
        status=Status(StatusCode.ERROR, text(result.get("error"))) if result.get("error_type") else Status(),
        scope=entry.scope,
        resource=entry.resource,
    )


def _exchange(
    signature: dict[str, Plain], result: dict[str, Plain], span_id: str, gaps: list[Gap]
) -> tuple[HttpRequest, Answer | Failure | None]:
    method, url = text(signature.get("method")) or "GET", text(signature.get("url"))
    sent = None if signature.get("body_hash") else b""
    request = HttpRequest(method, _with_query(url, signature.get("query")), [], sent, headers_recorded=False)
    title = request.title()[:200]
    gaps.append(Gap("headers not recorded", f"of the request {title}", span_id))
    if sent is None:
        gaps.append(Gap("body not recorded", f"of the request {title}: only a hash was kept", span_id))
    status = result.get("status")
    if isinstance(status, int) and 100 <= status <= 999:
        answered = _body(result.get("body"))
        _note(gaps, answered, f"of the response to {title}", span_id)
        return request, _response(status, result, answered)
    error = text(result.get("error_type"))
    module = _EXCEPTIONS.get(text(signature.get("lib")))
    if module is not None and _NAME.fullmatch(error):
        return request, Failure(f"{module}.{error}", [text(result.get("error"))])
    gaps.append(Gap("no answer", title, span_id))
    return request, None


def _response(status: int, given: dict[str, Plain], body: _Body) -> HttpResponse:
    headers = [
        (name, value)
        for name, value in _headers(given.get("headers"))
        if name.lower() not in ("content-length", "content-encoding", "transfer-encoding")
    ]
    if body.data is not None:
        headers.append(("content-length", str(len(body.data))))
    return HttpResponse(status, headers, body.data)


def _body(given: Plain) -> _Body:
    """A body; ``None`` in it where only a hash was kept."""
    if not isinstance(given, dict):
        return _Body(b"")
    data, truncated = given.get("data"), given.get("truncated") is True
    if data is None and given.get("encoding") != "json":
        return _Body(None, truncated) if given.get("size_bytes") or given.get("hash") else _Body(b"")
    if given.get("encoding") == "json" and given.get("_captured", True):
        return _written(data, text(given.get("hash")).removeprefix("sha256:"), truncated=truncated)
    return _Body(data.encode("utf-8", "replace") if isinstance(data, str) else None, truncated)


def _written(data: Plain, sha256: str, *, truncated: bool) -> _Body:
    """A JSON body from its values: written as it was where a usual way to write it has its hash."""
    ways = [
        json.dumps(data, ensure_ascii=in_ascii, separators=separators).encode("utf-8", "replace")
        for separators in ((",", ":"), (", ", ": "))
        for in_ascii in (False, True)
    ]
    for body in ways:
        if hashlib.sha256(body).hexdigest() == sha256:
            return _Body(body, truncated)
    return _Body(ways[0], truncated, anew=True)


def _note(gaps: list[Gap], body: _Body, what: str, span_id: str) -> None:
    if body.data is None:
        gaps.append(Gap("body not recorded", f"{what}: only a hash was kept", span_id))
    if body.anew:
        gaps.append(Gap("body written anew", f"{what}: only the values of its JSON were kept", span_id))
    if body.truncated:
        gaps.append(Gap("body over limit", what, span_id))


def _resource(session: dict[str, Plain]) -> Resource:
    said: dict[str, str] = {
        "service.name": text(session.get("service")),
        "deployment.environment.name": text(session.get("env")),
        "process.runtime.name": "cpython" if session.get("python_version") else "",
        "process.runtime.version": text(session.get("python_version")),
        names.GIT_REVISION: text(session.get("git_sha")),
        "timetracer.version": text(session.get("timetracer_version") or session.get("timetrace_version")),
        names.CASSETTE_VERSION: VERSION,
    }
    return Resource({name: value for name, value in said.items() if value})


def _with_query(url: str, query: Plain) -> str:
    pairs = _dict(query)
    return f"{url}?{urlencode(pairs, doseq=True)}" if pairs else url


def _headers(given: Plain) -> list[tuple[str, str]]:
    return [(name, text(value)) for name, value in _dict(given).items()]


def _dict(value: Plain) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _events(value: Plain) -> Iterator[dict[str, Plain]]:
    if isinstance(value, list):
        yield from (event for event in value if isinstance(event, dict))


def _moment(said: str) -> int:
    """A moment in ISO 8601 in nanoseconds since the epoch; 0 where it is none."""
    try:
        moment = datetime.fromisoformat(said)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return 0
    return max(0, (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000)


def _nanoseconds(milliseconds: Plain) -> int:
    if isinstance(milliseconds, int | float) and 0 <= milliseconds <= _MAX_MS:
        return int(milliseconds * _MS)
    return 0


def _trace_id(identity: str) -> str:
    try:
        found = UUID(identity).hex
    except ValueError:
        found = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32]
    return found if found.strip("0") else "f" * 32


def _span_id(identity: str, number: int) -> str:
    return hashlib.sha256(f"{identity}/{number}".encode("utf-8", "replace")).hexdigest()[:16]
