"""Clients that ask a server over and over: cheap, so that the server is what works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from tests.fidelity.wire import PATIENCE


@dataclass
class Load:
    """What became of many requests."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """How long each answer took."""
    took: float = 0.0

    def quantile(self, fraction: float) -> float:
        """So much of the answers took no longer, in milliseconds."""
        return sorted(self.seconds)[int(fraction * (len(self.seconds) - 1))] * 1000


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self._requests = requests
        self._load = load
        self._buffer = b""
        self._asked = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        if len(body) < length:
            return
        self._buffer = b""
        status = int(head[9:12])
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        self._load.seconds.append(time.perf_counter() - self._asked)
        self._ask()

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._asked = time.perf_counter()
            self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def ask(port: int, paths: list[str], count: int, connections: int = 8) -> Load:
    """Ask for the paths in turn, so many times in all, some at a time over connections that are kept.

    The answers need a length.
    """

    async def run() -> Load:
        load = Load()
        turn = cycle(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths)
        requests = iter([next(turn) for _ in range(count)])
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        clients = [
            (await loop.create_connection(lambda: _Client(requests, load), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        await asyncio.wait_for(asyncio.gather(*(client.done for client in clients)), PATIENCE + count / 10)
        load.took = time.perf_counter() - began
        return load

    return asyncio.run(run())
