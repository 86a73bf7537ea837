"""Spans as plain data: what OTLP says of one, without the OpenTelemetry SDK.

Field names and meanings are those of ``opentelemetry/proto/trace/v1/trace.proto`` (OTLP 1.x). Spans hold
plain data, so no cycles, and the garbage collector need not track them (``gc=False``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import msgspec

AttributeValue: TypeAlias = (
    "bool | int | float | str | bytes | list[AttributeValue] | dict[str, AttributeValue] | None"
)
"""What an OTLP ``AnyValue`` holds. ``None`` is an ``AnyValue`` with no value set."""

Attributes: TypeAlias = "dict[str, AttributeValue]"


class SpanKind(IntEnum):
    """``Span.SpanKind``, with OTLP's numbers (the SDK's own are one lower)."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """``Status.StatusCode``."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Status(msgspec.Struct, frozen=True):
    """A span's outcome."""

    code: StatusCode = StatusCode.UNSET
    message: str = ""


class Event(msgspec.Struct, gc=False):
    """Something that happened at one moment of a span. Time in nanoseconds since the epoch."""

    name: str
    time_unix_nano: int = 0
    attributes: Attributes = msgspec.field(default_factory=dict)
    dropped_attributes_count: int = 0


class Link(msgspec.Struct, gc=False):
    """A pointer to a span of this or another trace. Ids are lower-case hex."""

    trace_id: str
    span_id: str
    trace_state: str = ""
    attributes: Attributes = msgspec.field(default_factory=dict)
    dropped_attributes_count: int = 0
    flags: int = 0


class Scope(msgspec.Struct):
    """The instrumentation that made a span."""

    name: str = ""
    version: str = ""
    attributes: Attributes = msgspec.field(default_factory=dict)
    schema_url: str = ""


class Resource(msgspec.Struct):
    """The process that made the spans."""

    attributes: Attributes = msgspec.field(default_factory=dict)
    schema_url: str = ""


class Span(msgspec.Struct, gc=False):
    """One span. Ids are lower-case hex (32 and 16 digits), times nanoseconds since the epoch.

    ``parent_span_id`` is empty for a root; ``end_time_unix_nano`` is 0 for a span that never ended.
    """

    trace_id: str
    span_id: str
    name: str
    parent_span_id: str = ""
    kind: SpanKind = SpanKind.INTERNAL
    start_time_unix_nano: int = 0
    end_time_unix_nano: int = 0
    attributes: Attributes = msgspec.field(default_factory=dict)
    events: list[Event] = msgspec.field(default_factory=list)
    links: list[Link] = msgspec.field(default_factory=list)
    status: Status = Status()
    trace_state: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0
    scope: Scope = msgspec.field(default_factory=Scope)
    resource: Resource = msgspec.field(default_factory=Resource)
