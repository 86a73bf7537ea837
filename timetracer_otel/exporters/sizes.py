"""About how much memory payloads and spans hold, for the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from timetracer_otel.exporters.sdk_spans import attributes_of, events_of, links_of
from timetracer_otel.light_spans import LightSpan
from timetracer_otel.messages import PIECE_BYTES, Answer, Failure, HttpRequest, HttpResponse, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.trace import ReadableSpan

TRACE_BYTES: Final = 4096
"""A recording without its spans and payloads: what was measured."""
SPAN_BYTES: Final = 3072
"""A span of the SDK with the few attributes that it usually has: what was measured."""
_EVENT_BYTES: Final = 1024
_MADE_LATER: Final = frozenset({"_events", "_links"})
"""What a light span has only where it has any."""

_VALUES = ("value", "parameters", "arguments", "keywords", "command", "reply", "messages", "records")
"""Fields in which messages keep what is large."""


_TEXTS: Final = frozenset({str, bytes})
_SMALL: Final = frozenset({int, bool, float, type(None)})
_FIELD_BYTES: Final = 16
_fields: dict[type, tuple[str, ...]] = {}
"""Which of :data:`_VALUES` the messages of a type have."""


def size_of(message: Request | Answer | Failure) -> int:
    """About how many bytes a message holds."""
    if isinstance(message, HttpRequest):
        return 256 + len(message.body or b"")
    if isinstance(message, HttpResponse):
        return 256 + len(message.body or b"") + PIECE_BYTES * len(message.chunks or ())
    rows = getattr(message, "rows", None)
    if isinstance(rows, list):
        return 256 + _sum(rows, 3)
    kind = type(message)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = tuple(field for field in _VALUES if hasattr(message, field))
    size = 256 + _FIELD_BYTES * (len(_VALUES) - len(fields))
    for field in fields:
        size += _rough(getattr(message, field), 3)
    return size


def size_of_span(span: ReadableSpan) -> int:
    """About how many bytes an ended span of the SDK holds."""
    if type(span) is LightSpan and _MADE_LATER.isdisjoint(vars(span)):
        return SPAN_BYTES + sum(map(len, map(str, span.plain.values())))  # no step in Python for each
    size = SPAN_BYTES + _size_of_values(attributes_of(span).values())
    for event in events_of(span):
        size += _EVENT_BYTES + _size_of_values((event.attributes or {}).values())
    for link in links_of(span):
        size += _EVENT_BYTES + _size_of_values((link.attributes or {}).values())
    return size


def _size_of_values(values: Iterable[Any]) -> int:
    size = 0
    for value in values:
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind not in _SMALL:
            size += _rough(value, 3)
    return size


def _rough(value: Any, depth: int) -> int:
    kind = type(value)
    if kind in _SMALL:
        return _FIELD_BYTES
    if isinstance(value, str | bytes):
        return len(value) + _FIELD_BYTES
    if depth and isinstance(value, dict):
        return _FIELD_BYTES + _sum(value.values(), depth - 1) + sum(len(str(key)) for key in value)
    if depth and isinstance(value, list | tuple):
        return _FIELD_BYTES + _sum(value, depth - 1)
    return _FIELD_BYTES


def _sum(items: Iterable[Any], depth: int) -> int:
    """Of all of them; a call each would cost more than everything else here."""
    size = 0
    for item in items:
        kind = type(item)
        if kind in _SMALL:
            size += _FIELD_BYTES
        elif kind in _TEXTS:
            size += len(item) + _FIELD_BYTES
        elif kind is list and depth:  # a row
            size += _FIELD_BYTES + _sum(item, depth - 1)
        else:
            size += _rough(item, depth)
    return size
