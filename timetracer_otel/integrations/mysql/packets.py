"""The packets of MySQL's protocol: what they are made of, read and written."""

from __future__ import annotations

import struct
from typing import Any

HEADER = 4
MORE_RESULTS = 0x0008
LONGEST = 0xFFFFFF
"""A packet of this length goes on in the next one."""

QUIT, INIT_DB, QUERY, STATISTICS, PING = 0x01, 0x02, 0x03, 0x09, 0x0E
CHANGE_USER, RESET_CONNECTION, SET_OPTION = 0x11, 0x1F, 0x1B
PREPARE, EXECUTE, SEND_LONG_DATA, CLOSE_STATEMENT, RESET_STATEMENT = 0x16, 0x17, 0x18, 0x19, 0x1A
SILENT = frozenset({QUIT, SEND_LONG_DATA, CLOSE_STATEMENT})
"""Commands that the server does not reply to."""
HARMLESS = frozenset({INIT_DB, PING, CHANGE_USER, RESET_CONNECTION, SET_OPTION, RESET_STATEMENT})
"""Commands of which nothing is learned but that they worked."""

OK, EOF, ERROR, LOCAL_FILE = 0x00, 0xFE, 0xFF, 0xFB

Text = str | bytes
"""Text where it is text that comes back the same."""


class Reader:
    """Reads one packet from its start to its end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        """The next bytes."""
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise ValueError(f"a packet of {len(self.data)} bytes ends before its contents")
        self.at += size
        return piece

    def number(self, size: int) -> int:
        """An integer of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def length(self) -> int | None:
        """An integer that says itself how long it is; ``None`` for NULL."""
        first = self.number(1)
        if first == 0xFB:
            return None
        return self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first]) if first > 0xFB else first

    def string(self) -> bytes | None:
        """Bytes after their length; ``None`` for NULL."""
        length = self.length()
        return None if length is None else self.take(length)

    def rest(self) -> bytes:
        """What is left."""
        return self.take(len(self.data) - self.at)


def length(value: int) -> bytes:
    """The reverse of :meth:`Reader.length`."""
    for limit, prefix, size in ((0xFB, b"", 1), (1 << 16, b"\xfc", 2), (1 << 24, b"\xfd", 3)):
        if value < limit:
            return prefix + value.to_bytes(size, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def string(value: bytes | None) -> bytes:
    """The reverse of :meth:`Reader.string`."""
    return b"\xfb" if value is None else length(len(value)) + value


def framed(payload: bytes, number: int) -> tuple[bytes, int]:
    """A packet as it is sent, and the number of the next one."""
    frames = bytearray()
    while True:
        piece, payload = payload[:LONGEST], payload[LONGEST:]
        frames += len(piece).to_bytes(3, "little") + bytes([number]) + piece
        number = (number + 1) % 256
        if len(piece) < LONGEST:
            return bytes(frames), number


_SIZES = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 8: 8, 4: 4, 5: 8, 6: 0}
"""Of attributes: those of numbers, and none for NULL."""
_MOMENTS = (7, 10, 11, 12)


def query(payload: bytes) -> bytes:
    """The text of a query: before it are attributes, where that was agreed on.

    No text has as its second byte the number of sets of them, which is always 1.
    """
    if payload[1:2] != b"\1":
        return payload
    reader = Reader(payload, 2)
    count = payload[0]
    if count:
        reader.take((count + 7) // 8 + 1)
        kinds = []
        for _ in range(count):
            kinds.append(reader.number(2) & 0xFF)
            reader.string()
        for kind in kinds:
            if kind in _MOMENTS:
                reader.take(reader.number(1))
            elif (size := _SIZES.get(kind)) is None:
                reader.string()
            else:
                reader.take(size)
    return reader.rest()


class Deframer:
    """Makes packets of what passes on a connection."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._begun = bytearray()
        self._number: int | None = None

    @property
    def begun(self) -> bool:
        """True where a packet is not whole yet."""
        return bool(self._data) or self._number is not None

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The packets that are whole by now: the number of the first frame, and the payload."""
        self._data += data
        found = []
        while len(self._data) >= HEADER:
            size = int.from_bytes(self._data[:3], "little")
            if len(self._data) < HEADER + size:
                break
            if self._number is None:
                self._number = self._data[3]
            self._begun += self._data[HEADER : HEADER + size]
            del self._data[: HEADER + size]
            if size < LONGEST:
                found.append((self._number, bytes(self._begun)))
                self._begun.clear()
                self._number = None
        return found


def text(value: bytes | None) -> Text | None:
    """A value of the server as it is written down."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def data(value: Any) -> bytes:
    """The reverse of :func:`text`; what redaction put in the place of a value is text."""
    return value if isinstance(value, bytes) else str(value).encode()


def column(payload: bytes) -> list[Any]:
    """A column: name, type, flags, decimals, charset, length, and where it comes from."""
    reader = Reader(payload)
    reader.string()  # always "def"
    database, table, original_table, name, original = (reader.string() or b"" for _ in range(5))
    reader.length()
    charset, size, kind, flags, decimals = struct.unpack("<HIBHB", reader.take(10))
    places = [text(place) for place in (original, table, original_table, database)]
    return [text(name), kind, flags, decimals, charset, size, *places]


def column_packet(described: list[Any]) -> bytes:
    """The reverse of :func:`column`."""
    name, kind, flags, decimals, charset, size, original, table, original_table, database = described
    names = (b"def", *map(data, (database, table, original_table, name, original)))
    numbers = struct.pack("<HIBHB", charset, size, kind, flags, decimals)
    return b"".join(map(string, names)) + b"\x0c" + numbers + b"\0\0"


def ok(payload: bytes) -> list[Any]:
    """What an OK says: rows affected, insert id, status, warnings, message."""
    reader = Reader(payload, 1)
    return [reader.length(), reader.length(), reader.number(2), reader.number(2), text(reader.rest())]


def ok_packet(said: list[Any]) -> bytes:
    """The reverse of :func:`ok`."""
    affected, insert_id, status, warnings, message = said
    numbers = struct.pack("<HH", status, warnings)
    return b"\0" + length(affected) + length(insert_id) + numbers + data(message)


def error(payload: bytes) -> list[Any]:
    """What an error says: number, SQLSTATE, message."""
    number, rest = int.from_bytes(payload[1:3], "little"), payload[3:]
    state, message = (rest[1:6], rest[6:]) if rest[:1] == b"#" else (b"", rest)
    return [number, text(state), text(message)]


def error_packet(said: list[Any]) -> bytes:
    """The reverse of :func:`error`."""
    number, state, message = said
    mark = b"#" + data(state) if state else b""
    return b"\xff" + struct.pack("<H", number) + mark + data(message)


def is_end(payload: bytes) -> bool:
    """True for the packet after the last column, or row."""
    return payload[:1] == b"\xfe" and len(payload) < 9


def end_packet(warnings: int, status: int) -> bytes:
    """The packet after the last column, or row."""
    return b"\xfe" + struct.pack("<HH", warnings, status)


def is_short_end(payload: bytes) -> bool:
    """The same where that is an OK with another first byte."""
    return payload[:1] == b"\xfe" and len(payload) < LONGEST


def short_end_packet(warnings: int, status: int) -> bytes:
    """As :func:`is_short_end`."""
    return b"\xfe\0\0" + struct.pack("<HH", status, warnings)
