"""Payloads under the names that others use, taken over as messages: masked, and under our names.

Bodies: ``http.request.body`` and ``http.response.body`` (Hypertrace), ``http.*.body.content`` (semantic
conventions, ECS); parameters: ``db.statement.parameters`` (OpenTelemetry's contrib),
``db.query.parameter.<key>`` (semantic conventions). URL, method and status under the older names of semantic
conventions as well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Gap
from timetracer_otel.messages import Answer, HttpRequest, HttpResponse, Request, SqlStatement
from timetracer_otel.redaction import Redactor, secrets_in
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.span import Attributes, Span, SpanKind

_REQUEST_BODIES: Final = (
    names.HTTP_REQUEST_BODY,
    "http.request.body",
    "http.request.body.text",
    "http.request_body",
    "http.request.payload",
)
_RESPONSE_BODIES: Final = (
    names.HTTP_RESPONSE_BODY,
    "http.response.body",
    "http.response.body.text",
    "http.response_body",
    "http.response.payload",
)
_PARAMETERS: Final = ("db.statement.parameters", "db.query.parameters", "db.parameters")
_PARAMETER: Final = "db.query.parameter."
_OURS: Final = "timetracer."
_SIGNS: Final = frozenset({*_REQUEST_BODIES, *_RESPONSE_BODIES, *_PARAMETERS})
_SCOPES: Final = {
    "opentelemetry.instrumentation.aiohttp_client": "aiohttp",
    "opentelemetry.instrumentation.urllib": "urllib",
}
_SCOPE: Final = "opentelemetry.instrumentation."
_NAMES: Final = SensitiveNames()
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "TRACE"})


class _Taken(NamedTuple):
    request: Request
    answer: Answer | None


@lru_cache(maxsize=4096)
def may_be_payload(name: str) -> bool:
    """Whether an attribute of that name says that its span carries a payload, ours or another's."""
    return name in _SIGNS or name.startswith((_OURS, _PARAMETER))


@lru_cache(maxsize=4096)
def may_be_secret(name: str) -> bool:
    """Whether an attribute of that name may hold a secret because of it, whatever the settings are."""
    return _NAMES.may_hide(name)


def is_ours(span: Span) -> bool:
    """Whether the span was recorded by this package, with its payload."""
    return names.CALL_INTEGRATION in span.attributes or names.ENTRY_FRAMEWORK in span.attributes


def has_foreign_payload(span: Span) -> bool:
    """Whether the span carries a payload under a name that others use."""
    attributes = span.attributes
    return not _SIGNS.isdisjoint(attributes) or any(name.startswith(_PARAMETER) for name in attributes)


def take_over(
    span: Span, *, inbound: bool, index: int, redactor: Redactor | None, secrets: set[str]
) -> list[Gap] | None:
    """Put a payload that stands under others' names under ours; ``None`` when there is none.

    Args:
        span: it is changed.
        inbound: it is the entry span, which took its request in.
        index: the call's place among the calls of the request.
        redactor: masks secrets; ``None`` when masking is off.
        secrets: takes what was masked and looks like a secret.

    Returns:
        What is missing all the same.
    """
    if is_ours(span):  # its messages were masked where they were recorded
        if redactor is not None:
            _mask(span, redactor, secrets)
        return None
    taken = _payload_of(span, inbound)
    if taken is not None:
        for name in [name for name in span.attributes if _is_payload(name)]:
            del span.attributes[name]
    if redactor is not None:
        _mask(span, redactor, secrets)
    if taken is None:
        return None
    masked: list[str] = []
    request, answer = taken
    if redactor is not None:
        request = redactor.message(request, masked)
        secrets |= secrets_in(taken.request, request)
        if answer is not None:
            answer = redactor.message(answer, masked, request)
            secrets |= secrets_in(taken.answer, answer)
    span.attributes.update(request.attributes())
    if answer is not None:
        span.attributes.update(answer.attributes())
    if not inbound:
        span.attributes.update(
            {
                names.CALL_INTEGRATION: _integration(span, request.family),
                names.CALL_FAMILY: request.family,
                names.CALL_LANE: 0,
                names.CALL_INDEX: index,
            }
        )
    gaps = _missing(span, _Taken(request, answer))
    gaps += [Gap("masked", place, span.span_id) for place in masked]
    return gaps


def _mask(span: Span, redactor: Redactor, secrets: set[str]) -> None:
    """Mask what instrumentations and the app wrote on a span."""
    raw, span.attributes = span.attributes, redactor.span_attributes(span.attributes)
    secrets |= secrets_in(raw, span.attributes)
    redactor.span_texts(span)


def _payload_of(span: Span, inbound: bool) -> _Taken | None:
    """What stands under others' names."""
    if not has_foreign_payload(span):
        return None
    if _method(span.attributes) and (inbound or span.kind is SpanKind.CLIENT):
        return _http(span.attributes)
    return _sql(span.attributes) if not inbound and _statement(span.attributes) else None


