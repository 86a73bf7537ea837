"""About how much memory payloads hold, for the limits."""

from __future__ import annotations

from typing import Any

from timetracer_otel.messages import PIECE_BYTES, Answer, Failure, HttpRequest, HttpResponse, Request

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


def _rough(value: Any, depth: int = 3) -> int:
    if isinstance(value, str | bytes):
        return len(value) + 16
    if depth and isinstance(value, dict):
        return 16 + sum(_rough(item, depth - 1) + len(str(key)) for key, item in value.items())
    if depth and isinstance(value, list | tuple):
        return 16 + sum(_rough(item, depth - 1) for item in value)
    return 16
