"""Jaeger's JSON, as its query service answers and its UI uploads.

A span's kind and outcome, its scope and its resource are tags
(https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/). Times are microseconds.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any, Final

from timetracer_otel.outputs.plain import as_text
from timetracer_otel.span import Attributes, AttributeValue, Event, Resource, Span, SpanKind, StatusCode

_MICROSECOND: Final = 1000


def document(traces: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """One document of several traces.

    Args:
        traces: the spans of each cassette; those of one trace become one.
    """
    by_id: dict[str, list[Span]] = {}
    for spans in traces:
        by_id.setdefault(spans[0].trace_id, []).extend(spans)
    return {"data": [_trace(trace_id, spans) for trace_id, spans in by_id.items()]}


def _trace(trace_id: str, spans: Sequence[Span]) -> dict[str, Any]:
    processes: dict[str, Any] = {}
    known: dict[str, str] = {}
    written = []
    for span in spans:
        resource = span.resource
        key = repr(sorted(resource.attributes.items(), key=lambda item: item[0]))
        if key not in known:
            known[key] = f"p{len(known) + 1}"
            processes[known[key]] = _process(resource)
        written.append(_span(span, known[key]))
    return {"traceID": trace_id, "spans": written, "processes": processes, "warnings": None}


def _process(resource: Resource) -> dict[str, Any]:
    attributes = dict(resource.attributes)
    service = as_text(attributes.pop("service.name", ""))
    return {"serviceName": service, "tags": _tags(attributes)}


def _span(span: Span, process: str) -> dict[str, Any]:
    references = []
    if span.parent_span_id:
        references.append({"refType": "CHILD_OF", "traceID": span.trace_id, "spanID": span.parent_span_id})
    references += [
        {"refType": "FOLLOWS_FROM", "traceID": link.trace_id, "spanID": link.span_id} for link in span.links
    ]
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": references,
        "startTime": span.start_time_unix_nano // _MICROSECOND,
        "duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano) // _MICROSECOND,
        "tags": [*_tags(span.attributes), *_told_as_tags(span)],
        "logs": [_log(event) for event in span.events],
        "processID": process,
        "warnings": None,
    }


def _told_as_tags(span: Span) -> list[dict[str, Any]]:
    said: Attributes = {}
    if span.kind is not SpanKind.UNSPECIFIED:
        said["span.kind"] = span.kind.name.lower()
    if span.status.code is not StatusCode.UNSET:
        said["otel.status_code"] = span.status.code.name
    if span.status.code is StatusCode.ERROR:
        said["error"] = True
    if span.status.message:
        said["otel.status_description"] = span.status.message
    if span.scope.name:
        said["otel.scope.name"] = span.scope.name
    if span.scope.version:
        said["otel.scope.version"] = span.scope.version
    if span.trace_state:
        said["w3c.tracestate"] = span.trace_state
    return _tags(said)


def _log(event: Event) -> dict[str, Any]:
    return {
        "timestamp": event.time_unix_nano // _MICROSECOND,
        "fields": _tags({"event": event.name, **event.attributes}),
    }


def _tags(attributes: Attributes) -> list[dict[str, Any]]:
    return [_tag(key, value) for key, value in attributes.items()]


def _tag(key: str, value: AttributeValue) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"key": key, "type": "bool", "value": value}
    if isinstance(value, int):
        return {"key": key, "type": "int64", "value": value}
    if isinstance(value, float) and math.isfinite(value):
        return {"key": key, "type": "float64", "value": value}
    if isinstance(value, bytes):
        return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
    return {"key": key, "type": "string", "value": as_text(value)}
