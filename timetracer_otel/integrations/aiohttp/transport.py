"""The transport of a connection in a replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from timetracer_otel.errors import TimetracerError
from timetracer_otel.integrations import exceptions


class ReplayedTransport(asyncio.Transport):
    """Keeps what is written, gives its protocol what was recorded.

    Args:
        protocol: aiohttp's ``ResponseHandler``.
        loop: its event loop.
    """

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = loop
        self._closing = False
        self._reading = asyncio.Event()
        self._reading.set()
        self._feeder: asyncio.Task[None] | None = None
        self.written = bytearray()
        self.next_wait: Exception | None = None
        """Raised when the app next waits for more of a body."""
        self.on_written: Callable[[bytes], None] | None = None

    def write(self, data: Any) -> None:
        """Keep it."""
        piece = bytes(data)
        self.written += piece
        if self.on_written is not None:
            self.on_written(piece)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Keep all of it."""
        for data in list_of_data:
            self.write(data)

    def is_closing(self) -> bool:
        """True once it was closed."""
        return self._closing

    def close(self) -> None:
        """The protocol is told, as by any transport."""
        if not self._closing:
            self._closing = True
            if self._feeder is not None:
                self._feeder.cancel()
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no connection to know of."""
        return default

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def is_reading(self) -> bool:
        """True while the protocol takes more."""
        return self._reading.is_set()

    def pause_reading(self) -> None:
        """The protocol has enough for now."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """The protocol takes more."""
        self._reading.set()

    def feed(self, pieces: Iterator[tuple[bytes, float]], *, then_ends: bool) -> None:
        """Give the protocol these pieces, one after the other, as a network does.

        Args:
            pieces: each with the seconds before it.
            then_ends: the connection ended after the last.
        """
        self._feeder = self._loop.create_task(self._feed(pieces, then_ends=then_ends))

    async def _feed(self, pieces: Iterator[tuple[bytes, float]], *, then_ends: bool) -> None:
        try:
            for piece, wait in pieces:
                await asyncio.sleep(wait)
                await self._reading.wait()
                if self._closing:
                    return
                self._protocol.data_received(piece)
        except TimetracerError as error:
            self._fail(error)
        except Silence as silence:
            try:
                await exceptions.wait_for_cancellation(str(silence))
            except TimetracerError as error:
                self._fail(error)
        except Exception as error:  # noqa: BLE001  # the recorded one, for the app
            await asyncio.sleep(0)
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                self._lose(error)
            else:
                self._fail(error)
        else:
            if then_ends:
                await asyncio.sleep(0)
                self._lose(None)

    def _lose(self, error: OSError | None) -> None:
        if not self._closing:
            self._closing = True
            if error is None:
                self._protocol.eof_received()
            self._protocol.connection_lost(error)

    def _fail(self, error: Exception) -> None:
        payload = self._protocol._payload
        if payload is None:
            self._protocol.set_exception(error)
        elif payload._waiter is not None:
            payload.set_exception(error)
        else:
            self.next_wait = error  # what came before is still to be read


class Silence(Exception):  # not an error: the recorded reader gave up waiting, so will this one
    """Ends the pieces of a body where nothing more came; says of which call."""
