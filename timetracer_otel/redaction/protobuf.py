"""Protobuf messages field by field, by what their class says of them: a descriptor of the app's own.

The library is not needed: of a descriptor its fields are looked at, and of a message its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

_STRING, _BYTES, _MESSAGE = 9, 12, 11
"""Types of fields, as descriptors number them."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIDTHS: Final = {_FIXED64: 8, _FIXED32: 4}
_MAX_DEPTH: Final = 64
_MAX_SHIFT: Final = 63
_KEY, _VALUE = 1, 2
"""Fields of an entry of a map."""
_WRAPPERS: Final = frozenset(
    {"google.protobuf.Value", "google.protobuf.StringValue", "google.protobuf.BytesValue"}
)

Change: TypeAlias = "Callable[[str, bytes, bool], bytes]"
"""What becomes of a text: of the name that it has, its bytes, and whether it is a string."""
Covers: TypeAlias = "Callable[[str], bool]"
"""Whether a name is that of all texts in the message that it names."""


class MalformedError(Exception):
    """The bytes are no message."""


class Field(NamedTuple):
    """A field that holds text, or a message.

    Attributes:
        name: its own, in the schema.
        text: it is a string.
        below: the schema of the message in it; ``None`` where it holds text or bytes.
        is_map: it holds entries of a map: the key of one is the name of its value.
        wraps: the message in it is nothing but a value.
    """

    name: str
    text: bool
    below: Any
    is_map: bool
    wraps: bool


@lru_cache(maxsize=1024)
def fields_of(schema: Any) -> dict[int, Field]:
    """By their numbers, the fields of a class of messages that hold text or messages.

    Args:
        schema: its descriptor.
    """
    found: dict[int, Field] = {}
    for field in schema.fields:
        below = field.message_type if field.type == _MESSAGE else None
        if below is not None or field.type in (_STRING, _BYTES):
            is_map = below is not None and bool(below.GetOptions().map_entry)
            wraps = below is not None and below.full_name in _WRAPPERS
            found[field.number] = Field(field.name, field.type == _STRING, below, is_map, wraps)
    return found


def reached(schema: Any) -> Iterator[Field]:
    """The fields of messages of that class, and of all that can be in them."""
    seen = {schema}
    waiting = [schema]
    while waiting:
        for field in fields_of(waiting.pop()).values():
            yield field
            if field.below is not None and field.below not in seen:
                seen.add(field.below)
                waiting.append(field.below)


def changed(data: bytes, schema: Any, change: Change, covers: Covers) -> bytes:
    """The message with its texts changed, and the lengths before them; the same object when none was.

    Args:
        data: the message.
        schema: the descriptor of its class.
        change: asked for each text.
        covers: asked for the name of each message in it.

    Raises:
        MalformedError: it is no message of that class.
    """
    return _changed(data, schema, change, covers)


def leaves(data: bytes, schema: Any) -> list[bytes]:
    """The texts in a message, in order; none of one that cannot be read."""
    found: list[bytes] = []

    def take(_name: str, given: bytes, _text: bool) -> bytes:
        found.append(given)
        return given

    try:
        changed(data, schema, take, lambda name: False)
    except MalformedError:
        return []
    return found


def _changed(
    data: bytes,
    schema: Any,
    change: Change,
    covers: Covers,
    outer: str = "",
    called: str = "",
    *,
    is_map: bool = False,
    depth: int = 0,
) -> bytes:
    """:func:`changed`, of a message in others: ``outer`` is a name that covers all of it, ``called`` that of
    the value that it wraps.
    """
    if depth > _MAX_DEPTH:
        return data
    fields = fields_of(schema)
    pieces = list(_pieces(data))
    key = ""
    if is_map:
        key = next((data[start:end] for number, _, start, end in pieces if number == _KEY), b"").decode(
            "utf-8", "replace"
        )
    parts: list[bytes] = []
    done = 0
    for number, length_at, start, end in pieces:
        field = fields.get(number)
        if field is None or (is_map and number == _KEY):
            continue
        name = outer or (key if is_map else called or field.name)
        given = data[start:end]
        if field.below is None:
            clean = change(name, given, field.text)
        else:
            clean = _changed(
                given, field.below, change, covers,
                name if outer or covers(name) else "",
                name if field.wraps else "",
                is_map=field.is_map,
                depth=depth + 1,
            )  # fmt: skip
        if clean != given:
            parts += (data[done:length_at], _varint_of(len(clean)), clean)
            done = end
    return b"".join([*parts, data[done:]]) if parts else data


def _pieces(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Of each field that has a length: its number, where the length stands, where it begins and ends."""
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _LENGTH:
            length_at = at
            length, at = _varint(data, at)
            if at + length > size:
                raise MalformedError
            yield number, length_at, at, at + length
            at += length
        elif wire == _VARINT:
            _, at = _varint(data, at)
        elif wire in _WIDTHS:
            at += _WIDTHS[wire]
        else:
            raise MalformedError  # groups, which nobody writes any more
    if at > size:
        raise MalformedError


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift <= _MAX_SHIFT and at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise MalformedError


def _varint_of(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
