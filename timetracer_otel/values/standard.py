"""The standard library's types in the codec: each one's tag and what it is written as."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from timetracer_otel.values.registry import Kind

T = TypeVar("T")

_ZONE: Final = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")


def expect(payload: Any, kind: type[T]) -> T:
    """The payload, when it is of exactly that type."""
    if type(payload) is not kind:
        raise TypeError(f"{kind.__name__} expected, not {type(payload).__name__}")
    return payload


def expect_items(payload: Any, *kinds: type) -> list[Any]:
    """The payload, when it is a list of exactly those types."""
    items: list[Any] = expect(payload, list)
    if [type(item) for item in items] != list(kinds):
        raise TypeError(f"{len(kinds)} items expected: {', '.join(kind.__name__ for kind in kinds)}")
    return items


def _to_base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(bytes(value)).decode("ascii")


def _from_base64(payload: Any) -> bytes:
    return base64.b64decode(expect(payload, str), validate=True)


# -- dates and times: ISO 8601 text; with a zone or a fold, a dict that says so


def _encode_datetime(value: datetime | time) -> Any:
    zone = _zone_key(value.tzinfo)
    name = _offset_name(value)
    if zone is None and name is None and not value.fold:
        # other classes of tzinfo are written as the offset they give
        return value.isoformat()
    data: dict[str, Any] = {"text": value.replace(tzinfo=None).isoformat() if zone else value.isoformat()}
    if zone is not None:
        data["zone"] = zone
    if name is not None:
        data["name"] = name
    if value.fold:
        data["fold"] = 1
    return data


def _decode_datetime(payload: Any) -> datetime:
    return _decode_moment(payload, datetime)


def _decode_time(payload: Any) -> time:
    return _decode_moment(payload, time)


M = TypeVar("M", datetime, time)


def _decode_moment(payload: Any, kind: type[M]) -> M:
    if type(payload) is str:
        return kind.fromisoformat(payload)
    data: dict[str, Any] = expect(payload, dict)
    if not data.keys() <= {"text", "zone", "name", "fold"}:
        raise TypeError("unknown keys")
    value = kind.fromisoformat(expect(data["text"], str))
    if "zone" in data:
        value = value.replace(tzinfo=_zone(data["zone"]))
    elif "name" in data:
        offset = value.replace(tzinfo=value.tzinfo).utcoffset()
        if offset is None:
            raise ValueError("a zone's name without its offset")
        value = value.replace(tzinfo=timezone(offset, expect(data["name"], str)))
    return value.replace(fold=expect(data.get("fold", 0), int))


def _zone_key(zone: tzinfo | None) -> str | None:
    return zone.key if isinstance(zone, ZoneInfo) and zone.key and _ZONE.fullmatch(zone.key) else None


def _offset_name(value: datetime | time) -> str | None:
    """The name given to a ``timezone``, unless it is the one that its offset gives it."""
    zone = value.tzinfo
    if type(zone) is not timezone:
        return None
    name = zone.tzname(None)
    return None if name == timezone(zone.utcoffset(None)).tzname(None) else name


def _zone(payload: Any) -> ZoneInfo:
    key = expect(payload, str)
    if len(key) > 100 or not _ZONE.fullmatch(key):
        raise ValueError("not the name of a time zone")
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"no time zone {key} on this machine; pip install tzdata") from None


def _encode_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _decode_timedelta(payload: Any) -> timedelta:
    days, seconds, microseconds = expect_items(payload, int, int, int)
    return timedelta(days, seconds, microseconds)


# -- numbers and sequences of them


def _decode_complex(payload: Any) -> complex:
    return complex(*expect_items(payload, float, float))


def _decode_fraction(payload: Any) -> Fraction:
    return Fraction(*expect_items(payload, int, int))


def _decode_range(payload: Any) -> range:
    return range(*expect_items(payload, int, int, int))


def _encode_slice(value: slice) -> list[Any]:
    return [value.start, value.stop, value.step]


def _decode_slice(payload: Any) -> slice:
    start, stop, step = expect(payload, list)
    return slice(start, stop, step)


def _text_kinds(kinds: Iterable[tuple[str, type]]) -> list[Kind]:
    """Types that ``str`` writes and whose constructor reads that very text."""

    def reader(kind: type) -> Any:
        return lambda payload: kind(expect(payload, str))

    return [Kind(tag, kind, str, reader(kind)) for tag, kind in kinds]


KINDS: Final[list[Kind]] = [
    Kind("bytes", bytes, _to_base64, _from_base64),
    Kind(
        "bytearray", bytearray, _to_base64, lambda payload: bytearray(_from_base64(payload)), copy=bytearray
    ),
    Kind(
        "memoryview",
        memoryview,
        _to_base64,
        lambda payload: memoryview(_from_base64(payload)),
        copy=lambda value: memoryview(bytes(value)),
    ),
    Kind("datetime", datetime, _encode_datetime, _decode_datetime),
    Kind("date", date, lambda value: value.isoformat(), lambda text: date.fromisoformat(expect(text, str))),
    Kind("time", time, _encode_datetime, _decode_time),
    Kind("timedelta", timedelta, _encode_timedelta, _decode_timedelta),
    Kind("zone", ZoneInfo, _zone_key, _zone),
    Kind("complex", complex, lambda value: [value.real, value.imag], _decode_complex),
    Kind("fraction", Fraction, lambda value: [value.numerator, value.denominator], _decode_fraction),
    Kind("range", range, lambda value: [value.start, value.stop, value.step], _decode_range),
    Kind("slice", slice, _encode_slice, _decode_slice),
    *_text_kinds(
        [
            ("decimal", Decimal),
            ("uuid", UUID),
            ("ipv4", IPv4Address),
            ("ipv6", IPv6Address),
            ("ipv4_network", IPv4Network),
            ("ipv6_network", IPv6Network),
            ("ipv4_interface", IPv4Interface),
            ("ipv6_interface", IPv6Interface),
            ("path", Path),
            ("posix_path", PurePosixPath),
            ("windows_path", PureWindowsPath),
        ]
    ),
]
"""What every process can write and read."""
