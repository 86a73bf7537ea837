"""Fields of JSON that others wrote: ids in hex or base64, numbers as text, keys in either spelling."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeAlias

from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats.checks import INT64_MAX, INT64_MIN, UINT64_MAX, is_hex
from timetracer_otel.span import SpanKind, StatusCode

Plain: TypeAlias = Any
"""What JSON holds: ``None``, bool, int, float, str, list, dict."""

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SECONDS: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_UINT32_MAX: Final = 2**32 - 1
_TRACE_ID: Final = 32
_SPAN_ID: Final = 16
_MAX_DIGITS: Final = 25


def get(item: dict[str, Plain], name: str) -> Plain:
    """A field by its lowerCamelCase name, or by its snake_case one; ``None`` when it has neither."""
    value = item.get(name)
    return item.get(_snake(name)) if value is None else value


@cache
def _snake(name: str) -> str:
    return _WORD.sub("_", name).lower()


def trace_id(value: Plain, field: str = "trace id") -> str:
    """A trace id as 32 hex digits; one of 64 bits gets zeros before it.

    Raises:
        CassetteFormatError: it is none.
    """
    return _id(value, _TRACE_ID, field)


def span_id(value: Plain, field: str = "span id") -> str:
    """A span id as 16 hex digits.

    Raises:
        CassetteFormatError: it is none.
    """
    return _id(value, _SPAN_ID, field)


def parent_id(value: Plain) -> str:
    """A parent's id; ``""`` where there is none.

    Raises:
        CassetteFormatError: it is neither.
    """
    if value is None or value == "" or (isinstance(value, str) and not value.strip("0")):
        return ""
    found = _id(value, _SPAN_ID, "parent span id", zero=True)
    return found if found.strip("0") else ""


def _id(value: Plain, digits: int, field: str, *, zero: bool = False) -> str:
    if isinstance(value, str):
        found = _hex(value, digits) or _from_base64(value, digits)
        if found and (zero or found.strip("0")):
            return found
    raise CassetteFormatError(
        f"{field} {str(value)[:40]!r} is not {digits} hex digits, nor the same in base64"
    )


def _hex(text: str, digits: int) -> str:
    lower = text.lower().removeprefix("0x")
    if len(lower) == digits + 4:
        lower = lower.replace("-", "")  # a UUID
    if len(lower) < digits:  # some write no zeros before it, or half of a trace id
        shortest = digits // 2 if digits == _TRACE_ID else 1
        # text of the length that base64 has may be hex by chance: base64 is then meant, being of full size
        if len(lower) < shortest or len(lower) in _base64_sizes(digits):
            return ""
        lower = lower.zfill(digits)
    return lower if len(lower) == digits and is_hex(lower) else ""


def _base64_sizes(digits: int) -> tuple[int, ...]:
    size = digits // 2
    padded = (size + 2) // 3 * 4
    return padded, (size * 4 + 2) // 3


def _from_base64(text: str, digits: int) -> str:
    if len(text) not in _base64_sizes(digits):
        return ""
    try:
        return decode_base64(text).hex()
    except CassetteFormatError:
        return ""


def decode_base64(text: str) -> bytes:
    """Bytes from base64: the standard or the URL-safe alphabet, with or without padding.

    Raises:
        CassetteFormatError: it is not base64.
    """
    plain = text.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain.encode("ascii") + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise CassetteFormatError(f"{text[:40]!r} is not base64: {error}") from None


def text(value: Plain) -> str:
    """Text, and other scalars as text; ``""`` for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else ""


def integer(value: Plain, field: str) -> int:
    """A whole number, also one written as text or as a float; 0 where there is none.

    Raises:
        CassetteFormatError: it is something else.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, int):
        return int(value)
    try:
        if isinstance(value, float):
            return int(value)
        if isinstance(value, str) and len(value) <= _MAX_DIGITS:
            return int(value) if value.strip().lstrip("+-").isdigit() else int(float(value))
    except (ValueError, OverflowError):
        pass
    raise CassetteFormatError(f"{field} {str(value)[:40]!r} is not a whole number")


def nanoseconds(value: Plain, field: str, unit: int = 1) -> int:
    """A moment in nanoseconds since the epoch.

    Args:
        value: as written.
        field: its name, for the error.
        unit: nanoseconds of one; a fraction of it counts.

    Raises:
        CassetteFormatError: it is no number, or no moment that OTLP can hold.
    """
    if unit != 1 and isinstance(value, float) and math.isfinite(value):
        moment = round(value * unit)
    else:
        moment = integer(value, field) * unit
    if not 0 <= moment <= UINT64_MAX:
        raise CassetteFormatError(f"{field} {str(value)[:40]!r} is before 1970 or after 2554")
    return moment


def timestamp(value: Plain, field: str) -> int:
    """A moment as RFC 3339 has it (``2026-11-18T11:06:40.123456789Z``), in nanoseconds since the epoch.

    Raises:
        CassetteFormatError: it is none, or one that OTLP cannot hold.
    """
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise CassetteFormatError(f"{field} {str(value)[:40]!r} is no time")
    whole, fraction, zone = found.groups()
    try:
        seconds = (datetime.fromisoformat(f"{whole}{zone}".upper()) - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise CassetteFormatError(f"{field} {value[:40]!r} is no time") from None
    return nanoseconds(seconds * 10**9 + int((fraction or "").ljust(9, "0")), field)


def seconds(value: Plain, field: str) -> int:
    """A length of time as protobuf's JSON has it (``0.001s``), in nanoseconds.

    Raises:
        CassetteFormatError: it is none.
    """
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise CassetteFormatError(f"{field} {str(value)[:40]!r} is no length of time")
    whole, fraction = found.groups()
    return nanoseconds(int(whole) * 10**9 + int((fraction or "").ljust(9, "0")), field)


def uint32(value: Plain, field: str) -> int:
    """A number of 32 bits.

    Raises:
        CassetteFormatError: it is none.
    """
    number = integer(value, field)
    if not 0 <= number <= _UINT32_MAX:
        raise CassetteFormatError(f"{field} {str(value)[:40]!r} is not a number of 32 bits")
    return number


def int64(value: Plain, field: str) -> int | str:
    """A number of 64 bits; a larger one as text, as OTLP has it.

    Raises:
        CassetteFormatError: it is no number.
    """
    number = integer(value, field)
    return number if INT64_MIN <= number <= INT64_MAX else str(number)


def kind(value: Plain) -> SpanKind:
    """A span kind by number or by name, ``SPAN_KIND_`` before it or not; unspecified where it is unknown."""
    if isinstance(value, str):
        if value.isdigit():
            return kind(int(value[:3]))
        name = value.upper().removeprefix("SPANKIND.").removeprefix("SPAN_KIND_")
        return SpanKind.__members__.get(name, SpanKind.UNSPECIFIED)
    if isinstance(value, int) and value in SpanKind.__members__.values():
        return SpanKind(value)
    return SpanKind.UNSPECIFIED


def status_code(value: Plain) -> StatusCode:
    """A status code by number or by name; unset where it is unknown."""
    if isinstance(value, str):
        if value.isdigit():
            return status_code(int(value[:3]))
        name = value.upper().removeprefix("STATUSCODE.").removeprefix("STATUS_CODE_")
        return StatusCode.__members__.get(name, StatusCode.UNSET)
    if isinstance(value, int) and value in StatusCode.__members__.values():
        return StatusCode(value)
    return StatusCode.UNSET


def dicts(value: Plain) -> Iterator[dict[str, Plain]]:
    """The objects of a list; of anything else none."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
