"""About how much memory payloads and spans hold, for the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from timetracer_otel.messages import PIECE_BYTES, Answer, Failure, HttpRequest, HttpResponse, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.trace import ReadableSpan

TRACE_BYTES: Final = 4096
"""A recording without its spans and payloads: what was measured."""
SPAN_BYTES: Final = 3072
"""A span of the SDK with the few attributes that it usually has: what was measured."""
_EVENT_BYTES: Final = 1024

_VALUES = ("value", "parameters", "arguments", "keywords", "command", "reply", "messages", "records")
"""Fields in which messages keep what is large."""


def size_of(message: Request | Answer | Failure) -> int:
    """About how many bytes a message holds."""
    if isinstance(message, HttpRequest | HttpResponse):
        pieces = (isinstance(message, HttpResponse) and message.chunks) or ()
        return 256 + len(message.body or b"") + PIECE_BYTES * len(pieces)
    rows = getattr(message, "rows", None)
    if isinstance(rows, list):
        return 256 + sum(_rough(row) for row in rows)
    return 256 + sum(_rough(getattr(message, field, None)) for field in _VALUES)


def size_of_span(span: ReadableSpan) -> int:
    """About how many bytes an ended span of the SDK holds."""
    size = SPAN_BYTES + _size_of_values((span.attributes or {}).values())
    for event in span.events:
        size += _EVENT_BYTES + _size_of_values((event.attributes or {}).values())
    for link in span.links:
        size += _EVENT_BYTES + _size_of_values((link.attributes or {}).values())
    return size


def _size_of_values(values: Iterable[Any]) -> int:
    size = 0
    for value in values:
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind not in (int, bool, float):
            size += _rough(value)
    return size


def _rough(value: Any, depth: int = 3) -> int:
    if isinstance(value, str | bytes):
        return len(value) + 16
    if depth and isinstance(value, dict):
        return 16 + sum(_rough(item, depth - 1) + len(str(key)) for key, item in value.items())
    if depth and isinstance(value, list | tuple):
        return 16 + sum(_rough(item, depth - 1) for item in value)
    return 16
