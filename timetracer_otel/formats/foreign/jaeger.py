"""Jaeger's JSON: what its query service answers and its UI downloads, and the documents of its storages.

A trace is ``{"traceID", "spans": [...], "processes": {...}}``; a span's kind and outcome are tags
(https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/). The JSON of its protobuf messages
(``jaeger.api_v2``: gRPC queries, spans in Kafka) says the same in other words: ids in base64, times of
RFC 3339, a field for each type of value, and no field at all where a value is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.foreign.fields import (
    Plain,
    decode_base64,
    dicts,
    get,
    int64,
    kind,
    nanoseconds,
    parent_id,
    seconds,
    span_id,
    status_code,
    text,
    timestamp,
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
_VALUES: Final[dict[str, tuple[str, AttributeValue]]] = {
    "STRING": ("vStr", ""),
    "BOOL": ("vBool", False),
    "INT64": ("vInt64", 0),
    "FLOAT64": ("vFloat64", 0.0),
    "BINARY": ("vBinary", ""),
}
"""In ``jaeger.api_v2`` the field of each type, and what it is where there is no field; by their numbers."""


def is_message(item: Plain) -> bool:
    """Whether it is a span of ``jaeger.api_v2``, as protobuf's JSON has it."""
    return (
        isinstance(item, dict)
        and get(item, "traceId") is not None
        and get(item, "spanId") is not None
        and not {"operationName", "operation_name", "startTime", "start_time"}.isdisjoint(item)
    )


def holds_messages(item: Plain) -> bool:
    """Whether it is such a span, or an object with a list of them."""
    if not isinstance(item, dict):
        return False
    spans = item.get("spans")
    return is_message(item) or (isinstance(spans, list) and any(map(is_message, spans)))


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
    for item in dicts(get(trace, "processMap")):
        resources[text(get(item, "processId"))] = _resource(item.get("process"))
    if isinstance(of_all := trace.get("process"), dict):
        resources[""] = _resource(of_all)
    scopes: dict[tuple[str, str], Scope] = {}
    spans: list[Span] = []
    for wire in dicts(trace.get("spans")):
        try:
            spans.append(_span(wire, resources, scopes))
        except (CassetteFormatError, CassetteLimitError) as error:
            damaged(f"span {text(get(wire, 'operationName'))[:40]!r}: {error}")
    return spans


def _span(
    wire: dict[str, Plain], resources: dict[str, Resource], scopes: dict[tuple[str, str], Scope]
) -> Span:
    trace = trace_id(_id(wire, "trace"), "traceID")
    tags = _tags(wire.get("tags"))
    if isinstance(plain := wire.get("tag"), dict):  # as Elasticsearch has them where they are made fields
        tags = {**{key.replace("@", "."): _value(value, "") for key, value in plain.items()}, **tags}
    parent, links = _references(wire, trace)
    start = _moment(get(wire, "startTime"), "startTime")
    name = text(tags.get("otel.scope.name") or tags.get("otel.library.name"))
    version = text(tags.get("otel.scope.version") or tags.get("otel.library.version"))
    return Span(
        trace,
        span_id(_id(wire, "span"), "spanID"),
        text(get(wire, "operationName")),
        parent,
        kind(tags.get("span.kind", "INTERNAL")),
        start,
        nanoseconds(start + _length(wire.get("duration")), "end"),
        {key: value for key, value in tags.items() if key not in _TAKEN},
        [_event(log) for log in dicts(wire.get("logs"))],
        links,
        _status(tags),
        text(tags.get("w3c.tracestate")),
        uint32(wire.get("flags"), "flags") & _SAMPLED,
        scope=scopes.setdefault((name, version), Scope(name, version)),
        resource=_process(wire, resources),
    )


def _id(item: dict[str, Plain], of: str) -> Plain:
    found = item.get(f"{of}ID")
    return get(item, f"{of}Id") if found is None else found


def _moment(value: Plain, field: str) -> int:
    if isinstance(value, str) and "-" in value[1:]:
        return timestamp(value, field)
    return nanoseconds(value, field, _MICROSECOND)


def _length(value: Plain) -> int:
    if isinstance(value, str) and value.endswith("s"):
        return seconds(value, "duration")
    return nanoseconds(value, "duration", _MICROSECOND)


def _process(wire: dict[str, Plain], resources: dict[str, Resource]) -> Resource:
    name = text(_id(wire, "process"))
    own = wire.get("process")
    found = None if not name and isinstance(own, dict) else resources.get(name)
    if found is None:
        found = _resource(own)
        if name:
            resources[name] = found
    return found


def _resource(process: Plain) -> Resource:
    if not isinstance(process, dict):
        return Resource()
    return Resource({"service.name": text(get(process, "serviceName")), **_tags(process.get("tags"))})


def _references(wire: dict[str, Plain], trace: str) -> tuple[str, list[Link]]:
    """The parent, and links to what else is referred to."""
    parent = parent_id(wire.get("parentSpanID"))
    links: list[Link] = []
    references = [
        (_reference_type(item), trace_id(_id(item, "trace")), span_id(_id(item, "span")))
        for item in dicts(wire.get("references"))
    ]
    references.sort(key=lambda item: item[0] != "CHILD_OF")  # stable: the first of each stays the first
    for reference, of_trace, of_span in references:
        if not parent and of_trace == trace:
            parent = of_span
        elif (of_trace, of_span) != (trace, parent):
            links.append(Link(of_trace, of_span, attributes={"opentracing.ref_type": reference.lower()}))
    return parent, links


def _reference_type(item: dict[str, Plain]) -> str:
    named = get(item, "refType")
    return "FOLLOWS_FROM" if named in (1, "1") else text(named) if isinstance(named, str) else "CHILD_OF"


def _status(tags: Attributes) -> Status:
    message = text(tags.get("otel.status_description"))
    if "otel.status_code" in tags:
        return Status(status_code(tags["otel.status_code"]), message)
    failed = tags.get("error") in (True, "true")
    return Status(StatusCode.ERROR if failed else StatusCode.UNSET, message)


def _event(log: dict[str, Plain]) -> Event:
    fields = _tags(log.get("fields"))
    name = text(fields.pop("event", "")) or text(fields.pop("name", "")) or "log"
    return Event(name, _moment(log.get("timestamp"), "timestamp"), fields)


def _tags(pairs: Plain) -> Attributes:
    return {text(pair.get("key")): _value(*_typed(pair)) for pair in dicts(pairs)}


def _typed(pair: dict[str, Plain]) -> tuple[Plain, str]:
    """The value of a tag, and its type's name."""
    if "value" in pair or "type" in pair:
        return pair.get("value"), text(pair.get("type"))
    named = get(pair, "vType")
    if isinstance(named, int) and 0 <= named < len(_VALUES):
        named = list(_VALUES)[named]
    type_name = named if isinstance(named, str) and named in _VALUES else "STRING"
    field, default = _VALUES[type_name]
    value = get(pair, field)
    return (default if value is None else value), type_name


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
