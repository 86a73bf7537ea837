"""Zipkin v2 JSON: a list of spans whose tags are text.

A span's outcome, its scope and its resource are tags
(https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/). Times are microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from timetracer_otel.outputs.plain import as_text, plain_attributes
from timetracer_otel.span import Event, Span, SpanKind, StatusCode

_MICROSECOND: Final = 1000
_KINDS: Final = frozenset({SpanKind.CLIENT, SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER})


def document(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """The spans as Zipkin's; what has no value there is left out."""
    return [_span(span) for span in spans]


def _span(span: Span) -> dict[str, Any]:
    resource = dict(span.resource.attributes)
    tags = {
        **{key: as_text(value) for key, value in resource.items() if key != "service.name"},
        **{key: as_text(value) for key, value in span.attributes.items()},
    }
    if span.status.code is not StatusCode.UNSET:
        tags["otel.status_code"] = span.status.code.name
    if span.status.code is StatusCode.ERROR:
        tags["error"] = span.status.message
    if span.scope.name:
        tags["otel.scope.name"] = span.scope.name
    if span.scope.version:
        tags["otel.scope.version"] = span.scope.version
    written: dict[str, Any] = {"traceId": span.trace_id, "id": span.span_id, "name": span.name}
    if span.parent_span_id:
        written["parentId"] = span.parent_span_id
    if span.kind in _KINDS:
        written["kind"] = span.kind.name
    written["timestamp"] = span.start_time_unix_nano // _MICROSECOND
    duration = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
    # a zero would say that it is not known
    written["duration"] = max(1, duration // _MICROSECOND)
    written["localEndpoint"] = {"serviceName": as_text(resource.get("service.name", ""))}
    if span.events:
        written["annotations"] = [_annotation(event) for event in span.events]
    written["tags"] = tags
    return written


def _annotation(event: Event) -> dict[str, Any]:
    """Name and attributes as JSON where there are attributes, as OpenTelemetry's exporters write them."""
    value = json.dumps({event.name: plain_attributes(event.attributes)}) if event.attributes else event.name
    return {"timestamp": event.time_unix_nano // _MICROSECOND, "value": value}
