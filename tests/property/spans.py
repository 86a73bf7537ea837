"""Spans of every shape, and the official message classes read back into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

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

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | texts
    | st.binary(max_size=12)
)
attribute_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(texts, attribute_values, max_size=4)
uint32s = st.integers(0, 2**32 - 1)
uint64s = st.integers(0, 2**64 - 1)


def _ids(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).filter(any).map(bytes.hex)


trace_ids, span_ids = _ids(16), _ids(8)

events = st.builds(
    Event, name=texts, time_unix_nano=uint64s, attributes=attributes, dropped_attributes_count=uint32s
)
links = st.builds(
    Link,
    trace_id=trace_ids,
    span_id=span_ids,
    trace_state=texts,
    attributes=attributes,
    dropped_attributes_count=uint32s,
    flags=uint32s,
)


@st.composite
def span_lists(draw: st.DrawFn, min_size: int = 0) -> list[Span]:
    """Spans with different ids, of a few resources and scopes, ordered by id."""
    resources = draw(
        st.lists(st.builds(Resource, attributes=attributes, schema_url=texts), min_size=1, max_size=2)
    )
    scopes = draw(
        st.lists(
            st.builds(Scope, name=texts, version=texts, attributes=attributes, schema_url=texts),
            min_size=1,
            max_size=2,
        )
    )
    span = st.builds(
        Span,
        trace_id=trace_ids,
        span_id=span_ids,
        name=texts,
        parent_span_id=st.just("") | span_ids,
        kind=st.sampled_from(SpanKind),
        start_time_unix_nano=uint64s,
        end_time_unix_nano=uint64s,
        attributes=attributes,
        events=st.lists(events, max_size=2),
        links=st.lists(links, max_size=2),
        status=st.builds(Status, code=st.sampled_from(StatusCode), message=texts),
        trace_state=texts,
        flags=uint32s,
        dropped_attributes_count=uint32s,
        dropped_events_count=uint32s,
        dropped_links_count=uint32s,
        scope=st.sampled_from(scopes),
        resource=st.sampled_from(resources),
    )
    return by_id(draw(st.lists(span, min_size=min_size, max_size=4, unique_by=lambda span: span.span_id)))


def by_id(spans: Sequence[Span]) -> list[Span]:
    """In an order that does not depend on how they were grouped."""
    return sorted(spans, key=lambda span: span.span_id)


def official_spans(document: Any) -> list[Span]:
    """The spans of a ``TracesData`` of opentelemetry-proto or of opentelemetry-proto-json."""
    return [
        Span(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            name=span.name,
            parent_span_id=span.parent_span_id.hex(),
            kind=SpanKind(span.kind or 0),
            start_time_unix_nano=span.start_time_unix_nano,
            end_time_unix_nano=span.end_time_unix_nano,
            attributes=_attributes(span.attributes),
            events=[
                Event(
                    event.name,
                    event.time_unix_nano,
                    _attributes(event.attributes),
                    event.dropped_attributes_count,
                )
                for event in span.events
            ],
            links=[
                Link(
                    link.trace_id.hex(),
                    link.span_id.hex(),
                    link.trace_state,
                    _attributes(link.attributes),
                    link.dropped_attributes_count,
                    link.flags,
                )
                for link in span.links
            ],
            status=Status(StatusCode(span.status.code or 0), span.status.message)
            if span.status
            else Status(),
            trace_state=span.trace_state,
            flags=span.flags,
            dropped_attributes_count=span.dropped_attributes_count,
            dropped_events_count=span.dropped_events_count,
            dropped_links_count=span.dropped_links_count,
            scope=Scope(
                scope_spans.scope.name,
                scope_spans.scope.version,
                _attributes(scope_spans.scope.attributes),
                scope_spans.schema_url,
            ),
            resource=Resource(_attributes(resource_spans.resource.attributes), resource_spans.schema_url),
        )
        for resource_spans in document.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _attributes(pairs: Any) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> AttributeValue:
    if value is None:
        return None
    which = value.WhichOneof("value") if hasattr(value, "WhichOneof") else _set_field(value)
    if which is None:
        return None
    content = getattr(value, which)
    if which == "array_value":
        return [_value(item) for item in content.values]
    if which == "kvlist_value":
        return _attributes(content.values)
    plain: AttributeValue = content
    return plain


def _set_field(value: Any) -> str | None:
    fields = ["string", "bool", "int", "double", "array", "kvlist", "bytes"]
    return next((f"{name}_value" for name in fields if getattr(value, f"{name}_value") is not None), None)
