"""The rules that both OTLP encodings share, each an error that says what is wrong."""

from __future__ import annotations

from typing import Final

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError, CodecError
from timetracer_otel.formats.limits import Limits

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1
_HEX: Final = b"0123456789abcdef"


def is_hex(text: str) -> bool:
    """Whether text is lower-case hex digits only, an even number of them or none."""
    # deleting all digits leaves nothing: the fastest test there is
    return text.isascii() and not len(text) % 2 and not text.encode("ascii").translate(None, _HEX)


def check_id(text: str, digits: int, field: str, *, optional: bool = False) -> str:
    """The id in lower case; ``""`` for an optional one that is empty or all zeros.

    Args:
        text: the id as written.
        digits: how many hex digits it must have.
        field: its name, for the error.
        optional: whether there may be none.

    Raises:
        CassetteFormatError: it is not an id.
    """
    lower = text.lower()
    if optional and not lower.strip("0"):
        return ""
    if len(lower) != digits or not is_hex(lower):
        raise CassetteFormatError(f"{field} {text[:40]!r} is not {digits} hex digits")
    return lower


def check_groups(count: int, limits: Limits) -> None:
    """Refuse more resources or scopes than spans are read: most of them would be empty.

    Raises:
        CassetteLimitError: there are more.
    """
    if count > limits.max_spans + 1:
        raise CassetteLimitError(
            f"{count} resources or scopes; for {limits.max_spans} spans that is too many"
        )


def too_deep() -> CassetteLimitError:
    """The error for a value with more levels of lists and maps than are written or read."""
    return CassetteLimitError("an attribute value is nested too deeply for OTLP; flatten it")


def not_carried(value: object) -> CodecError:
    """The error for a value of a type that ``AnyValue`` has no field for."""
    return CodecError(f"OTLP cannot carry an attribute value of type {type(value).__name__}; encode it first")
