"""OTLP/JSON to spans, typed and checked while it is parsed."""

from __future__ import annotations

import binascii
import math
from typing import Any, Final

import msgspec
from msgspec import UNSET

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.checks import (
    UINT64_MAX,
    check_groups,
    check_id,
    is_hex,
    too_deep,
)
from timetracer_otel.formats.json_wire import (
    AnyValue,
    KeyValue,
    PlainKeyValue,
    TracesData,
    WireEvent,
    WireLink,
    WireSpan,
)
from timetracer_otel.formats.limits import DEFAULT, Limits
from timetracer_otel.span import (
    Attributes,
    AttributeValue,
    Event,
    Link,
    Resource,
    Scope,
    Span,
    Status,
)

typed: Final = msgspec.json.Decoder(TracesData[KeyValue], strict=False).decode
"""The document as it stands, its types checked; what loading is measured against."""
_plain: Final = msgspec.json.Decoder(TracesData[PlainKeyValue], strict=False).decode
_typed_span: Final = msgspec.json.Decoder(WireSpan[KeyValue], strict=False).decode
_NO_STATUS: Final = Status()
_PARENT_SIZES: Final = {0, 16}
_NO_PARENT: Final = "0" * 16
_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def decode(data: bytes, limits: Limits = DEFAULT) -> list[Span]:
    """The spans of an OTLP/JSON ``TracesData`` document, in the document's order.

    Args:
        data: the document, UTF-8, not compressed.
        limits: what it may hold.

    Raises:
        CassetteFormatError: it is not one, or a field has a type or value that OTLP does not allow.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    if len(data) > limits.max_objects and data.count(b"{") > limits.max_objects:
        raise CassetteLimitError(f"more than {limits.max_objects} JSON objects; split the document")
    return spans_of(_document(data), limits)


def _document(data: bytes) -> TracesData[KeyValue]:
    try:
        return typed(data)
    except RecursionError as error:
        raise CassetteLimitError("JSON nested too deeply to be read") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise CassetteFormatError(f"not an OTLP JSON document: {error}") from error


def spans_of(document: TracesData[KeyValue], limits: Limits = DEFAULT) -> list[Span]:
    """The spans of a document as :func:`typed` gives it, in its order.

    Raises:
        CassetteFormatError: a field has a value that OTLP does not allow.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    _wires(document, limits)
    spans: list[Span] = []
    for wire_resource in document.resource_spans:
        resource = Resource(
            read_attributes(wire_resource.resource.attributes, limits.max_depth), wire_resource.schema_url
        )
        for wire_scope in wire_resource.scope_spans:
            scope = Scope(
                wire_scope.scope.name,
                wire_scope.scope.version,
                read_attributes(wire_scope.scope.attributes, limits.max_depth),
                wire_scope.schema_url,
            )
            spans += _read_spans(wire_scope.spans, scope, resource, limits.max_depth)
    return spans


def _wires(document: TracesData[Any], limits: Limits) -> list[WireSpan[Any]]:
    """The spans of a document as they stand there, with good ids, when it does not hold too much."""
    groups = [group for resource in document.resource_spans for group in resource.scope_spans]
    wires = groups[0].spans if len(groups) == 1 else [span for group in groups for span in group.spans]
    if len(wires) > limits.max_spans:
        raise CassetteLimitError(f"{len(wires)} spans; at most {limits.max_spans} are read")
    check_groups(len(document.resource_spans), limits)
    check_groups(len(groups), limits)
    _check_ids(wires)
    return wires


