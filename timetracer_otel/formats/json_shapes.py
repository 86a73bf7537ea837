"""Attributes as OTLP/JSON by their shape.

Spans of one kind have the same names with values of the same types: all but the values is the same text
each time. It is made once, and then only the values are encoded.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw

from timetracer_otel.formats.json_values import KeyValue, pairs, value_of
from timetracer_otel.formats.limits import MAX_DEPTH

AttributesAsJson: TypeAlias = "list[KeyValue] | Raw"
"""What the encoder takes for an array of attributes."""

_ANY: Final = (b"", b"")
_ONE_TEXT: Final = (b'{"arrayValue":{"values":[{"stringValue":', b"}]}}")
"""Around the text of a list with one: most headers."""
_AROUND: Final = {
    str: (b'{"stringValue":', b"}"),
    bool: (b'{"boolValue":', b"}"),
    int: (b'{"intValue":"', b'"}'),
    float: (b'{"doubleValue":', b"}"),
}
_BITS: Final = 63
"""Of an integer that has its own kind of value, the sign left out."""
_MAX_SHAPES: Final = 1024
_MAX_ATTRIBUTES: Final = 100
_MAX_TEXT: Final = 10_000
"""Characters of the names of a shape that is remembered: clients choose those of headers."""

_encode: Final = msgspec.json.Encoder().encode


class _Shape:
    """Names and types of attributes, written out.

    Args:
        attributes: the first ones of this shape.
    """

    __slots__ = ("_floats", "_integers", "_lists", "_others", "_pieces")

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._integers: list[int] = []
        self._floats: list[int] = []
        self._lists: list[int] = []
        self._others: list[int] = []
        pieces: list[bytes] = []
        end = b"["
        for at, (name, value) in enumerate(attributes.items()):
            kind = type(value)
            around = _AROUND.get(kind, _ANY)
            if kind is int:
                self._integers.append(at)
            elif kind is float:
                self._floats.append(at)
            elif _is_one_text(value):
                around = _ONE_TEXT
                self._lists.append(at)
            elif around is _ANY:
                self._others.append(at)
            opening, closing = around
            pieces += (b'%s{"key":%s,"value":%s' % (end, _encode(name), opening), b"")
            end = closing + b"},"
        self._pieces = [*pieces, end[:-1] + b"]"]

    def written(self, values: list[Any]) -> Raw | None:
        """Attributes of this shape with those values (which are changed); ``None`` when one of them is
        written in another way than its type says.
        """
        for at in self._lists:
            value = values[at]
            if len(value) != 1 or type(text := value[0]) is not str:
                return None
            values[at] = text
        for at in self._integers:
            if values[at].bit_length() > _BITS:
                return None
        for at in self._floats:
            if not math.isfinite(values[at]):
                return None
        for at in self._others:
            values[at] = value_of(values[at], MAX_DEPTH)
        pieces = self._pieces.copy()
        pieces[1::2] = map(_encode, values)
        return Raw(b"".join(pieces))


_shapes: dict[tuple[Any, ...], _Shape] = {}


def attributes_as_json(attributes: dict[str, Any]) -> AttributesAsJson:
    """An array of attributes for the encoder.

    Args:
        attributes: of a span, an event, a resource.

    Raises:
        CodecError: an attribute value that OTLP cannot carry.
        CassetteLimitError: an attribute value nested deeper than ``MAX_DEPTH``.
    """
    if not attributes:
        return []
    values = [*attributes.values()]
    key = (*attributes, *map(type, values))
    try:
        shape = _shapes.get(key) or _learned(key, attributes)
        written = None if shape is None else shape.written(values)
    except UnicodeEncodeError:  # half a surrogate pair, which the encoder's caller looks after
        written = None
    return pairs(attributes, MAX_DEPTH) if written is None else written


def _learned(key: tuple[Any, ...], attributes: dict[str, Any]) -> _Shape | None:
    if len(attributes) > _MAX_ATTRIBUTES or sum(map(len, attributes)) > _MAX_TEXT:
        return None
    if len(_shapes) >= _MAX_SHAPES:
        _shapes.clear()
    shape = _shapes[key] = _Shape(attributes)
    return shape


def _is_one_text(value: Any) -> bool:
    return type(value) is list and len(value) == 1 and type(value[0]) is str