def _missing(span: Span, taken: _Taken) -> list[Gap]:
    gaps: list[Gap] = []
    title = taken.request.title()[:200]
    if isinstance(taken.request, HttpRequest):
        if not taken.request.headers_recorded:
            gaps.append(Gap("headers not recorded", f"of the request {title}", span.span_id))
        if taken.request.body is None:
            gaps.append(Gap("body not recorded", f"of the request {title}", span.span_id))
        if isinstance(taken.answer, HttpResponse) and taken.answer.body is None:
            gaps.append(Gap("body not recorded", f"of the response to {title}", span.span_id))
    if taken.answer is None:
        gaps.append(Gap("no answer", title, span.span_id))
    return gaps


def _http(attributes: Attributes) -> _Taken:
    given = _headers(attributes, names.HTTP_REQUEST_HEADER)
    method = _method(attributes)
    body = _body(attributes, _REQUEST_BODIES)
    request = HttpRequest(
        method,
        url_of(attributes),
        given,
        b"" if body is None and method in _BODILESS else body,
        headers_recorded=bool(given),
    )
    status = next(
        (
            value
            for name in (names.HTTP_RESPONSE_STATUS_CODE, "http.status_code")
            if isinstance(value := attributes.get(name), int)
        ),
        None,
    )
    if status is None:
        return _Taken(request, None)
    headers = _headers(attributes, names.HTTP_RESPONSE_HEADER)
    body = _body(attributes, _RESPONSE_BODIES)
    if body is not None and not any(name == "content-type" for name, _ in headers) and _is_json(body):
        headers.append(("content-type", "application/json"))
    # what was noted is the text: whatever coding it came in is gone
    headers = [pair for pair in headers if pair[0] not in ("content-encoding", "content-length")]
    if body is not None:
        headers.append(("content-length", str(len(body))))
    return _Taken(request, HttpResponse(status, headers, body))


def _sql(attributes: Attributes) -> _Taken:
    listed = next((attributes[name] for name in _PARAMETERS if name in attributes), None)
    named = {
        name.removeprefix(_PARAMETER): value
        for name, value in attributes.items()
        if name.startswith(_PARAMETER)
    }
    system = str(attributes.get(names.DB_SYSTEM_NAME) or attributes.get("db.system") or "")
    namespace = str(attributes.get("db.namespace") or attributes.get("db.name") or "")
    parameters = listed if listed is not None else _positional(named)
    return _Taken(SqlStatement(_statement(attributes), parameters, system=system, namespace=namespace), None)


def _positional(named: Attributes) -> object:
    """Parameters by name, or in order where their names are numbers."""
    if named and all(name.isdigit() for name in named):
        return [named[name] for name in sorted(named, key=int)]
    return named or None


def _is_payload(name: str) -> bool:
    return name in _SIGNS or name.startswith(
        (_PARAMETER, names.HTTP_REQUEST_HEADER, names.HTTP_RESPONSE_HEADER)
    )


def _method(attributes: Attributes) -> str:
    return str(attributes.get(names.HTTP_REQUEST_METHOD) or attributes.get("http.method") or "")


def _statement(attributes: Attributes) -> str:
    return str(attributes.get(names.DB_QUERY_TEXT) or attributes.get("db.statement") or "")


def _body(attributes: Attributes, under: tuple[str, ...]) -> bytes | None:
    for name in under:
        value = attributes.get(name)
        if isinstance(value, str):
            return value.encode("utf-8", "replace")
        if isinstance(value, bytes):
            return value
    return None


def _is_json(body: bytes) -> bool:
    return body[:1] in (b"{", b"[")


def _headers(attributes: Attributes, prefix: str) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for name, value in attributes.items():
        if name.startswith(prefix):
            header = name.removeprefix(prefix).lower()
            if "-" not in header:  # older instrumentations wrote content_type
                header = header.replace("_", "-")
            headers += [(header, str(one)) for one in (value if isinstance(value, list) else [value])]
    return headers


def url_of(attributes: Attributes) -> str:
    """The URL of a request, put together where a span has only its parts."""
    for name in (names.URL_FULL, "http.url"):
        if isinstance(value := attributes.get(name), str) and value:
            return value

    def first(*options: str) -> str:
        return next((str(attributes[name]) for name in options if attributes.get(name)), "")

    scheme = first("url.scheme", "http.scheme") or "http"
    host = first("server.address", "http.host", "net.host.name", "http.server_name", "net.peer.name")
    port = first("server.port", "net.host.port", "net.peer.port")
    if port and ":" not in host and port != {"http": "80", "https": "443"}.get(scheme):
        host = f"{host}:{port}"
    target = first("http.target") or first("url.path") or "/"
    query = first("url.query").removeprefix("?")
    if query and "?" not in target:
        target = f"{target}?{query}"
    return f"{scheme}://{host or 'localhost'}{target}"


def _integration(span: Span, family: str) -> str:
    scope = span.scope.name
    if scope in _SCOPES:
        return _SCOPES[scope]
    return scope.removeprefix(_SCOPE) if scope.startswith(_SCOPE) else family
