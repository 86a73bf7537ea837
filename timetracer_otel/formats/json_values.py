"""Attribute values of any kind as OTLP/JSON has them, ready to be encoded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from timetracer_otel.formats.checks import INT64_MAX, INT64_MIN, not_carried, too_deep


# The wire, field by field in the order of the .proto files. One small struct a kind of value encodes
# several times faster than a dict.
class _Nothing(msgspec.Struct, gc=False):
    pass


class _Text(msgspec.Struct, rename="camel", gc=False):
    string_value: str


class _Bool(msgspec.Struct, rename="camel", gc=False):
    bool_value: bool


class _Integer(msgspec.Struct, rename="camel", gc=False):
    int_value: str


class _Double(msgspec.Struct, rename="camel", gc=False):
    double_value: float | str


class _Bytes(msgspec.Struct, rename="camel", gc=False):
    bytes_value: bytes | bytearray | memoryview  # msgspec writes base64


class _Values(msgspec.Struct, omit_defaults=True, gc=False):
    values: list[AnyValue] = []


class _Array(msgspec.Struct, rename="camel", gc=False):
    array_value: _Values


class _Pairs(msgspec.Struct, omit_defaults=True, gc=False):
    values: list[KeyValue] = []


class _Map(msgspec.Struct, rename="camel", gc=False):
    kvlist_value: _Pairs


AnyValue: TypeAlias = "_Nothing | _Text | _Bool | _Integer | _Double | _Bytes | _Array | _Map"


class KeyValue(msgspec.Struct, gc=False):
    """One attribute."""

    key: str
    value: AnyValue


_NOTHING: Final = _Nothing()


def pairs(attributes: Mapping[str, Any], depth: int) -> list[KeyValue]:
    """Attributes of any kind.

    Args:
        attributes: or a map among the values of some.
        depth: levels that may be below them.

    Raises:
        CodecError: an attribute value that OTLP cannot carry.
        CassetteLimitError: one nested deeper than that.
    """
    return [
        KeyValue(key, _Text(value) if type(value) is str else value_of(value, depth))
        for key, value in attributes.items()
    ]


def value_of(value: Any, depth: int) -> AnyValue:
    """One value; see :func:`pairs`."""
    if isinstance(value, str):
        return _Text(value)
    if isinstance(value, bool):  # which is an int, too
        return _Bool(value)
    if isinstance(value, int):
        digits = int.__repr__(value)
        return _Integer(digits) if INT64_MIN <= value <= INT64_MAX else _Text(digits)
    if isinstance(value, list | tuple):
        if not depth:
            raise too_deep()
        return _Array(
            _Values([_Text(item) if type(item) is str else value_of(item, depth - 1) for item in value])
        )
    if isinstance(value, float):
        return _Double(value if math.isfinite(value) else _name_of(value))
    if value is None:
        return _NOTHING
    if isinstance(value, bytes | bytearray | memoryview):
        return _Bytes(value)
    if isinstance(value, Mapping):
        if not depth:
            raise too_deep()
        return _Map(_Pairs(pairs(value, depth - 1)))
    raise not_carried(value)


def _name_of(number: float) -> str:
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
