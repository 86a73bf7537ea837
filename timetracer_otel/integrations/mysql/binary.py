"""Rows of prepared statements: values in binary, as a person can read them and back."""

from __future__ import annotations

import struct
from typing import Any

from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.packets import Reader

_NUMBERS = {1: "b", 2: "h", 13: "H", 3: "i", 9: "i", 8: "q", 4: "f", 5: "d"}
"""Formats of types with a fixed size: tiny, short, year, long, int24, longlong, float, double."""
_UNSIGNED = 0x20
_MOMENTS = (7, 10, 11, 12)
"""Timestamp, date, time, datetime: kept as they are sent."""


def _format(column: list[Any]) -> str | None:
    letter = _NUMBERS.get(column[1])
    if letter is None:
        return None
    return "<" + (letter.upper() if column[2] & _UNSIGNED and letter in "bhiq" else letter)


def row(payload: bytes, columns: list[list[Any]]) -> list[Any]:
    """The values of one row."""
    nulls = payload[1 : 1 + (len(columns) + 9) // 8]
    reader = Reader(payload, 1 + len(nulls))
    values: list[Any] = []
    for at, column in enumerate(columns):
        if nulls[(at + 2) // 8] >> ((at + 2) % 8) & 1:
            values.append(None)
            continue
        letter = _format(column)
        if letter is not None:
            values.append(struct.unpack(letter, reader.take(struct.calcsize(letter)))[0])
        elif column[1] in _MOMENTS:
            values.append(reader.take(reader.number(1)))
        else:
            values.append(packets.text(reader.string()))
    return values


def row_packet(values: list[Any], columns: list[list[Any]]) -> bytes:
    """The reverse of :func:`row`."""
    nulls = bytearray((len(columns) + 9) // 8)
    parts = []
    for at, (value, column) in enumerate(zip(values, columns, strict=True)):
        if value is None:
            nulls[(at + 2) // 8] |= 1 << ((at + 2) % 8)
            continue
        letter = _format(column)
        if letter is not None:
            parts.append(struct.pack(letter, value))
        elif column[1] in _MOMENTS:
            parts.append(bytes([len(value)]) + value)
        else:
            parts.append(packets.string(packets.data(value)))
    return b"".join((b"\0", bytes(nulls), *parts))
