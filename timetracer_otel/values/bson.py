"""BSON's own types as plain data, so that reading a recording needs no MongoDB library.

What Python and BSON have in common is left as it is: text, booleans, doubles, documents, arrays,
``null``, binary data without a subtype, and integers that can only be of one width. A date is a
``datetime`` in UTC where one can hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from timetracer_otel.values.registry import Kind
from timetracer_otel.values.standard import expect, expect_items


class Shown(msgspec.Struct, frozen=True):
    """Prints as it would be written: ``Timestamp(1700000000, 1)``."""

    def __repr__(self) -> str:
        fields = ", ".join(repr(getattr(self, name)) for name in self.__struct_fields__)
        return f"{type(self).__name__}({fields})"


class ObjectId(Shown, frozen=True):
    """Twelve bytes, as 24 hexadecimal digits."""

    hex: str


class Int64(Shown, frozen=True):
    """A 64-bit integer that 32 bits could hold."""

    value: int


class DateTimeMs(Shown, frozen=True):
    """A date that no ``datetime`` can hold, in milliseconds since 1970."""

    value: int


class Timestamp(Shown, frozen=True):
    """Seconds since 1970, and a counter within the second."""

    time: int
    increment: int


class Decimal128(Shown, frozen=True):
    """Text as ``decimal.Decimal`` has it; after ``bits:`` 32 hexadecimal digits, where text loses some."""

    text: str


class Binary(Shown, frozen=True):
    """Bytes with a subtype: 4 is a UUID."""

    subtype: int
    data: bytes


class Regex(Shown, frozen=True):
    """A pattern and its options, letters in alphabetical order."""

    pattern: str
    options: str


class Code(Shown, frozen=True):
    """JavaScript, with the document it runs in if it has one."""

    text: str
    scope: dict[str, Any] | None = None


class Symbol(Shown, frozen=True):
    """Text of the deprecated type of that name."""

    text: str


class DbPointer(Shown, frozen=True):
    """A reference of the deprecated type of that name."""

    namespace: str
    hex: str


class Constant(Shown, frozen=True):
    """``min_key``, ``max_key`` or ``undefined``."""

    name: str


def _decode_code(payload: Any) -> Code:
    text, scope = expect(payload, list)
    return Code(expect(text, str), None if scope is None else expect(scope, dict))


def _decode_binary(payload: Any) -> Binary:
    return Binary(*expect_items(payload, int, bytes))


def _decode_constant(payload: Any) -> Constant:
    if payload not in ("min_key", "max_key", "undefined"):
        raise ValueError("not a constant of BSON")
    return Constant(payload)


def _fields(kind: Any, *types: type) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Writes the fields as a list, a single one as it is; and the reverse."""
    names = kind.__struct_fields__
    if len(names) == 1:
        return (lambda value: getattr(value, names[0])), (lambda payload: kind(expect(payload, types[0])))
    return (
        lambda value: [getattr(value, name) for name in names],
        lambda payload: kind(*expect_items(payload, *types)),
    )


KINDS: Final[list[Kind]] = [
    Kind("bson.object_id", ObjectId, *_fields(ObjectId, str)),
    Kind("bson.int64", Int64, *_fields(Int64, int)),
    Kind("bson.datetime_ms", DateTimeMs, *_fields(DateTimeMs, int)),
    Kind("bson.timestamp", Timestamp, *_fields(Timestamp, int, int)),
    Kind("bson.decimal128", Decimal128, *_fields(Decimal128, str)),
    Kind("bson.binary", Binary, lambda value: [value.subtype, value.data], _decode_binary),
    Kind("bson.regex", Regex, *_fields(Regex, str, str)),
    Kind("bson.code", Code, lambda value: [value.text, value.scope], _decode_code),
    Kind("bson.symbol", Symbol, *_fields(Symbol, str)),
    Kind("bson.db_pointer", DbPointer, *_fields(DbPointer, str, str)),
    Kind("bson", Constant, lambda value: value.name, _decode_constant),
]
"""The tags of these types; registered by :mod:`timetracer_otel.values`."""
