"""Body streams of httpx: one that is watched as it passes, and one of pieces that are known."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, NamedTuple

from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.bodies import Watcher


class Cancelled(Exception):
    """In the place of a cancellation in the middle of a body: wait to be cancelled again."""


_Source = Callable[[], Iterator[tuple[bytes, float]]]
"""Makes an iterator of pieces, each with the seconds to wait before it."""


class Streams(NamedTuple):
    """Body streams of one httpx, for one colour of function."""

    tee: Callable[[Any, Watcher], Any]
    """A stream that passes another one's pieces on and tells the watcher."""
    pieces: Callable[[_Source], Any]
    """A stream of pieces that are known."""
    read: Callable[[Any, list[bytes]], Any]
    """Reads a stream to its end, or to its error, which the watcher has seen."""


@functools.cache
def stream_classes(httpx: Any, asynchronous: bool) -> Streams:
    """Those of a module, ``httpx`` or its successor, for functions of that colour."""
    if asynchronous:
        base = (httpx.AsyncByteStream,)
        return Streams(
            type("_Tee", (_AsyncTee, *base), {}), type("_Pieces", (_AsyncPieces, *base), {}), _aread
        )
    base = (httpx.SyncByteStream,)
    return Streams(type("_Tee", (_Tee, *base), {}), type("_Pieces", (_Pieces, *base), {}), _read)


class _Tee:
    def __init__(self, stream: Any, watcher: Watcher) -> None:
        self._stream = stream
        self._watcher = watcher

    def __iter__(self) -> Iterator[bytes]:
        self._watcher.started()
        try:
            for piece in self._stream:
                self._watcher.passed(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            self._watcher.failed(error)
            raise
        self._watcher.ended()

    def close(self) -> None:
        self._watcher.closed()
        self._stream.close()


class _AsyncTee:
    def __init__(self, stream: Any, watcher: Watcher) -> None:
        self._stream = stream
        self._watcher = watcher

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._watcher.started()
        try:
            async for piece in self._stream:
                self._watcher.passed(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            self._watcher.failed(error)
            raise
        self._watcher.ended()

    async def aclose(self) -> None:
        self._watcher.closed()
        await self._stream.aclose()


class _Pieces:
    def __init__(self, source: _Source) -> None:
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        for piece, wait in self._source():
            if wait:
                time.sleep(wait)
            yield piece

    def close(self) -> None:
        """Nothing is open."""


class _AsyncPieces:
    def __init__(self, source: _Source) -> None:
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import anyio  # comes with httpx; not needed to import this module

        title = ""
        try:
            for piece, wait in self._source():
                if wait:
                    await anyio.sleep(wait)
                yield piece
        except Cancelled as cancelled:
            title = str(cancelled)
        if title:
            await exceptions.wait_for_cancellation(title)

    async def aclose(self) -> None:
        """Nothing is open."""


def _read(stream: Iterable[bytes], pieces: list[bytes]) -> None:
    with contextlib.suppress(Exception):
        pieces.extend(stream)


async def _aread(stream: AsyncIterable[bytes], pieces: list[bytes]) -> None:
    with contextlib.suppress(Exception):
        async for piece in stream:
            pieces.append(piece)  # noqa: PERF401  # what was read before an error is kept
