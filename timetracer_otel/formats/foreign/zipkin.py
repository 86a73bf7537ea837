"""Zipkin v2 JSON: a list of spans, or a list of traces that are lists of spans.

Tags are text; a span's outcome and scope are tags, and so is much of its resource
(https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Final

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.foreign.fields import (
    Plain,
    dicts,
    int64,
    kind,
    nanoseconds,
    parent_id,
    span_id,
    status_code,
    text,
    trace_id,
)
from timetracer_otel.span import (
    Attributes,
    AttributeValue,
    Event,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

_MICROSECOND: Final = 1000
_OF_THE_RESOURCE: Final = (
    "service.", "telemetry.", "host.", "process.", "k8s.", "container.", "cloud.", "deployment.", "os.",
    "faas.",
)  # fmt: skip
_TAKEN: Final = frozenset(
    {
        "otel.status_code",
        "otel.status_description",
        "otel.library.name",
        "otel.library.version",
        "otel.scope.name",
        "otel.scope.version",
        "error",
    }
)
"""Tags that say what OTLP has fields for."""
_NUMBERS: Final = frozenset(
    {
        "http.status_code",
        "http.response.status_code",
        "http.request.body.size",
        "http.response.body.size",
        "server.port",
        "client.port",
        "net.peer.port",
        "net.host.port",
        "network.peer.port",
        "db.response.returned_rows",
        "rpc.grpc.status_code",
    }
)
"""Attributes that are numbers in semantic conventions. Of others nobody knows."""
_HEADERS: Final = ("http.request.header.", "http.response.header.")


class _Found:
    """One span as read, with what its neighbours need to know of it."""

    __slots__ = ("service", "shared", "span")

    def __init__(self, span: Span, service: str, shared: bool) -> None:
        self.span = span
        self.service = service
        self.shared = shared


def read_spans(wires: Iterable[Plain], damaged: Callable[[str], None]) -> list[Span]:
    """The spans of a list.

    Args:
        wires: Zipkin's spans.
        damaged: told of each span that cannot be read; the others are.
    """
    resources: dict[str, Resource] = {}
    scopes: dict[tuple[str, str], Scope] = {}
    found: list[_Found] = []
    for wire in wires:
        if not isinstance(wire, dict):
            damaged("a span that is no object")
            continue
        try:
            found.append(_read(wire, resources, scopes))
        except (CassetteFormatError, CassetteLimitError) as error:
            damaged(f"span {text(wire.get('name'))[:40]!r}: {error}")
    _separate_shared(found)
    return [one.span for one in found]


def _read(
    wire: dict[str, Plain], resources: dict[str, Resource], scopes: dict[tuple[str, str], Scope]
) -> _Found:
    tags = wire.get("tags")
    tags = {key: text(value) for key, value in tags.items()} if isinstance(tags, dict) else {}
    attributes: Attributes = {}
    of_resource: Attributes = {}
    for key, value in tags.items():
        if key.startswith(_OF_THE_RESOURCE):
            of_resource[key] = value
        elif key not in _TAKEN:
            attributes[key] = _value(key, value)
    service = _endpoint(wire.get("localEndpoint"), "serviceName")
    of_resource.setdefault("service.name", service)
    attributes.update(_peer(wire.get("remoteEndpoint")))
    name = tags.get("otel.scope.name") or tags.get("otel.library.name") or ""
    version = tags.get("otel.scope.version") or tags.get("otel.library.version") or ""
    start = nanoseconds(wire.get("timestamp"), "timestamp", _MICROSECOND)
    span = Span(
        trace_id(wire.get("traceId"), "traceId"),
        span_id(wire.get("id"), "id"),
        text(wire.get("name")),
        parent_id(wire.get("parentId")),
        kind(wire.get("kind") or "INTERNAL"),
        start,
        nanoseconds(start + nanoseconds(wire.get("duration"), "duration", _MICROSECOND), "end"),
        attributes,
        [_event(annotation) for annotation in dicts(wire.get("annotations"))],
        status=_status(tags),
        scope=scopes.setdefault((name, version), Scope(name, version)),
        resource=resources.setdefault(repr(sorted(of_resource.items())), Resource(of_resource)),
    )
    return _Found(span, service, wire.get("shared") is True)


def _separate_shared(found: list[_Found]) -> None:
    """Give a server's span that shares its id with its caller's an id of its own, below the caller's."""
    by_new_id: dict[tuple[str, str, str], str] = {}
    for one in found:
        if one.shared and one.span.kind is SpanKind.SERVER:
            span = one.span
            own = hashlib.sha256(f"{span.trace_id}{span.span_id}server".encode()).hexdigest()[:16]
            by_new_id[span.trace_id, span.span_id, one.service] = own
            span.parent_span_id, span.span_id = span.span_id, own
    if not by_new_id:
        return
    for one in found:
        span = one.span
        own = by_new_id.get((span.trace_id, span.parent_span_id, one.service), span.parent_span_id)
        if own != span.span_id:
            span.parent_span_id = own


def _endpoint(endpoint: Plain, field: str) -> str:
    return text(endpoint.get(field)) if isinstance(endpoint, dict) else ""


def _peer(endpoint: Plain) -> Attributes:
    if not isinstance(endpoint, dict):
        return {}
    said: Attributes = {
        "peer.service": _endpoint(endpoint, "serviceName"),
        "network.peer.address": _endpoint(endpoint, "ipv4") or _endpoint(endpoint, "ipv6"),
    }
    if isinstance(port := endpoint.get("port"), int):
        said["network.peer.port"] = int64(port, "port")
    return {key: value for key, value in said.items() if value}


def _status(tags: dict[str, str]) -> Status:
    error = tags.get("error")
    message = tags.get("otel.status_description") or (error if error not in (None, "true", "false") else "")
    if "otel.status_code" in tags:
        return Status(status_code(tags["otel.status_code"]), message or "")
    failed = error is not None and error != "false"
    return Status(StatusCode.ERROR if failed else StatusCode.UNSET, message or "")


def _event(annotation: dict[str, Plain]) -> Event:
    """An annotation; OpenTelemetry writes an event's name and attributes into its text, as JSON."""
    value = text(annotation.get("value"))
    moment = nanoseconds(annotation.get("timestamp"), "annotation", _MICROSECOND)
    if value.startswith("{"):
        try:
            said = json.loads(value)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and len(said) == 1:
            ((name, attributes),) = said.items()
            if isinstance(attributes, dict):
                return Event(
                    name,
                    moment,
                    {key: _scalar(one) for key, one in attributes.items()},
                )
    return Event(value, moment)


def _scalar(value: Plain) -> AttributeValue:
    if isinstance(value, list):
        return [_scalar(item) if not isinstance(item, list | dict) else repr(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int64(value, "event attribute")
    return value if isinstance(value, str | bool | float) or value is None else repr(value)[:1000]


def _value(key: str, value: str) -> AttributeValue:
    if key in _NUMBERS and value.isdigit():
        return int64(value, key)
    if key.startswith(_HEADERS):
        if value.startswith('["'):
            try:
                listed = json.loads(value)
            except (ValueError, RecursionError):
                return [value]
            if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
                return listed
        return [value]
    return value
