"""OTLP/JSON as others write it, and Tempo's JSON, which is the same with other words around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.checks import too_deep
from timetracer_otel.formats.foreign.fields import (
    Plain,
    decode_base64,
    dicts,
    get,
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
from timetracer_otel.span import Attributes, AttributeValue, Event, Link, Resource, Scope, Span, Status

_SCOPE_SPANS: Final = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "ilSpans")
_SCOPE: Final = ("scope", "instrumentationLibrary", "instrumentation_library")
_NON_FINITE: Final = frozenset({"nan", "infinity", "-infinity"})


def read_resources(resources: Plain, depth: int, damaged: Callable[[str], None]) -> list[Span]:
    """The spans of a list of ``ResourceSpans``.

    Args:
        resources: the list, as JSON has it.
        depth: how deep an attribute value may be nested.
        damaged: told of each span that cannot be read; the others are.
    """
    spans: list[Span] = []
    for wire_resource in dicts(resources):
        owner = wire_resource.get("resource")
        resource = Resource(
            _attributes(owner.get("attributes") if isinstance(owner, dict) else None, depth),
            text(get(wire_resource, "schemaUrl")),
        )
        scopes = next((wire_resource[name] for name in _SCOPE_SPANS if name in wire_resource), None)
        for wire_scope in dicts(scopes):
            about: dict[str, Plain] = next(
                (wire_scope[name] for name in _SCOPE if isinstance(wire_scope.get(name), dict)), {}
            )
            scope = Scope(
                text(about.get("name")),
                text(about.get("version")),
                _attributes(about.get("attributes"), depth),
                text(get(wire_scope, "schemaUrl")),
            )
            for wire in dicts(wire_scope.get("spans")):
                try:
                    spans.append(_span(wire, scope, resource, depth))
                except (CassetteFormatError, CassetteLimitError) as error:
                    damaged(f"span {text(wire.get('name'))[:40]!r}: {error}")
    return spans


def _span(wire: dict[str, Plain], scope: Scope, resource: Resource, depth: int) -> Span:
    status = wire.get("status")
    return Span(
        trace_id(get(wire, "traceId"), "traceId"),
        span_id(get(wire, "spanId"), "spanId"),
        text(wire.get("name")),
        parent_id(get(wire, "parentSpanId")),
        kind(wire.get("kind")),
        nanoseconds(get(wire, "startTimeUnixNano"), "startTimeUnixNano"),
        nanoseconds(get(wire, "endTimeUnixNano"), "endTimeUnixNano"),
        _attributes(wire.get("attributes"), depth),
        [_event(event, depth) for event in dicts(wire.get("events"))],
        [_link(link, depth) for link in dicts(wire.get("links"))],
        Status(status_code(status.get("code")), text(status.get("message")))
        if isinstance(status, dict)
        else Status(),
        text(get(wire, "traceState")),
        uint32(wire.get("flags"), "flags"),
        uint32(get(wire, "droppedAttributesCount"), "droppedAttributesCount"),
        uint32(get(wire, "droppedEventsCount"), "droppedEventsCount"),
        uint32(get(wire, "droppedLinksCount"), "droppedLinksCount"),
        scope,
        resource,
    )


def _event(wire: dict[str, Plain], depth: int) -> Event:
    return Event(
        text(wire.get("name")),
        nanoseconds(get(wire, "timeUnixNano"), "timeUnixNano"),
        _attributes(wire.get("attributes"), depth),
        uint32(get(wire, "droppedAttributesCount"), "droppedAttributesCount"),
    )


def _link(wire: dict[str, Plain], depth: int) -> Link:
    return Link(
        trace_id(get(wire, "traceId"), "link traceId"),
        span_id(get(wire, "spanId"), "link spanId"),
        text(get(wire, "traceState")),
        _attributes(wire.get("attributes"), depth),
        uint32(get(wire, "droppedAttributesCount"), "droppedAttributesCount"),
        uint32(wire.get("flags"), "flags"),
    )


def _attributes(pairs: Plain, depth: int) -> Attributes:
    if isinstance(pairs, dict):  # some write an object in place of pairs
        return {key: _value(value, depth) for key, value in pairs.items()}
    return {text(pair.get("key")): _value(pair.get("value"), depth) for pair in dicts(pairs)}


def _value(wire: Plain, depth: int) -> AttributeValue:
    if not isinstance(wire, dict):
        return _plain_value(wire, depth)
    for name, read in _READERS.items():
        value = get(wire, name)
        if value is not None:
            return read(value, depth)
    return None


def _plain_value(value: Plain, depth: int) -> AttributeValue:
    """A value without the word that says its type."""
    if isinstance(value, list):
        if not depth:
            raise too_deep()
        return [_value(item, depth - 1) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int64(value, "attribute")
    return value  # type: ignore[no-any-return]  # a scalar of JSON


def _string(value: Plain, depth: int) -> AttributeValue:
    return text(value)


def _int(value: Plain, depth: int) -> AttributeValue:
    return int64(value, "intValue")


def _bool(value: Plain, depth: int) -> AttributeValue:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise CassetteFormatError(f"boolValue {str(value)[:40]!r} is neither true nor false")


def _double(value: Plain, depth: int) -> AttributeValue:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise CassetteFormatError(f"doubleValue {str(value)[:40]!r} is not a number") from None
    if isinstance(value, str) and number - number != 0 and value.lower() not in _NON_FINITE:
        raise CassetteFormatError(f"doubleValue {value[:40]!r} is not a number")
    return number


def _bytes(value: Plain, depth: int) -> AttributeValue:
    return decode_base64(text(value))


def _array(value: Plain, depth: int) -> AttributeValue:
    if not depth:
        raise too_deep()
    items = value.get("values") if isinstance(value, dict) else value
    return [_value(item, depth - 1) for item in items] if isinstance(items, list) else []


def _map(value: Plain, depth: int) -> AttributeValue:
    if not depth:
        raise too_deep()
    return _attributes(value.get("values") if isinstance(value, dict) else value, depth - 1)


_READERS: Final[dict[str, Callable[[Plain, int], AttributeValue]]] = {
    "stringValue": _string,
    "intValue": _int,
    "boolValue": _bool,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _map,
    "bytesValue": _bytes,
}
