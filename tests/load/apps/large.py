"""What large bodies are made of."""

from __future__ import annotations

from collections.abc import Iterator

PIECE = bytes(range(256)) * 256
"""64 KiB"""
PIECES_A_MB = 16


def pieces(megabytes: int) -> Iterator[bytes]:
    """A body of that size."""
    for _ in range(megabytes * PIECES_A_MB):
        yield PIECE
