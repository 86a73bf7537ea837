"""A raw HTTP/1.1 client: it hides nothing of what a server sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

HOST = "fidelity.test"
_UNEQUAL_BY_NATURE = frozenset({b"date", b"server"})
PATIENCE = 120.0
"""Seconds until a server that says nothing is taken for broken."""


@dataclass(frozen=True)
class Request:
    """One request, as it is sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = False

    def encode(self) -> bytes:
        """The bytes on the wire."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {HOST}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.body or self.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if not self.chunked:
            return head + self.body
        parts = [self.body[start : start + 1000] for start in range(0, len(self.body), 1000)]
        return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


@dataclass(frozen=True)
class Answer:
    """One answer, as it arrived.

    Attributes:
        headers: In order, as spelled, without ``Date`` and ``Server``.
        chunks: The body: one item for each chunk of the transfer coding, else one item at most.
        whole: Whether the body ended as HTTP says it must.
    """

    status: int
    reason: str
    headers: tuple[tuple[bytes, bytes], ...]
    chunks: tuple[bytes, ...]
    whole: bool = True

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)


def read_head(stream: BinaryIO) -> tuple[int, str, tuple[tuple[bytes, bytes], ...]]:
    """Status, reason and headers."""
    line = stream.readline().decode("latin-1").rstrip("\r\n")
    if not line.startswith("HTTP/1.1 "):
        raise ConnectionError(f"the server did not answer with HTTP/1.1: {line!r}")
    status, _, reason = line.removeprefix("HTTP/1.1 ").partition(" ")
    headers = []
    while header := stream.readline().rstrip(b"\r\n"):
        name, _, value = header.partition(b":")
        headers.append((name, value.strip()))
    return int(status), reason, tuple(headers)


def read_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The chunks of a chunked body, each as soon as it is there; ends early if the server hangs up."""
    while size := stream.readline():
        chunk = stream.read(int(size, 16))
        stream.readline()
        if not chunk:
            return
        yield chunk
    raise ConnectionError("the body was cut off")


@contextmanager
def connect(port: int) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A connection to a server of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as stream:
            yield connection, stream


def send(port: int, request: Request) -> Answer:
    """Send one request on a connection of its own and read the whole answer."""
    with connect(port) as (connection, stream):
        connection.sendall(request.encode())
        status, reason, headers = read_head(stream)
        told = {name.lower(): value for name, value in headers}
        chunks: list[bytes] = []
        whole = True
        if told.get(b"transfer-encoding") == b"chunked" and request.method != "HEAD":
            try:
                chunks.extend(read_chunks(stream))
            except ConnectionError:
                whole = False
        else:
            rest = stream.read()
            chunks.extend([rest] if rest else [])
            expected = int(told.get(b"content-length", len(rest)))
            whole = request.method == "HEAD" or len(rest) == expected
    kept = tuple((name, value) for name, value in headers if name.lower() not in _UNEQUAL_BY_NATURE)
    return Answer(status, reason, kept, tuple(chunks), whole)