def checked(data: bytes, limits: Limits, names: set[str]) -> list[WireSpan[Any]]:
    """The spans of a document as they stand there, all that :func:`decode` looks at having been found
    good; in a third of its time.

    Args:
        data: the document, UTF-8, not compressed.
        limits: what it may hold.
        names: takes the names of the attributes of spans, events and links.

    Raises:
        CassetteFormatError: it is none, or a field has a type or value that OTLP does not allow.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    document: TracesData[Any]
    try:
        document = _plain(data)
        plain = limits.max_depth > 0
    except (msgspec.MsgspecError, ValueError, RecursionError):
        document = _document(data)
        plain = False
    wires = _wires(document, limits)
    names.update([pair.key for wire in wires for pair in wire.attributes])
    depth, last = limits.max_depth, UINT64_MAX
    for resource in document.resource_spans:
        read_attributes(resource.resource.attributes, depth)
        for scope in resource.scope_spans:
            read_attributes(scope.scope.attributes, depth)
    for wire in wires:
        if wire.start_time_unix_nano > last or wire.end_time_unix_nano > last:
            raise _too_late(wire)
        if wire.events:
            for event in wire.events:
                names.update([pair.key for pair in event.attributes])
                _check_event(event, depth, plain=plain)
        if wire.links:
            for link in wire.links:
                names.update([pair.key for pair in link.attributes])
                _check_link(link, depth, plain=plain)
        if not plain:
            _check_values(wire.attributes, depth)
    return wires


def _check_event(event: WireEvent[Any], depth: int, *, plain: bool) -> None:
    if event.time_unix_nano > UINT64_MAX:
        raise _event_too_late(event)
    if not plain:
        _check_values(event.attributes, depth)


def _check_link(link: WireLink[Any], depth: int, *, plain: bool) -> None:
    check_id(link.trace_id, 32, "link traceId")
    check_id(link.span_id, 16, "link spanId")
    if not plain:
        _check_values(link.attributes, depth)


def _check_values(pairs: list[KeyValue], depth: int) -> None:
    unset = UNSET
    for pair in pairs:
        value = pair.value
        if value.string_value is unset and value.int_value is unset:  # nothing can be wrong with these
            _read_value(value, depth)


def _check_ids(wires: list[WireSpan[Any]]) -> None:
    """Make every id lower-case hex of its length, or refuse it; all at once where all are so already.

    Raises:
        CassetteFormatError: one is not.
    """
    traces, parents = {wire.trace_id for wire in wires}, {wire.parent_span_id for wire in wires}
    parents_are_plain = _NO_PARENT not in parents and set(map(len, parents)) <= _PARENT_SIZES
    if parents_are_plain and is_hex("".join([*traces, *parents, *[wire.span_id for wire in wires]])):
        return
    for wire in wires:
        wire.trace_id = check_id(wire.trace_id, 32, "traceId")
        wire.span_id = check_id(wire.span_id, 16, "spanId")
        wire.parent_span_id = check_id(wire.parent_span_id, 16, "parentSpanId", optional=True)


def _read_spans(wires: list[WireSpan[KeyValue]], scope: Scope, resource: Resource, depth: int) -> list[Span]:
    last, unset, no_status, read = UINT64_MAX, UNSET, _NO_STATUS, read_attributes
    spans: list[Span] = []
    for wire in wires:
        start, end, status = wire.start_time_unix_nano, wire.end_time_unix_nano, wire.status
        if start > last or end > last:
            raise _too_late(wire)
        spans.append(
            Span(
                wire.trace_id,
                wire.span_id,
                wire.name,
                wire.parent_span_id,
                wire.kind,
                start,
                end,
                read(wire.attributes, depth),
                _read_events(wire.events, depth) if wire.events else [],
                [_read_link(link, depth) for link in wire.links] if wire.links else [],
                no_status if status is unset else Status(status.code, status.message),
                wire.trace_state,
                wire.flags,
                wire.dropped_attributes_count,
                wire.dropped_events_count,
                wire.dropped_links_count,
                scope,
                resource,
            )
        )
    return spans


def _too_late(wire: WireSpan[Any]) -> CassetteFormatError:
    return CassetteFormatError(f"span {wire.span_id} begins or ends after the year 2554")


def _event_too_late(wire: WireEvent[Any]) -> CassetteFormatError:
    return CassetteFormatError(f"event {wire.name[:40]!r} is after the year 2554")


def _read_events(wires: list[WireEvent[KeyValue]], depth: int) -> list[Event]:
    last, read = UINT64_MAX, read_attributes
    events: list[Event] = []
    for wire in wires:
        if wire.time_unix_nano > last:
            raise _event_too_late(wire)
        attributes = read(wire.attributes, depth)
        events.append(Event(wire.name, wire.time_unix_nano, attributes, wire.dropped_attributes_count))
    return events


def _read_link(wire: WireLink[KeyValue], depth: int) -> Link:
    return Link(
        check_id(wire.trace_id, 32, "link traceId"),
        check_id(wire.span_id, 16, "link spanId"),
        wire.trace_state,
        read_attributes(wire.attributes, depth),
        wire.dropped_attributes_count,
        wire.flags,
    )


def read_span(data: bytes, scope: Scope, resource: Resource, depth: int) -> Span:
    """One span by itself.

    Args:
        data: its JSON object.
        scope: what made it.
        resource: where.
        depth: how deep an attribute value may be nested.

    Raises:
        CassetteFormatError: it is none, or a field has a type or value that OTLP does not allow.
        CassetteLimitError: a value is nested deeper than that.
    """
    try:
        wire = _typed_span(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CassetteFormatError(f"not a span of OTLP JSON: {error}") from error
    _check_ids([wire])
    return _read_spans([wire], scope, resource, depth)[0]


def read_attributes(pairs: list[KeyValue], depth: int) -> Attributes:
    """Attributes as plain data.

    Raises:
        CassetteFormatError: a value is not one that OTLP allows.
        CassetteLimitError: a value is nested deeper than ``depth``.
    """
    # nearly all the time of a load is spent here: no calls for text, integers and lists of one text
    unset = UNSET
    result: Attributes = {}
    for pair in pairs:
        wire = pair.value
        text = wire.string_value
        if text is not unset:
            result[pair.key] = text
            continue
        number = wire.int_value
        if number is not unset:
            result[pair.key] = number
            continue
        array = wire.array_value
        if array is not unset and depth and len(array.values) == 1:
            text = array.values[0].string_value  # a header, mostly
            if text is not unset:
                result[pair.key] = [text]
                continue
        result[pair.key] = _read_value(wire, depth)
    return result


def _read_value(wire: AnyValue, depth: int) -> AttributeValue:
    if wire.string_value is not UNSET:
        return wire.string_value
    if wire.array_value is not UNSET:
        if not depth:
            raise too_deep()
        return [_read_value(value, depth - 1) for value in wire.array_value.values]
    if wire.int_value is not UNSET:
        return wire.int_value
    if wire.bool_value is not UNSET:
        if not isinstance(wire.bool_value, bool):
            raise CassetteFormatError(f"boolValue {str(wire.bool_value)[:40]!r} is neither true nor false")
        return wire.bool_value
    if wire.double_value is not UNSET:
        return _double(wire.double_value)
    if wire.bytes_value is not UNSET:
        return _bytes(wire.bytes_value)
    if wire.kvlist_value is not UNSET:
        if not depth:
            raise too_deep()
        return read_attributes(wire.kvlist_value.values, depth - 1)
    return None


def _double(value: float | str) -> float:
    if not isinstance(value, str):
        return value
    if value in _NON_FINITE:
        return _NON_FINITE[value]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise CassetteFormatError(f"doubleValue {value[:40]!r} is not a number")
    return number


def _bytes(text: str) -> bytes:
    # proto3's JSON mapping: standard or URL-safe alphabet, with or without padding
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        raise CassetteFormatError(f"bytesValue is not base64: {error}") from error
