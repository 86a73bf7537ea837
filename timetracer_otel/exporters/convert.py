"""Spans of the SDK as plain spans (:mod:`timetracer_otel.span`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from timetracer_otel import span as plain
from timetracer_otel.exporters.sdk_spans import parts_of

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, Status

_KINDS: Final = {kind.value: plain.SpanKind(kind.value + 1) for kind in SpanKind}
_UNSET: Final = plain.Status()
_PLAIN: Final = frozenset({str, int, bool, float})
_NO_STATE: Final = DEFAULT_TRACE_STATE
_MAX_SCOPES: Final = 256
_REMOTE = 0x200
_REMOTE_KNOWN = 0x100


class Scopes:
    """Scopes, converted once: every trace has the same few.

    Args:
        masked: makes attributes without secrets of those that a scope has.
    """

    def __init__(self, masked: Callable[[plain.Attributes], plain.Attributes] | None = None) -> None:
        self._masked = masked
        self._known: dict[int, tuple[InstrumentationScope | None, plain.Scope]] = {}

    def converted(self, scope: InstrumentationScope | None) -> plain.Scope:
        """The SDK's scope as a plain one, which is not to be changed."""
        known = self._known.get(id(scope))
        if known is None or known[0] is not scope:
            if len(self._known) >= _MAX_SCOPES:  # a tracer for each request, say
                self._known.clear()
            made = _scope(scope)
            if self._masked is not None and made.attributes:
                made.attributes = self._masked(made.attributes)
            known = self._known[id(scope)] = scope, made
        return known[1]


def convert(span: ReadableSpan, resource: plain.Resource, scopes: Scopes) -> plain.Span:
    """One SDK span as a plain one.

    Args:
        span: a span that ended, or a live one (its end time is then 0).
        resource: the converted resource of its provider.
        scopes: those met before.
    """
    context = span.get_span_context()
    assert context is not None, "only spans that were started get here"
    trace_id, span_id, _, trace_flags, trace_state, _ = context
    (
        name, parent, kind, start, end, status, scope, dropped_attributes, dropped_events, dropped_links,
        given, events, links,
    ) = parts_of(span)  # fmt: skip
    flags = int(trace_flags)
    if parent is None:
        parent_id = ""
    else:
        parent_id = _hex(parent[1], 16)
        flags |= _REMOTE | _REMOTE_KNOWN if parent[2] else _REMOTE_KNOWN
    # by place, in the order of the fields: this runs for every span
    return plain.Span(
        _hex(trace_id, 32),
        f"{span_id:016x}",
        name,
        parent_id,
        _KINDS[kind._value_],  # an enum's hash and its ``value`` are functions
        start or 0,
        end or 0,
        given if type(given) is dict and _PLAIN.issuperset(map(type, given.values())) else attributes(given),
        [_event(event) for event in events] if events else [],
        [_link(link) for link in links] if links else [],
        _status(status),
        trace_state.to_header() if trace_state is not _NO_STATE and trace_state else "",
        flags,
        dropped_attributes,
        dropped_events,
        dropped_links,
        scopes.converted(scope),
        resource,
    )


@lru_cache(maxsize=256)
def _hex(number: int, digits: int) -> str:
    """An id that many spans have in common."""
    return f"{number:0{digits}x}"


def _event(event: Event) -> plain.Event:
    return plain.Event(
        name=event.name,
        time_unix_nano=event.timestamp or 0,
        attributes=attributes(event.attributes),
        dropped_attributes_count=event.dropped_attributes,
    )


def _link(link: Link) -> plain.Link:
    context = link.context
    return plain.Link(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        trace_state=context.trace_state.to_header(),
        attributes=attributes(link.attributes),
        dropped_attributes_count=link.dropped_attributes,
        flags=int(context.trace_flags),
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
