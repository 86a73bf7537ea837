"""Attribute values as JSON has them, for formats that know no bytes and no 64-bit integers."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Final

from timetracer_otel.span import Attributes, AttributeValue

_SAFE: Final = 2**53
"""Integers beyond it are no integers any more where JSON is read as JavaScript does."""


def plain(value: AttributeValue) -> Any:
    """A value that any reader of JSON can hold: bytes as base64, what JSON has no number for as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -_SAFE <= value <= _SAFE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return plain_attributes(value)
    return value


def plain_attributes(attributes: Attributes) -> dict[str, Any]:
    """Attributes as a JSON object."""
    return {name: plain(value) for name, value in attributes.items()}


def as_text(value: AttributeValue) -> str:
    """A value as text: itself where it is text, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(plain(value), separators=(",", ":"))
