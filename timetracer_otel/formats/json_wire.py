"""OTLP/JSON as it stands on the wire: what msgspec decodes it to, and checks the types of."""

from __future__ import annotations

from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from timetracer_otel.span import SpanKind, StatusCode

# The wire, field by field in the order of the .proto files, decoded with ``strict=False``: numbers
# may be strings there. ``UNSET`` rather than ``None``, so that null and "null" are no values. They hold no
# cycles, so the garbage collector need not track them, which halves the time of a large decode.
_Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Uint64: TypeAlias = Annotated[int, Meta(ge=0)]  # msgspec compares with signed numbers only
_TraceId: TypeAlias = Annotated[str, Meta(min_length=32, max_length=32)]
_SpanId: TypeAlias = Annotated[str, Meta(min_length=16, max_length=16)]
_Uint32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]


_NoInteger: TypeAlias = Annotated[int, Meta(ge=1, le=0)]
_NoText: TypeAlias = Annotated[str, Meta(pattern="(?!)")]
K = TypeVar("K", bound="KeyValue | PlainKeyValue")
"""How attributes are read."""


class AnyValue(msgspec.Struct, rename="camel", gc=False):
    """A value as it stands on the wire; not all of it is checked."""

    string_value: str | UnsetType = UNSET
    int_value: _Int64 | UnsetType = UNSET
    bool_value: bool | int | str | UnsetType = UNSET  # the wider type keeps 1 and "true" from being bools
    double_value: float | str | UnsetType = UNSET
    array_value: _ArrayValue | UnsetType = UNSET
    kvlist_value: _KeyValueList | UnsetType = UNSET
    bytes_value: str | UnsetType = UNSET


class _ArrayValue(msgspec.Struct, rename="camel", gc=False):
    values: list[AnyValue] = []


class KeyValue(msgspec.Struct, rename="camel", gc=False):
    """One attribute as it stands on the wire."""

    key: str = ""
    value: AnyValue = msgspec.field(default_factory=AnyValue)


class _KeyValueList(msgspec.Struct, rename="camel", gc=False):
    values: list[KeyValue] = []


class _Scalar(msgspec.Struct, rename="camel", gc=False, forbid_unknown_fields=True):
    string_value: str | UnsetType = UNSET
    int_value: _Int64 | UnsetType = UNSET
    bool_value: bool | _NoInteger | _NoText | UnsetType = UNSET
    double_value: float | _NoText | UnsetType = UNSET


class _Scalars(msgspec.Struct, rename="camel", gc=False):
    values: list[_Scalar] = []


class PlainValue(_Scalar, rename="camel", gc=False, forbid_unknown_fields=True):
    """A value as nearly all are: text, a number, a boolean, or a list of these. It is checked wholly while
    it is parsed; what else OTLP allows does not fit.
    """

    array_value: _Scalars | UnsetType = UNSET


class PlainKeyValue(msgspec.Struct, rename="camel", gc=False):
    """One attribute with such a value."""

    key: str = ""
    value: PlainValue = msgspec.field(default_factory=PlainValue)


class _Scope(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    version: str = ""
    attributes: list[KeyValue] = []


class _Resource(msgspec.Struct, rename="camel", gc=False):
    attributes: list[KeyValue] = []


class WireEvent(msgspec.Struct, Generic[K], rename="camel", gc=False):
    """An event as it stands on the wire."""

    time_unix_nano: _Uint64 = 0
    name: str = ""
    attributes: list[K] = []
    dropped_attributes_count: _Uint32 = 0


class WireLink(msgspec.Struct, Generic[K], rename="camel", gc=False):
    """A link as it stands on the wire."""

    trace_id: _TraceId
    span_id: _SpanId
    trace_state: str = ""
    attributes: list[K] = []
    dropped_attributes_count: _Uint32 = 0
    flags: _Uint32 = 0


class _Status(msgspec.Struct, rename="camel", gc=False):
    message: str = ""
    code: StatusCode = StatusCode.UNSET


class WireSpan(msgspec.Struct, Generic[K], rename="camel", gc=False):
    """A span as it stands on the wire. Few have events or links: no list is made for those without."""

    trace_id: _TraceId
    span_id: _SpanId
    trace_state: str = ""
    parent_span_id: str = ""
    flags: _Uint32 = 0
    name: str = ""
    kind: SpanKind = SpanKind.UNSPECIFIED
    start_time_unix_nano: _Uint64 = 0
    end_time_unix_nano: _Uint64 = 0
    attributes: list[K] = []
    dropped_attributes_count: _Uint32 = 0
    events: list[WireEvent[K]] | UnsetType = UNSET
    dropped_events_count: _Uint32 = 0
    links: list[WireLink[K]] | UnsetType = UNSET
    dropped_links_count: _Uint32 = 0
    status: _Status | UnsetType = UNSET


class _ScopeSpans(msgspec.Struct, Generic[K], rename="camel", gc=False):
    scope: _Scope = msgspec.field(default_factory=_Scope)
    spans: list[WireSpan[K]] = []
    schema_url: str = ""


class _ResourceSpans(msgspec.Struct, Generic[K], rename="camel", gc=False):
    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_spans: list[_ScopeSpans[K]] = []
    schema_url: str = ""


class TracesData(msgspec.Struct, Generic[K], rename="camel", gc=False):
    """A document as it stands on the wire."""

    resource_spans: list[_ResourceSpans[K]]
