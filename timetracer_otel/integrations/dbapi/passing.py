"""What an app gives piece by piece, copied as it passes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from timetracer_otel import values


class Passed:
    """Copies of pieces, as far as there is room; of more, their hash, which tells them apart as well.

    Args:
        limit: bytes kept.
    """

    def __init__(self, limit: int) -> None:
        self._room = limit
        self._pieces: list[Any] = []
        self._hash: Any = None
        self._count = 0

    def keep(self, piece: Any, size: int) -> None:
        """One more piece, which nobody changes any more."""
        self._count += 1
        self._room -= size
        if self._hash is not None:
            self._hash.update(_bytes(piece))
            return
        self._pieces.append(piece)
        if self._room < 0:
            self._hash = hashlib.sha256()
            for kept in self._pieces:
                self._hash.update(_bytes(kept))
            self._pieces.clear()

    @property
    def over(self) -> bool:
        """There was no room for all of it."""
        return self._hash is not None

    def pieces(self) -> list[Any]:
        """All pieces; their hash where there was no room for them."""
        return list(self._pieces) if self._hash is None else [{"sha256": self._hash.hexdigest()}]

    def whole(self) -> Any:
        """All of it in one: text where it is text."""
        if self._hash is not None:
            return {"sha256": self._hash.hexdigest()}
        data = b"".join(_bytes(piece) for piece in self._pieces)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data


def _bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode("utf-8", "surrogatepass")
    return bytes(piece) if isinstance(piece, bytes | bytearray | memoryview) else values.canonical(piece)


def passing(source: Iterable[Any], keep: Any) -> Iterator[Any]:
    """The items of an iterable, each shown first."""
    for item in source:
        keep(item)
        yield item


async def passing_async(source: Any, keep: Any) -> AsyncIterator[Any]:
    """As :func:`passing`, of an asynchronous one."""
    async for item in source:
        keep(item)
        yield item
