"""Spans to OTLP/JSON. It runs once for every request recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from timetracer_otel.formats.grouping import group
from timetracer_otel.formats.json_shapes import AttributesAsJson, attributes_as_json
from timetracer_otel.span import Event, Link, Resource, Scope, Span


# The wire, field by field in the order of the .proto files.
class _Scope(msgspec.Struct, omit_defaults=True, gc=False):
    name: str = ""
    version: str = ""
    attributes: AttributesAsJson = []


class _Resource(msgspec.Struct, omit_defaults=True, gc=False):
    attributes: AttributesAsJson = []


class _Event(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    time_unix_nano: str | UnsetType = UNSET
    name: str = ""
    attributes: AttributesAsJson = []
    dropped_attributes_count: int = 0


class _Link(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    trace_id: str
    span_id: str
    trace_state: str = ""
    attributes: AttributesAsJson = []
    dropped_attributes_count: int = 0
    flags: int = 0


class _Status(msgspec.Struct, omit_defaults=True, gc=False):
    message: str = ""
    code: int = 0


class _Span(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    trace_id: str
    span_id: str
    trace_state: str = ""
    parent_span_id: str = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    start_time_unix_nano: str | UnsetType = UNSET
    end_time_unix_nano: str | UnsetType = UNSET
    attributes: AttributesAsJson = []
    dropped_attributes_count: int = 0
    events: list[_Event] = []
    dropped_events_count: int = 0
    links: list[_Link] = []
    dropped_links_count: int = 0
    status: _Status | UnsetType = UNSET


class _ScopeSpans(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    scope: _Scope
    spans: list[_Span]
    schema_url: str = ""


class _ResourceSpans(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    resource: _Resource
    scope_spans: list[_ScopeSpans]
    schema_url: str = ""


class _TracesData(msgspec.Struct, rename="camel", gc=False):
    resource_spans: list[_ResourceSpans]


_ENCODER: Final = msgspec.json.Encoder()


def encode(spans: Sequence[Span]) -> bytes:
    """An OTLP/JSON ``TracesData`` document of those spans, grouped by resource and scope.

    Lone surrogates, which UTF-8 cannot hold, are written as U+FFFD, and integers that need more
    than 64 bits as strings.

    Raises:
        CodecError: an attribute value that OTLP cannot carry.
        CassetteLimitError: an attribute value nested deeper than ``MAX_DEPTH``.
    """
    document = _TracesData(
        [
            _ResourceSpans(
                resource.encoded,
                [
                    _ScopeSpans(scope.encoded, [_span(span) for span in scope.spans], scope.schema_url)
                    for scope in resource.scopes.values()
                ],
                resource.schema_url,
            )
            for resource in group(spans, _resource, _scope)
        ]
    )
    return _encoded(document)


def encode_span(span: Span) -> bytes:
    """One span by itself, as it stands in a document.

    Raises:
        CodecError: an attribute value that OTLP cannot carry.
        CassetteLimitError: an attribute value nested deeper than ``MAX_DEPTH``.
    """
    return _encoded(_span(span))


def encode_resource(resource: Resource) -> bytes:
    """A resource by itself; see :func:`encode_span`."""
    return _encoded(_resource(resource))


def encode_scope(scope: Scope) -> bytes:
    """A scope by itself; see :func:`encode_span`."""
    return _encoded(_scope(scope))


def _encoded(wire: msgspec.Struct) -> bytes:
    try:
        return _ENCODER.encode(wire)
    except UnicodeEncodeError:
        return _ENCODER.encode(_without_surrogates(msgspec.to_builtins(wire, enc_hook=msgspec.json.decode)))


def _span(span: Span) -> _Span:
    start, end, status = span.start_time_unix_nano, span.end_time_unix_nano, span.status
    return _Span(
        span.trace_id,
        span.span_id,
        span.trace_state,
        span.parent_span_id,
        span.flags,
        span.name,
        span.kind.value,  # an enum is never identical to a default, and so never left out
        str(start) if start else UNSET,
        str(end) if end else UNSET,
        attributes_as_json(span.attributes),
        span.dropped_attributes_count,
        [_event(event) for event in span.events] if span.events else [],
        span.dropped_events_count,
        [_link(link) for link in span.links] if span.links else [],
        span.dropped_links_count,
        _Status(status.message, status.code.value) if status.code or status.message else UNSET,
    )


def _event(event: Event) -> _Event:
    return _Event(
        str(event.time_unix_nano) if event.time_unix_nano else UNSET,
        event.name,
        attributes_as_json(event.attributes),
        event.dropped_attributes_count,
    )


def _link(link: Link) -> _Link:
    return _Link(
        link.trace_id,
        link.span_id,
        link.trace_state,
        attributes_as_json(link.attributes),
        link.dropped_attributes_count,
        link.flags,
    )


def _resource(resource: Resource) -> _Resource:
    return _Resource(attributes_as_json(resource.attributes))


def _scope(scope: Scope) -> _Scope:
    return _Scope(scope.name, scope.version, attributes_as_json(scope.attributes))


def _without_surrogates(plain: Any) -> Any:
    """The same builtins with text that UTF-8 can hold."""
    if isinstance(plain, str):
        return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(plain, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_without_surrogates(item) for item in plain]
    return plain
