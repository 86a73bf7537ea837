"""OTLP/protobuf: bytes <-> spans, with the official message classes.

The classes are imported when the first protobuf document is met: most processes never meet one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats import protobuf_count
from timetracer_otel.formats.checks import INT64_MAX, INT64_MIN, check_groups, not_carried, too_deep
from timetracer_otel.formats.grouping import group
from timetracer_otel.formats.limits import DEFAULT, MAX_DEPTH, Limits
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

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WireResource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
    from opentelemetry.proto.trace.v1.trace_pb2 import Status as WireStatus


def decode(data: bytes, limits: Limits = DEFAULT) -> list[Span]:
    """The spans of a binary ``TracesData`` message, in the message's order.

    Args:
        data: the message, not compressed.
        limits: what it may hold.

    Raises:
        CassetteFormatError: it is not one, or a field has a value that OTLP does not allow.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    protobuf_count.check(data, limits)
    document = TracesData()
    try:
        document.ParseFromString(data)
    except DecodeError as error:
        raise CassetteFormatError(f"not an OTLP protobuf document: {error}") from error
    check_groups(len(document.resource_spans), limits)  # before any of them is looked at
    check_groups(sum(len(resource.scope_spans) for resource in document.resource_spans), limits)
    count = sum(len(scope.spans) for resource in document.resource_spans for scope in resource.scope_spans)
    if count > limits.max_spans:
        raise CassetteLimitError(f"{count} spans; at most {limits.max_spans} are read")
    depth = limits.max_depth
    spans: list[Span] = []
    for wire_resource in document.resource_spans:
        resource = Resource(
            _read_attributes(wire_resource.resource.attributes, depth), wire_resource.schema_url
        )
        for wire_scope in wire_resource.scope_spans:
            scope = Scope(
                wire_scope.scope.name,
                wire_scope.scope.version,
                _read_attributes(wire_scope.scope.attributes, depth),
                wire_scope.schema_url,
            )
            spans += [_read_span(wire, scope, resource, depth) for wire in wire_scope.spans]
    return spans


def encode(spans: Sequence[Span]) -> bytes:
    """A binary ``TracesData`` message of those spans, grouped by resource and scope.

    Lone surrogates, which UTF-8 cannot hold, are written as U+FFFD, and integers that need more
    than 64 bits as strings.

    Raises:
        CodecError: an attribute value that OTLP cannot carry.
        CassetteLimitError: an attribute value nested deeper than ``MAX_DEPTH``.
    """
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    document = TracesData()
    for resource in group(spans, _write_resource, _write_scope):
        wire_resource = document.resource_spans.add(schema_url=_text(resource.schema_url))
        wire_resource.resource.CopyFrom(resource.encoded)
        for scope in resource.scopes.values():
            wire_scope = wire_resource.scope_spans.add(schema_url=_text(scope.schema_url))
            wire_scope.scope.CopyFrom(scope.encoded)
            for span in scope.spans:
                _write_span(wire_scope.spans.add(), span)
    return document.SerializeToString()


def _read_span(wire: WireSpan, scope: Scope, resource: Resource, depth: int) -> Span:
    try:
        kind, code = SpanKind(wire.kind), StatusCode(wire.status.code)
    except ValueError as error:
        raise CassetteFormatError(
            f"span {wire.name[:40]!r} has a kind or status unknown to OTLP: {error}"
        ) from None
    return Span(
        trace_id=_id(wire.trace_id, 16, "trace_id"),
        span_id=_id(wire.span_id, 8, "span_id"),
        name=wire.name,
        parent_span_id=_id(wire.parent_span_id, 8, "parent_span_id") if any(wire.parent_span_id) else "",
        kind=kind,
        start_time_unix_nano=wire.start_time_unix_nano,
        end_time_unix_nano=wire.end_time_unix_nano,
        attributes=_read_attributes(wire.attributes, depth),
        events=[
            Event(
                event.name,
                event.time_unix_nano,
                _read_attributes(event.attributes, depth),
                event.dropped_attributes_count,
            )
            for event in wire.events
        ],
        links=[
            Link(
                _id(link.trace_id, 16, "link trace_id"),
                _id(link.span_id, 8, "link span_id"),
                link.trace_state,
                _read_attributes(link.attributes, depth),
                link.dropped_attributes_count,
                link.flags,
            )
            for link in wire.links
        ],
        status=Status(code, wire.status.message),
        trace_state=wire.trace_state,
        flags=wire.flags,
        dropped_attributes_count=wire.dropped_attributes_count,
        dropped_events_count=wire.dropped_events_count,
        dropped_links_count=wire.dropped_links_count,
        scope=scope,
        resource=resource,
    )


