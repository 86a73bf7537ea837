"""How much a protobuf document holds, before a parser makes an object of each.

A message of two bytes costs its parser fifty times as much, and compression makes it cheap to send.
"""

from __future__ import annotations

from typing import Any, Final

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.limits import Limits

_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_MAX_SHIFT: Final = 63

# which fields of a message hold messages, and of which kind, by the names in OTLP's .proto files
_ANY_VALUE: Final[dict[int, Any]] = {}
_KEY_VALUE: Final = {2: _ANY_VALUE}
_ANY_VALUE.update({5: {1: _ANY_VALUE}, 6: {1: _KEY_VALUE}})
_SPAN: Final = {9: _KEY_VALUE, 11: {3: _KEY_VALUE}, 13: {4: _KEY_VALUE}, 15: {}}
_SCOPE_SPANS: Final = {1: {3: _KEY_VALUE}, 2: _SPAN}
_TRACES_DATA: Final = {1: {1: {1: _KEY_VALUE}, 2: _SCOPE_SPANS}}
_TAGS: Final = tuple(bytes([field << 3 | _LENGTH_DELIMITED]) for field in (1, 2, 3, 4, 5, 6, 9, 11, 13, 15))


def check(data: bytes, limits: Limits) -> None:
    """Refuse a ``TracesData`` document that holds more than is read.

    Args:
        data: the document.
        limits: how many spans and how many messages it may hold.

    Raises:
        CassetteLimitError: it holds more.
        CassetteFormatError: it is no protobuf.
    """
    # each message begins with one of these bytes, which text may hold too: counting them is quick and enough
    if len(data) > 2 * limits.max_objects and sum(map(data.count, _TAGS)) > limits.max_objects:
        _count(data, limits)


def _count(data: bytes, limits: Limits) -> None:
    messages = spans = 0
    at, end, fields = 0, len(data), _TRACES_DATA
    above: list[tuple[int, dict[int, Any]]] = []
    while True:
        if at >= end:
            if not above:
                return
            end, fields = above.pop()
            continue
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            size, at = _varint(data, at)
            below = fields.get(tag >> 3)
            if below is None:
                at += size
                continue
            messages += 1
            spans += below is _SPAN
            if messages > limits.max_objects:
                raise CassetteLimitError(
                    f"more than {limits.max_objects} protobuf messages; split the document"
                )
            if spans > limits.max_spans:
                raise CassetteLimitError(f"more than {limits.max_spans} spans; that is not read")
            above.append((end, fields))
            end, fields = min(at + size, end), below
        elif kind == 0:
            _, at = _varint(data, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise CassetteFormatError("not an OTLP protobuf document: it holds a group")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    value = shift = 0
    while at < len(data) and shift <= _MAX_SHIFT:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise CassetteFormatError("not an OTLP protobuf document: a number that does not end")
