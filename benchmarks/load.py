"""A load generator, and the one HTTP server it needs: both cheap, so that the service is what is measured."""

from __future__ import annotations

import asyncio
import time

CONNECTIONS = 8
ANSWER = b'{"eur": 1.0, "usd": 1.1, "currencies": ["eur", "usd"]}'
_RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


class _Http(asyncio.Protocol):
    """Cuts a connection's bytes into messages. Their length must be announced."""

    def __init__(self) -> None:
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            size = 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + size:
                return
            head, body = self.buffer[:end], self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            self.message(head, body)

    def message(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError


class Upstream(_Http):
    """Answers every request the same way, and keeps what exporters send to ``/v1/traces``."""

    traces: list[bytes]

    def __init__(self, traces: list[bytes]) -> None:
        super().__init__()
        self.traces = traces

    def message(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST /v1/traces "):
            self.traces.append(body)
            self.transport.write(_RESPONSE % (0, b""))
        else:
            self.transport.write(_RESPONSE % (len(ANSWER), ANSWER))


class _Client(_Http):
    """Sends one request after the other until it is told to stop."""

    def __init__(self, request: bytes) -> None:
        super().__init__()
        self.request = request
        self.answered = 0
        self.stopping = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self.request)

    def message(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(f"the service answered {head[:40]!r} {body[:200]!r}"))
            self.transport.close()
            return
        self.answered += 1
        if self.stopping:
            self.transport.close()
            self.done.set_result(None)
        else:
            self.transport.write(self.request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the service closed the connection"))


async def requests_per_second(port: int, path: str, seconds: float) -> tuple[float, int]:
    """Ask for ``path`` over and over.

    Returns:
        Requests per second, and how many were answered.
    """
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: */*\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(request), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(seconds)
    for client in clients:
        client.stopping = True
    await asyncio.gather(*(client.done for client in clients))
    answered = sum(client.answered for client in clients)
    return answered / (time.perf_counter() - begin), answered