def _id(raw: bytes, size: int, field: str) -> str:
    if len(raw) != size:
        raise CassetteFormatError(f"{field} has {len(raw)} bytes, not {size}")
    return raw.hex()


def _read_attributes(pairs: Iterable[KeyValue], depth: int) -> Attributes:
    return {pair.key: _read_value(pair.value, depth) for pair in pairs}


def _read_value(wire: AnyValue, depth: int) -> AttributeValue:
    match wire.WhichOneof("value"):
        case "string_value":
            return wire.string_value
        case "int_value":
            return wire.int_value
        case "bool_value":
            return wire.bool_value
        case "double_value":
            return wire.double_value
        case "bytes_value":
            return wire.bytes_value
        case "array_value":
            if not depth:
                raise too_deep()
            return [_read_value(value, depth - 1) for value in wire.array_value.values]
        case "kvlist_value":
            if not depth:
                raise too_deep()
            return _read_attributes(wire.kvlist_value.values, depth - 1)
        case _:
            return None


def _write_span(wire: WireSpan, span: Span) -> None:
    wire.trace_id = bytes.fromhex(span.trace_id)
    wire.span_id = bytes.fromhex(span.span_id)
    wire.trace_state = _text(span.trace_state)
    wire.parent_span_id = bytes.fromhex(span.parent_span_id)
    wire.flags = span.flags
    wire.name = _text(span.name)
    wire.kind = cast("WireSpan.SpanKind.ValueType", span.kind.value)
    wire.start_time_unix_nano = span.start_time_unix_nano
    wire.end_time_unix_nano = span.end_time_unix_nano
    _write_attributes(wire.attributes, span.attributes)
    wire.dropped_attributes_count = span.dropped_attributes_count
    wire.dropped_events_count = span.dropped_events_count
    wire.dropped_links_count = span.dropped_links_count
    for event in span.events:
        wire_event = wire.events.add(
            time_unix_nano=event.time_unix_nano,
            name=_text(event.name),
            dropped_attributes_count=event.dropped_attributes_count,
        )
        _write_attributes(wire_event.attributes, event.attributes)
    for link in span.links:
        wire_link = wire.links.add(
            trace_id=bytes.fromhex(link.trace_id),
            span_id=bytes.fromhex(link.span_id),
            trace_state=_text(link.trace_state),
            dropped_attributes_count=link.dropped_attributes_count,
            flags=link.flags,
        )
        _write_attributes(wire_link.attributes, link.attributes)
    if span.status.code or span.status.message:
        wire.status.code = cast("WireStatus.StatusCode.ValueType", span.status.code.value)
        wire.status.message = _text(span.status.message)


def _write_resource(resource: Resource) -> WireResource:
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WireResource

    wire = WireResource()
    _write_attributes(wire.attributes, resource.attributes)
    return wire


def _write_scope(scope: Scope) -> InstrumentationScope:
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

    wire = InstrumentationScope(name=_text(scope.name), version=_text(scope.version))
    _write_attributes(wire.attributes, scope.attributes)
    return wire


def _write_attributes(pairs: Any, attributes: Mapping[str, Any], depth: int = MAX_DEPTH) -> None:
    for key, value in attributes.items():
        _write_value(pairs.add(key=_text(key)).value, value, depth)


def _write_value(wire: AnyValue, value: Any, depth: int) -> None:
    """One value; ``bool`` is tested before ``int``, which it is too."""
    if isinstance(value, str):
        wire.string_value = _text(value)
    elif isinstance(value, bool):
        wire.bool_value = value
    elif isinstance(value, int):
        if INT64_MIN <= value <= INT64_MAX:
            wire.int_value = value
        else:
            wire.string_value = int.__repr__(value)
    elif isinstance(value, float):
        wire.double_value = value
    elif value is None:
        wire.SetInParent()
    elif isinstance(value, bytes | bytearray | memoryview):
        wire.bytes_value = bytes(value)
    elif isinstance(value, list | tuple | Mapping):
        if not depth:
            raise too_deep()
        if isinstance(value, Mapping):
            wire.kvlist_value.SetInParent()
            _write_attributes(wire.kvlist_value.values, value, depth - 1)
        else:
            wire.array_value.SetInParent()
            for item in value:
                _write_value(wire.array_value.values.add(), item, depth - 1)
    else:
        raise not_carried(value)


def _text(text: str) -> str:
    """The text, where UTF-8 can hold it; else with U+FFFD for what it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
