"""Asyncio's two ends of a connection: watched ones, and those with nothing behind them."""

from __future__ import annotations

import asyncio
from typing import Any

from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.server import ReplayedServer, ReplayedSocket


class WatchedReader:
    """What is read from a stream is passed on.

    Args:
        reader: the driver's.
        line: its connection.
    """

    def __init__(self, reader: Any, line: Line) -> None:
        self._reader = reader
        self._line = line
        self._incoming = packets.Deframer()

    async def readexactly(self, size: int) -> bytes:
        """Read."""
        data: bytes = await self._reader.readexactly(size)
        self._line.heard(self._incoming, data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class WatchedWriter:
    """What is written to a stream is passed on.

    Args:
        writer: the driver's.
        line: its connection.
    """

    def __init__(self, writer: Any, line: Line) -> None:
        self._writer = writer
        self._line = line

    def write(self, data: Any) -> Any:
        """Write one packet."""
        self._line.sent(data)
        return self._writer.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


class WatchedBroker:
    """What makes packets of two streams for mysql.connector.aio; they are passed on whole, not compressed.

    Args:
        broker: the library's.
        line: its connection.
    """

    def __init__(self, broker: Any, line: Line) -> None:
        self._broker = broker
        self._line = line
        self._incoming = packets.Deframer()

    async def write(
        self,
        writer: Any,
        address: str,
        payload: bytes,
        packet_number: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Write a packet; the first of a command has the number 0."""
        if packet_number == 0:
            self._line.sent(bytes(packets.HEADER) + bytes(payload[:1]))
        await self._broker.write(writer, address, payload, packet_number, *args, **kwargs)

    async def read(self, *args: Any) -> bytes:
        """Read a packet."""
        packet: bytes = await self._broker.read(*args)
        self._line.heard(self._incoming, packet)
        return packet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


class ReplayedReader:
    """A stream that gives the recorded replies.

    Args:
        server: who answers.
    """

    def __init__(self, server: ReplayedServer) -> None:
        self._server = server

    async def readexactly(self, size: int) -> bytes:
        """Read."""
        data = self._server.read(size)
        if len(data) < size:
            raise asyncio.IncompleteReadError(data, size)
        return data

    async def read(self, size: int) -> bytes:
        """Read; nothing after the end."""
        return self._server.read(size)

    eof_received = False

    def at_eof(self) -> bool:
        """It does not end."""
        return False

    def exception(self) -> None:
        """It does not fail."""


class ReplayedWriter:
    """A stream, and its transport, to nothing.

    Args:
        server: who answers.
    """

    def __init__(self, server: ReplayedServer) -> None:
        self._server = server
        self._closing = False

    @property
    def transport(self) -> ReplayedWriter:
        """Itself."""
        return self

    def write(self, data: Any) -> None:
        """Write one packet."""
        self._server.sent(data)

    async def drain(self) -> None:
        """Nothing to wait for."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket."""
        return ReplayedSocket(self._server) if name == "socket" else default

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """As above."""

    def is_closing(self) -> bool:
        """True once it was closed."""
        return self._closing

    def close(self) -> None:
        """Close it."""
        self._closing = True

    abort = close

    async def wait_closed(self) -> None:
        """Nothing to wait for."""


class ReplayedTransport:
    """A transport to nothing, for a protocol that reads by itself.

    Args:
        server: who answers.
        protocol: the driver's.
    """

    def __init__(self, server: ReplayedServer, protocol: Any) -> None:
        self._server = server
        self._protocol = protocol
        self._closing = False

    def write(self, data: Any) -> None:
        """Write some bytes."""
        self._server.sent(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket."""
        return ReplayedSocket(self._server) if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """As above."""

    def is_closing(self) -> bool:
        """True once it was closed."""
        return self._closing

    def close(self) -> None:
        """Close it, which the protocol is told."""
        if not self._closing:
            self._closing = True
            self._protocol.connection_lost(None)

    abort = close
