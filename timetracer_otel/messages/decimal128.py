"""The 16 bytes of BSON's decimal128 as text and back: IEEE 754-2008, coefficients as binary integers."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_BIAS: Final = 6176


def decimal_text(bits: bytes) -> str | None:
    """A decimal128 as text that says it exactly; ``None`` where there is none."""
    number = int.from_bytes(bits, "little")
    sign, top = number >> 127, number >> 122 & 0x1F
    if top >> 3 == 3:
        texts = {0x1E: ("Infinity", "-Infinity"), 0x1F: ("NaN", "-NaN")}
        text = texts[top][sign] if top in texts else None
    else:
        digits = tuple(map(int, str(number & (1 << 113) - 1)))
        text = str(Decimal((sign, digits, (number >> 113 & 0x3FFF) - _BIAS))) if len(digits) < 35 else None
    return text if text is not None and decimal_bits(text) == bits else None


def decimal_bits(text: str) -> bytes:
    """The reverse of :func:`decimal_text`.

    Raises:
        ValueError: no decimal128 is that.
    """
    sign, digits, exponent = Decimal(text).as_tuple()
    if isinstance(exponent, str):
        if digits not in ((), (0,)) or exponent not in "Fn":
            raise ValueError(f"no decimal128: {text[:50]}")
        number = (0x1E if exponent == "F" else 0x1F) << 122
    else:
        coefficient = int("".join(map(str, digits)) or "0")
        if not 0 <= exponent + _BIAS < 0x3000 or len(str(coefficient)) > 34:
            raise ValueError(f"no decimal128: {text[:50]}")
        number = exponent + _BIAS << 113 | coefficient
    return (sign << 127 | number).to_bytes(16, "little")
