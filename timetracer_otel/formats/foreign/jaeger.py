"""Jaeger's JSON: what its query service answers and its UI downloads, and the documents of its storages.

A trace is ``{"traceID", "spans": [...], "processes": {...}}``; a span's kind and outcome are tags
(https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.foreign.fields import (
    Plain,
    decode_base64,
    dicts,
    int64,
    kind,
    nanoseconds,
    parent_id,
    span_id,
    status_code,
    text,
    trace_id,
    uint32,
)
from timetracer_otel.span import (
    Attributes,
    AttributeValue,
    Event,
    Link,
    Resource,
    Scope,
    Span,
    Status,
    StatusCode,
)

_MICROSECOND: Final = 1000
_TAKEN: Final = frozenset(
    {
        "span.kind",
        "otel.status_code",
        "otel.status_description",
        "otel.library.name",
        "otel.library.version",
        "otel.scope.name",
        "otel.scope.version",
        "w3c.tracestate",
        "internal.span.format",
    }
)
"""Tags that say what OTLP has fields for."""
_SAMPLED: Final = 1


def read_trace(trace: dict[str, Plain], damaged: Callable[[str], None]) -> list[Span]:
    """The spans of one trace.

    Args:
        trace: an object with ``spans`` and ``processes``.
        damaged: told of each span that cannot be read; the others are.
    """
    processes = trace.get("processes")
    resources: dict[str, Resource] = {}
    if isinstance(processes, dict):
        resources = {name: _resource(process) for name, process in processes.items()}
    scopes: dict[tuple[str, str], Scope] = {}
    spans: list[Span] = []
    for wire in dicts(trace.get("spans")):
        try:
            spans.append(_span(wire, resources, scopes))
        except (CassetteFormatError, CassetteLimitError) as error:
            damaged(f"span {text(wire.get('operationName'))[:40]!r}: {error}")
    return spans


def _span(
    wire: dict[str, Plain], resources: dict[str, Resource], scopes: dict[tuple[str, str], Scope]
) -> Span:
    trace = trace_id(wire.get("traceID"), "traceID")
    tags = _tags(wire.get("tags"))
    if isinstance(plain := wire.get("tag"), dict):  # as Elasticsearch has them where they are made fields
        tags = {**{key.replace("@", "."): _value(value, "") for key, value in plain.items()}, **tags}
    parent, links = _references(wire, trace)
    start = nanoseconds(wire.get("startTime"), "startTime", _MICROSECOND)
    name = text(tags.get("otel.scope.name") or tags.get("otel.library.name"))
    version = text(tags.get("otel.scope.version") or tags.get("otel.library.version"))
    return Span(
        trace,
        span_id(wire.get("spanID"), "spanID"),
        text(wire.get("operationName")),
        parent,
        kind(tags.get("span.kind", "INTERNAL")),
        start,
        nanoseconds(start + nanoseconds(wire.get("duration"), "duration", _MICROSECOND), "end"),
        {key: value for key, value in tags.items() if key not in _TAKEN},
        [_event(log) for log in dicts(wire.get("logs"))],
        links,
        _status(tags),
        text(tags.get("w3c.tracestate")),
        uint32(wire.get("flags"), "flags") & _SAMPLED,
        scope=scopes.setdefault((name, version), Scope(name, version)),
        resource=_process(wire, resources),
    )


def _process(wire: dict[str, Plain], resources: dict[str, Resource]) -> Resource:
    name = text(wire.get("processID"))
    found = resources.get(name)
    if found is None:
        found = _resource(wire.get("process"))
        if name:
            resources[name] = found
    return found


def _resource(process: Plain) -> Resource:
    if not isinstance(process, dict):
        return Resource()
    return Resource({"service.name": text(process.get("serviceName")), **_tags(process.get("tags"))})


def _references(wire: dict[str, Plain], trace: str) -> tuple[str, list[Link]]:
    """The parent, and links to what else is referred to."""
    parent = parent_id(wire.get("parentSpanID"))
    links: list[Link] = []
    references = [
        (text(item.get("refType")), trace_id(item.get("traceID")), span_id(item.get("spanID")))
        for item in dicts(wire.get("references"))
    ]
    references.sort(key=lambda item: item[0] != "CHILD_OF")  # stable: the first of each stays the first
    for reference, of_trace, of_span in references:
        if not parent and of_trace == trace:
            parent = of_span
        elif (of_trace, of_span) != (trace, parent):
            links.append(Link(of_trace, of_span, attributes={"opentracing.ref_type": reference.lower()}))
    return parent, links


def _status(tags: Attributes) -> Status:
    message = text(tags.get("otel.status_description"))
    if "otel.status_code" in tags:
        return Status(status_code(tags["otel.status_code"]), message)
    failed = tags.get("error") in (True, "true")
    return Status(StatusCode.ERROR if failed else StatusCode.UNSET, message)


def _event(log: dict[str, Plain]) -> Event:
    fields = _tags(log.get("fields"))
    name = text(fields.pop("event", "")) or text(fields.pop("name", "")) or "log"
    return Event(name, nanoseconds(log.get("timestamp"), "timestamp", _MICROSECOND), fields)


def _tags(pairs: Plain) -> Attributes:
    return {text(pair.get("key")): _value(pair.get("value"), text(pair.get("type"))) for pair in dicts(pairs)}


def _value(value: Plain, type_name: str) -> AttributeValue:
    kind_of = type_name.lower()
    if kind_of == "binary":
        return decode_base64(text(value))
    if kind_of == "int64":
        return int64(value, "tag")
    if kind_of == "float64" and isinstance(value, int | str):
        try:
            return float(value)
        except (ValueError, OverflowError):
            raise CassetteFormatError(f"tag {str(value)[:40]!r} is not a number") from None
    if kind_of == "bool" and isinstance(value, str):
        return value.lower() == "true"
    if isinstance(value, int) and not isinstance(value, bool):
        return int64(value, "tag")
    if isinstance(value, str | bool | float):
        return value
    return None if value is None else text(value) or repr(value)[:1000]
