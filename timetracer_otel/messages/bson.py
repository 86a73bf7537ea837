"""BSON documents to values and back, exactly: ``encode(decode(data)) == data``.

https://bsonspec.org/spec.html. Text that is not UTF-8 is kept by way of lone surrogates. What this
does not keep are a NaN's unused bits, and keys that occur twice in one document (the last one counts).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from timetracer_otel.errors import CodecError
from timetracer_otel.messages.decimal128 import decimal_bits, decimal_text
from timetracer_otel.values.bson import (
    Binary,
    Code,
    Constant,
    DateTimeMs,
    DbPointer,
    Decimal128,
    Int64,
    ObjectId,
    Regex,
    Symbol,
    Timestamp,
)

MAX_DEPTH: Final = 200
"""Documents within documents; servers allow 100."""

_int32: Final = struct.Struct("<i")
_int64: Final = struct.Struct("<q")
_double: Final = struct.Struct("<d")
_timestamp: Final = struct.Struct("<II")
_read_int32: Final = _int32.unpack_from
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_CONSTANTS: Final = {0x06: Constant("undefined"), 0xFF: Constant("min_key"), 0x7F: Constant("max_key")}
_CONSTANT_KINDS: Final = {constant.name: kind for kind, constant in _CONSTANTS.items()}


def decode(data: bytes) -> dict[str, Any]:
    """The document.

    Raises:
        CodecError: the bytes are no document.
    """
    try:
        document, _ = _read_document(data, 0, 0)
    except (ValueError, IndexError, struct.error, RecursionError) as error:
        raise CodecError(f"not a BSON document: {type(error).__name__}: {error}") from None
    return document


def first_element(data: bytes) -> tuple[str, Any]:
    """The name and value of a document's first element: a command and what it is for.

    Raises:
        CodecError: the bytes are no document, or an empty one.
    """
    try:
        stop = data.index(0, 5)
        value, _ = _read_value(data[4], data, stop + 1, 0)
        return _text(data, 5, stop), value
    except (ValueError, IndexError, struct.error, RecursionError) as error:
        raise CodecError(f"not a BSON document: {type(error).__name__}: {error}") from None


def encode(document: dict[str, Any]) -> bytes:
    """The reverse of :func:`decode`.

    Raises:
        CodecError: it holds what BSON has not.
    """
    out = bytearray()
    try:
        _write_document(out, document.items(), 0)
    except (ValueError, TypeError, KeyError, struct.error, OverflowError, RecursionError) as error:
        raise CodecError(f"BSON cannot hold this document: {type(error).__name__}: {error}") from None
    return bytes(out)


# reading: each function gives the value and where it ends


def _text(data: bytes, start: int, end: int) -> str:
    return data[start:end].decode("utf-8", "surrogateescape")


def _read_document(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    (size,) = _read_int32(data, at)
    end = at + size - 1
    if depth > MAX_DEPTH or size < 5 or data[end] != 0:
        raise ValueError("malformed, or nested too deep")
    at += 4
    document: dict[str, Any] = {}
    while at < end:
        kind = data[at]
        stop = data.index(0, at + 1)
        name = _text(data, at + 1, stop)
        document[name], at = _read_value(kind, data, stop + 1, depth + 1)
    if at != end:
        raise ValueError("an element reaches beyond its document")
    return document, end + 1


def _read_value(kind: int, data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if kind == 0x02:
        return _read_string(data, at)
    if kind == 0x10:
        return _read_int32(data, at)[0], at + 4
    if kind == 0x03:
        return _read_document(data, at, depth)
    if kind == 0x04:
        document, at = _read_document(data, at, depth)
        return list(document.values()), at
    if kind == 0x07:
        return ObjectId(data[at : at + 12].hex()), at + 12
    if kind == 0x01:
        return _double.unpack_from(data, at)[0], at + 8
    if kind == 0x08:
        return data[at] != 0, at + 1
    if kind == 0x0A:
        return None, at
    if kind == 0x12:
        (number,) = _int64.unpack_from(data, at)
        return Int64(number) if -0x80000000 <= number <= 0x7FFFFFFF else number, at + 8
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(data, at, depth)
    return _CONSTANTS[kind] if kind in _CONSTANTS else _unknown(kind), at


def _unknown(kind: int) -> Any:
    raise ValueError(f"unknown type 0x{kind:02x}")


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + _read_int32(data, at)[0]
    if end <= at + 4 or data[end - 1] != 0:
        raise ValueError("a string without its end")
    return _text(data, at + 4, end - 1), end


def _read_date(data: bytes, at: int, _: int) -> tuple[Any, int]:
    (number,) = _int64.unpack_from(data, at)
    if _FIRST_MS <= number <= _LAST_MS:
        return _EPOCH + timedelta(milliseconds=number), at + 8
    return DateTimeMs(number), at + 8


def _read_binary(data: bytes, at: int, _: int) -> tuple[Any, int]:
    (size,) = _read_int32(data, at)
    end = at + 5 + size
    if size < 0 or end > len(data):
        raise ValueError("binary data without its end")
    payload = data[at + 5 : end]
    return (Binary(data[at + 4], payload) if data[at + 4] else payload), end


def _read_regex(data: bytes, at: int, _: int) -> tuple[Any, int]:
    middle = data.index(0, at)
    end = data.index(0, middle + 1)
    return Regex(_text(data, at, middle), _text(data, middle + 1, end)), end + 1


def _read_pointer(data: bytes, at: int, _: int) -> tuple[Any, int]:
    namespace, at = _read_string(data, at)
    return DbPointer(namespace, data[at : at + 12].hex()), at + 12


def _read_code(data: bytes, at: int, _: int) -> tuple[Any, int]:
    text, at = _read_string(data, at)
    return Code(text), at


def _read_symbol(data: bytes, at: int, _: int) -> tuple[Any, int]:
    text, at = _read_string(data, at)
    return Symbol(text), at


def _read_scoped_code(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    text, at = _read_string(data, at + 4)
    scope, at = _read_document(data, at, depth)
    return Code(text, scope), at


def _read_timestamp(data: bytes, at: int, _: int) -> tuple[Any, int]:
    increment, time = _timestamp.unpack_from(data, at)
    return Timestamp(time, increment), at + 8


def _read_decimal(data: bytes, at: int, _: int) -> tuple[Any, int]:
    bits = data[at : at + 16]
    text = decimal_text(bits)
    return Decimal128(f"bits:{bits.hex()}" if text is None else text), at + 16


_READERS: Final[dict[int, Callable[[bytes, int, int], tuple[Any, int]]]] = {
    0x05: _read_binary,
    0x09: _read_date,
    0x0B: _read_regex,
    0x0C: _read_pointer,
    0x0D: _read_code,
    0x0E: _read_symbol,
    0x0F: _read_scoped_code,
    0x11: _read_timestamp,
    0x13: _read_decimal,
}


# writing


def _write_document(out: bytearray, items: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    start = len(out)
    out += b"\0\0\0\0"
    for name, value in items:
        at = len(out)
        out.append(0)
        out += _name(name)
        out[at] = _write_value(out, value, depth + 1)
    out.append(0)
    _int32.pack_into(out, start, len(out) - start)


def _name(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError("a name with a zero byte")
    return data + b"\0"


def _write_value(out: bytearray, value: Any, depth: int) -> int:
    """Append the value; gives its type."""
    if value is None:
        return 0x0A
    return _WRITERS[type(value)](out, value, depth)


def _write_string(out: bytearray, value: str, _: int = 0) -> int:
    data = value.encode("utf-8", "surrogateescape")
    out += _int32.pack(len(data) + 1)
    out += data
    out.append(0)
    return 0x02


def _write_int(out: bytearray, value: int, _: int) -> int:
    if -0x80000000 <= value <= 0x7FFFFFFF:
        out += _int32.pack(value)
        return 0x10
    out += _int64.pack(value)
    return 0x12


def _write_float(out: bytearray, value: float, _: int) -> int:
    out += _double.pack(value)
    return 0x01


def _write_bool(out: bytearray, value: bool, _: int) -> int:  # a value like any other
    out.append(value)
    return 0x08


def _write_dict(out: bytearray, value: dict[str, Any], depth: int) -> int:
    _write_document(out, value.items(), depth)
    return 0x03


def _write_list(out: bytearray, value: list[Any], depth: int) -> int:
    _write_document(out, ((str(at), item) for at, item in enumerate(value)), depth)
    return 0x04


def _write_object_id(out: bytearray, value: ObjectId, _: int) -> int:
    data = bytes.fromhex(value.hex)
    if len(data) != 12:
        raise ValueError(f"not an ObjectId: {value.hex[:50]}")
    out += data
    return 0x07


def _write_datetime(out: bytearray, value: datetime, _: int) -> int:
    moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    out += _int64.pack((moment - _EPOCH) // timedelta(milliseconds=1))
    return 0x09


def _write_binary(out: bytearray, value: Binary | bytes, _: int) -> int:
    subtype, data = (value.subtype, value.data) if isinstance(value, Binary) else (0, value)
    out += _int32.pack(len(data))
    out.append(subtype)
    out += data
    return 0x05


def _write_number(out: bytearray, value: Int64 | DateTimeMs, _: int) -> int:
    out += _int64.pack(value.value)
    return 0x12 if isinstance(value, Int64) else 0x09


def _write_timestamp(out: bytearray, value: Timestamp, _: int) -> int:
    out += _timestamp.pack(value.increment, value.time)
    return 0x11


def _write_decimal(out: bytearray, value: Decimal128, _: int) -> int:
    bits = value.text.startswith("bits:")
    data = bytes.fromhex(value.text[5:]) if bits else decimal_bits(value.text)
    if len(data) != 16:
        raise ValueError(f"not a decimal128: {value.text[:50]}")
    out += data
    return 0x13


def _write_regex(out: bytearray, value: Regex, _: int) -> int:
    out += _name(value.pattern) + _name(value.options)
    return 0x0B


def _write_code(out: bytearray, value: Code, depth: int) -> int:
    if value.scope is None:
        _write_string(out, value.text)
        return 0x0D
    start = len(out)
    out += b"\0\0\0\0"
    _write_string(out, value.text)
    _write_document(out, value.scope.items(), depth)
    _int32.pack_into(out, start, len(out) - start)
    return 0x0F


def _write_symbol(out: bytearray, value: Symbol, _: int) -> int:
    _write_string(out, value.text)
    return 0x0E


def _write_pointer(out: bytearray, value: DbPointer, depth: int) -> int:
    _write_string(out, value.namespace)
    _write_object_id(out, ObjectId(value.hex), depth)
    return 0x0C


def _write_constant(_: bytearray, value: Constant, __: int) -> int:
    return _CONSTANT_KINDS[value.name]


_WRITERS: Final[dict[type, Callable[[bytearray, Any, int], int]]] = {
    str: _write_string,
    int: _write_int,
    float: _write_float,
    bool: _write_bool,
    dict: _write_dict,
    list: _write_list,
    bytes: _write_binary,
    datetime: _write_datetime,
    ObjectId: _write_object_id,
    Int64: _write_number,
    DateTimeMs: _write_number,
    Timestamp: _write_timestamp,
    Decimal128: _write_decimal,
    Binary: _write_binary,
    Regex: _write_regex,
    Code: _write_code,
    Symbol: _write_symbol,
    DbPointer: _write_pointer,
    Constant: _write_constant,
}
