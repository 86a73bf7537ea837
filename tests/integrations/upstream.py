"""A real HTTP/1.1 server whose answers are given byte for byte by the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

Serve = Callable[["Received"], Iterator[bytes]]


class Received:
    """One request as it came over the wire."""

    def __init__(self, head: bytes, body: bytes, number: int) -> None:
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = line.split(" ")
        self.headers = [
            (name, value.strip()) for name, _, value in (field.partition(":") for field in fields)
        ]
        self.body = body
        self.number = number
        """How many requests for this target came before."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Upstream:
    """Serves each path with the function that was registered for it, one connection a request.

    What the function yields is sent as it is; each piece alone, so that a test decides what
    the client gets when.
    """

    def __init__(self) -> None:
        self._routes: dict[str, Serve] = {}
        self._counts: dict[str, int] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received: list[Received] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, path: str, serve: Serve | bytes) -> str:
        """Serve a path; returns its URL."""
        self._routes[path] = serve if callable(serve) else lambda _request: iter([serve])
        return self.url + path

    def again(self) -> None:
        """Begin counting requests anew."""
        self._counts.clear()
        self.received.clear()

    def stop(self) -> None:
        """Nothing listens there any more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as reader:
            lines: list[bytes] = []
            while (line := reader.readline()) not in (b"\r\n", b""):
                lines.append(line.rstrip(b"\r\n"))
            if not lines:
                return
            request = Received(b"\r\n".join(lines), b"", 0)
            if length := request.header("content-length"):
                request.body = reader.read(int(length))
            elif (request.header("transfer-encoding") or "").lower() == "chunked":
                while size := int(reader.readline() or b"-1", 16):
                    if size < 0:
                        return  # the client hung up in the middle
                    request.body += reader.read(size)
                    reader.readline()
                reader.readline()
            path = request.target.partition("?")[0]
            request.number = self._counts.get(path, 0)
            self._counts[path] = request.number + 1
            self.received.append(request)
            try:
                for piece in self._routes[path](request):
                    connection.sendall(piece)
            except OSError:
                return


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """A whole response with ``Content-Length``."""
    fields = [*headers, f"Content-Length: {len(body)}", "Connection: close"]
    return (
        f"HTTP/1.1 {status}\r\n{''.join(field + chr(13) + chr(10) for field in fields)}\r\n".encode("latin-1")
        + body
    )


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked body; of nothing, the last."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{}\r\n"


def chunked(*bodies: bytes) -> Serve:
    """Serve a chunked body, each chunk in a segment of its own."""

    def serve(_request: Received) -> Iterator[bytes]:
        yield CHUNKED.format("Content-Type: text/event-stream\r\n").encode()
        for body in bodies:
            yield chunk(body)
        yield chunk(b"")

    return serve
