"""Spans of the SDK as plain spans (:mod:`timetracer_otel.span`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from timetracer_otel import span as plain
from timetracer_otel.exporters.sdk_spans import attributes_of, events_of, links_of

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Status

_KINDS: Final = {kind: plain.SpanKind(kind.value + 1) for kind in SpanKind}
_UNSET: Final = plain.Status()
_PLAIN: Final = frozenset({str, int, bool, float})
_REMOTE = 0x200
_REMOTE_KNOWN = 0x100


def convert(span: ReadableSpan, resource: plain.Resource, scopes: dict[int, plain.Scope]) -> plain.Span:
    """One SDK span as a plain one.

    Args:
        span: a span that ended, or a live one (its end time is then 0).
        resource: the converted resource of its provider.
        scopes: converted scopes by identity; filled as they are met.
    """
    context = span.get_span_context()
    assert context is not None, "only spans that were started get here"
    trace_id, span_id, _, trace_flags, trace_state, _ = context
    parent = span.parent
    flags = int(trace_flags) | (_REMOTE_KNOWN if parent is not None else 0)
    if parent is not None and parent.is_remote:
        flags |= _REMOTE
    scope = span.instrumentation_scope
    key = id(scope)
    if key not in scopes:
        scopes[key] = _scope(scope)
    return plain.Span(
        trace_id=f"{trace_id:032x}",
        span_id=f"{span_id:016x}",
        parent_span_id=f"{parent.span_id:016x}" if parent is not None else "",
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start_time or 0,
        end_time_unix_nano=span.end_time or 0,
        attributes=attributes(attributes_of(span)),
        events=[
            plain.Event(
                name=event.name,
                time_unix_nano=event.timestamp or 0,
                attributes=attributes(event.attributes),
                dropped_attributes_count=event.dropped_attributes,
            )
            for event in events_of(span)
        ],
        links=[
            plain.Link(
                trace_id=f"{link.context.trace_id:032x}",
                span_id=f"{link.context.span_id:016x}",
                trace_state=link.context.trace_state.to_header(),
                attributes=attributes(link.attributes),
                dropped_attributes_count=link.dropped_attributes,
                flags=int(link.context.trace_flags),
            )
            for link in links_of(span)
        ],
        status=_status(span.status),
        trace_state=trace_state.to_header() if trace_state else "",
        flags=flags,
        dropped_attributes_count=span.dropped_attributes,
        dropped_events_count=span.dropped_events,
        dropped_links_count=span.dropped_links,
        scope=scopes[key],
        resource=resource,
    )


def convert_resource(resource: Resource, extra: Mapping[str, plain.AttributeValue]) -> plain.Resource:
    """The SDK's resource as a plain one, with what we add."""
    return plain.Resource(
        attributes={**attributes(resource.attributes), **extra}, schema_url=resource.schema_url or ""
    )


def attributes(given: Mapping[str, Any] | None) -> plain.Attributes:
    """A copy of the attributes in which every value is one that OTLP has."""
    if not given:
        return {}
    return {key: value if type(value) in _PLAIN else _value(value) for key, value in given.items()}


def _status(status: Status) -> plain.Status:
    code = status.status_code
    if code is StatusCode.UNSET:
        return _UNSET
    return plain.Status(plain.StatusCode(code.value), status.description or "")


def _value(value: Any) -> plain.AttributeValue:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_value(item) for item in value]
    return str(value)


def _scope(scope: InstrumentationScope | None) -> plain.Scope:
    if scope is None:
        return plain.Scope()
    return plain.Scope(
        name=scope.name,
        version=scope.version or "",
        attributes=attributes(scope.attributes),
        schema_url=scope.schema_url or "",
    )
