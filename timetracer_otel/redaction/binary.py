"""Bytes that are no text: they hold lengths, so a mask in their midst is as long as what it hides."""

from __future__ import annotations

import re
from typing import Final

from timetracer_otel.redaction.mask import MASK

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MASK: Final = MASK.encode()
_SHORT: Final = b"[REDACT]"


def is_text(data: bytes) -> bool:
    """True for what people can read: UTF-8 without control characters."""
    if _CONTROL.search(data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def mask_of_length(length: int) -> bytes:
    """A mask of so many bytes, 8 or more; equality sets it aside as it does any mask.

    Args:
        length: of what it hides.
    """
    mask = _MASK if length >= len(_MASK) else _SHORT
    return mask.ljust(length, b"*")
