"""OTLP/JSON to spans, typed and checked while it is parsed."""

from __future__ import annotations

import binascii
import math
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.checks import (
    UINT64_MAX,
    check_groups,
    check_id,
    is_hex,
    too_deep,
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
    SpanKind,
    Status,
    StatusCode,
)

# The wire, field by field in the order of the .proto files, decoded with ``strict=False``: numbers
# may be strings there. ``UNSET`` rather than ``None``, so that null and "null" are no values. They hold no
# cycles, so the garbage collector need not track them, which halves the time of a large decode.
_Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Uint64: TypeAlias = Annotated[int, Meta(ge=0)]  # msgspec compares with signed numbers only
_TraceId: TypeAlias = Annotated[str, Meta(min_length=32, max_length=32)]
_SpanId: TypeAlias = Annotated[str, Meta(min_length=16, max_length=16)]
_Uint32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class _AnyValue(msgspec.Struct, rename="camel", gc=False):
    string_value: str | UnsetType = UNSET
    int_value: _Int64 | UnsetType = UNSET
    bool_value: bool | int | str | UnsetType = UNSET  # the wider type keeps 1 and "true" from being bools
    double_value: float | str | UnsetType = UNSET
    array_value: _ArrayValue | UnsetType = UNSET
    kvlist_value: _KeyValueList | UnsetType = UNSET
    bytes_value: str | UnsetType = UNSET


class _ArrayValue(msgspec.Struct, rename="camel", gc=False):
    values: list[_AnyValue] = []


class KeyValue(msgspec.Struct, rename="camel", gc=False):
    """One attribute as it stands on the wire."""

    key: str = ""
    value: _AnyValue = msgspec.field(default_factory=_AnyValue)


class _KeyValueList(msgspec.Struct, rename="camel", gc=False):
    values: list[KeyValue] = []


class _Scope(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    version: str = ""
    attributes: list[KeyValue] = []


class _Resource(msgspec.Struct, rename="camel", gc=False):
    attributes: list[KeyValue] = []


class _Event(msgspec.Struct, rename="camel", gc=False):
    time_unix_nano: _Uint64 = 0
    name: str = ""
    attributes: list[KeyValue] = []
    dropped_attributes_count: _Uint32 = 0


class _Link(msgspec.Struct, rename="camel", gc=False):
    trace_id: _TraceId
    span_id: _SpanId
    trace_state: str = ""
    attributes: list[KeyValue] = []
    dropped_attributes_count: _Uint32 = 0
    flags: _Uint32 = 0


class _Status(msgspec.Struct, rename="camel", gc=False):
    message: str = ""
    code: StatusCode = StatusCode.UNSET


class _Span(msgspec.Struct, rename="camel", gc=False):
    trace_id: _TraceId
    span_id: _SpanId
    trace_state: str = ""
    parent_span_id: str = ""
    flags: _Uint32 = 0
    name: str = ""
    kind: SpanKind = SpanKind.UNSPECIFIED
    start_time_unix_nano: _Uint64 = 0
    end_time_unix_nano: _Uint64 = 0
    attributes: list[KeyValue] = []
    dropped_attributes_count: _Uint32 = 0
    events: list[_Event] = []
    dropped_events_count: _Uint32 = 0
    links: list[_Link] = []
    dropped_links_count: _Uint32 = 0
    status: _Status | UnsetType = UNSET


class _ScopeSpans(msgspec.Struct, rename="camel", gc=False):
    scope: _Scope = msgspec.field(default_factory=_Scope)
    spans: list[_Span] = []
    schema_url: str = ""


class _ResourceSpans(msgspec.Struct, rename="camel", gc=False):
    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_spans: list[_ScopeSpans] = []
    schema_url: str = ""


class TracesData(msgspec.Struct, rename="camel", gc=False):
    """A document as it stands on the wire."""

    resource_spans: list[_ResourceSpans]


typed: Final = msgspec.json.Decoder(TracesData, strict=False).decode
"""The document as it stands, its types checked; what loading is measured against."""
_typed_span: Final = msgspec.json.Decoder(_Span, strict=False).decode
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
    try:
        document = typed(data)
    except RecursionError as error:
        raise CassetteLimitError("JSON nested too deeply to be read") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise CassetteFormatError(f"not an OTLP JSON document: {error}") from error
    return spans_of(document, limits)


def spans_of(document: TracesData, limits: Limits = DEFAULT) -> list[Span]:
    """The spans of a document as :func:`typed` gives it, in its order.

    Raises:
        CassetteFormatError: a field has a value that OTLP does not allow.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    wires = [span for res in document.resource_spans for scope in res.scope_spans for span in scope.spans]
    if len(wires) > limits.max_spans:
        raise CassetteLimitError(f"{len(wires)} spans; at most {limits.max_spans} are read")
    check_groups(len(document.resource_spans), limits)
    check_groups(sum(len(resource.scope_spans) for resource in document.resource_spans), limits)
    _check_ids(wires)
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


def _check_ids(wires: list[_Span]) -> None:
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


def _read_spans(wires: list[_Span], scope: Scope, resource: Resource, depth: int) -> list[Span]:
    last, unset, no_status, read = UINT64_MAX, UNSET, _NO_STATUS, read_attributes
    spans: list[Span] = []
    for wire in wires:
        start, end, status = wire.start_time_unix_nano, wire.end_time_unix_nano, wire.status
        if start > last or end > last:
            raise CassetteFormatError(f"span {wire.span_id} begins or ends after the year 2554")
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
                [_read_event(event, depth) for event in wire.events] if wire.events else [],
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


def _read_event(wire: _Event, depth: int) -> Event:
    if wire.time_unix_nano > UINT64_MAX:
        raise CassetteFormatError(f"event {wire.name[:40]!r} is after the year 2554")
    return Event(
        wire.name,
        wire.time_unix_nano,
        read_attributes(wire.attributes, depth),
        wire.dropped_attributes_count,
    )


def _read_link(wire: _Link, depth: int) -> Link:
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


def _read_value(wire: _AnyValue, depth: int) -> AttributeValue:
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
