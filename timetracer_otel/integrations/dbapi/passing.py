"""What an app gives piece by piece, copied as it passes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from timetracer_otel import ports, values


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

    def lose(self) -> None:
        """A piece could not be copied: what there is of them is not all."""
        self._hash = self._hash or hashlib.sha256()
        self._hash.update(b"lost")
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


def safely(
    keep: Callable[[Any], None], where: str, lose: Callable[[], None] | None = None
) -> Callable[[Any], None]:
    """That, which raises nothing into the app: what passes may be of a class that refuses to be looked at.

    Args:
        keep: copies one item.
        where: what is being done, for the report.
        lose: what to do about an item that could not be copied.
    """

    def kept(item: Any) -> None:
        try:
            keep(item)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(where, error)
            if lose is not None:
                lose()

    return kept


def passing(source: Iterable[Any], keep: Callable[[Any], None]) -> Iterator[Any]:
    """The items of an iterable, each shown first."""
    for item in source:
        keep(item)
        yield item


async def passing_async(source: Any, keep: Callable[[Any], None]) -> AsyncIterator[Any]:
    """As :func:`passing`, of an asynchronous one."""
    async for item in source:
        keep(item)
        yield item
