"""Text that is safe to print, and short forms of times, sizes and values.

Cassettes come from other people: nothing in one may move a cursor, set a title or reorder a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from timetracer_otel.durations import duration

__all__ = ["clip", "count", "duration", "moment", "printable", "size", "value"]

_SECOND: Final = 1_000_000_000


def printable(text: str) -> str:
    r"""The text on one line, with every character that is not plainly visible (controls, escapes, line ends,
    direction marks) written as its escape: ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def clip(text: str, limit: int | None) -> str:
    """The text, cut to that many characters; ``None`` for no limit."""
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 call``, ``2 calls``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: int) -> str:
    """``812 B``, ``4.2 kB``, ``1.5 MB``; a kB is 1000 bytes."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"


def moment(nanoseconds: int) -> str:
    """``2026-11-20 14:03:11``, in UTC as the folders of a store are.

    Args:
        nanoseconds: since the epoch; any number, also one that no calendar has.
    """
    try:
        return datetime.fromtimestamp(nanoseconds // _SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{nanoseconds} ns"


def value(data: Any) -> str:
    """A decoded value as one line: JSON where JSON has it, else the shortest plain form."""
    if isinstance(data, str):
        return printable(json.dumps(data, ensure_ascii=False))
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, int):
        return _integer(data)
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{value(key)}: {value(item)}" for key, item in data.items()) + "}"
    if isinstance(data, tuple):
        return "(" + ", ".join(map(value, data)) + ")"
    if isinstance(data, list | set | frozenset):
        items = data if isinstance(data, list) else sorted(data, key=str)
        return "[" + ", ".join(map(value, items)) + "]"
    if isinstance(data, datetime | date | time):
        return data.isoformat()
    if isinstance(data, timedelta):
        return str(data)
    return printable(repr(data) if isinstance(data, bytes) else str(data))


def _integer(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # more digits than Python is willing to convert
        return hex(number)
