"""Rows as text: numbers and dates as what they are, where that is written back the same.

Redaction leaves numbers and dates alone, since the app relies on their types: they must be told from text.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.packets import Reader

_INTEGERS = (1, 2, 3, 8, 9, 13)
_NUMBERS = (0, 4, 5, 246)
_MOMENTS = (7, 12)
_READ: dict[int, Callable[[str], Any]] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_NUMBERS, Decimal),
    **dict.fromkeys(_MOMENTS, datetime.fromisoformat),
    10: date.fromisoformat,
}


def row(payload: bytes, columns: list[list[Any]]) -> list[Any]:
    """The values of one row."""
    reader = Reader(payload)
    return [_value(packets.text(reader.string()), column[1]) for column in columns]


def row_packet(values: list[Any]) -> bytes:
    """The reverse of :func:`row`."""
    return b"".join(packets.string(None if value is None else packets.data(value)) for value in values)


def _value(value: Any, kind: int) -> Any:
    read = _READ.get(kind)
    if read is None or not isinstance(value, str):
        return value
    try:
        known = read(value)
    except (ValueError, ArithmeticError):  # a date of zeros, say
        return value
    return known if str(known) == value else value
