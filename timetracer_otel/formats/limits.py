"""How much of a document is read before it is refused."""

from __future__ import annotations

from typing import Final

import msgspec

MAX_DEPTH: Final = 24
"""Deepest nesting of an attribute value, written or read. Protobuf parsers refuse messages nested
over 100 deep, each level of a map is three messages, and a span's attributes begin seven deep."""


class Limits(msgspec.Struct, frozen=True):
    """What one document may hold.

    Attributes:
        max_bytes: size after decompression, in bytes.
        max_spans: spans; one request that makes more is not one that anybody replays.
        max_objects: JSON objects or protobuf messages; each costs far more memory than the two bytes
            it may take.
        max_depth: nesting of one attribute value.
    """

    max_bytes: int = 256 * 1024 * 1024
    max_spans: int = 100_000
    max_objects: int = 5_000_000
    max_depth: int = MAX_DEPTH


DEFAULT: Final = Limits()
