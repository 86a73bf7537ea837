"""Sockets: a replayed one, and real ones whose reading is watched."""

from __future__ import annotations

import functools
import io
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.wire.reading import ResponseReader

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ReplayedSocket:
    """Stands where a connection's socket would be; keeps what is sent, gives what was recorded.

    Args:
        address: host and port.
        timeout: as the connection has it.
    """

    def __init__(self, address: tuple[str, int], timeout: Any) -> None:
        self._address = address
        self._timeout = timeout
        self.sent = bytearray()
        self.on_sent: Callable[[bytes], bool] | None = None
        """Takes what is sent; true when the sender waits for leave to send the body."""
        self.answer: Iterator[tuple[bytes, float]] | None = None
        """What comes in next."""
        self._continue = False

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Keep what is sent."""
        piece = bytes(data)
        self.sent += piece
        if self.on_sent is not None:
            self._continue = self.on_sent(piece)

    def send(self, data: Any, flags: int = 0) -> int:
        """As :meth:`sendall`."""
        self.sendall(data)
        return len(data)

    def makefile(self, mode: str = "r", buffering: int | None = None, **_text: Any) -> Any:
        """A file of what comes in: the recorded answer."""
        if self._continue:
            self._continue = False
            raw = ReplayedFile(iter([(CONTINUE, 0.0)]))
        else:
            answer, self.answer = self.answer, None
            raw = ReplayedFile(iter(()) if answer is None else answer)
        return raw if buffering == 0 else io.BufferedReader(raw)

    def fileno(self) -> int:
        """A descriptor that is ready exactly when something can be read."""
        quiet, ready = _descriptors()
        return (ready if self._continue else quiet).fileno()

    def settimeout(self, value: Any) -> None:
        """Keep it."""
        self._timeout = value

    def gettimeout(self) -> Any:
        """What was set."""
        return self._timeout

    def setsockopt(self, *option: Any) -> None:
        """There is nothing to set."""

    def getpeername(self) -> tuple[str, int]:
        """Host and port, as the connection was asked for."""
        return self._address

    def getsockname(self) -> tuple[str, int]:
        """No address of this machine."""
        return "0.0.0.0", 0  # noqa: S104  # said, not bound

    def shutdown(self, how: int) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


class ReplayedFile(io.RawIOBase):
    """Recorded pieces, as a socket gives them."""

    def __init__(self, source: Iterator[tuple[bytes, float]]) -> None:
        super().__init__()
        self._source = source
        self._piece = memoryview(b"")
        self._timed_out = False

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next piece, or what fits of it."""
        if self._timed_out:
            raise OSError("cannot read from timed out object")  # as socket.SocketIO says it
        while not self._piece:
            piece, wait = next(self._source, (b"", 0.0))
            if not piece:
                return 0
            if wait:
                time.sleep(wait)
            self._piece = memoryview(piece)
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def __next__(self) -> bytes:  # RawIOBase's own would need more of us
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class _Watched:
    """Mixed into the class of a file that reads a socket."""

    _timetracer: ResponseReader

    def readinto(self, buffer: Any) -> Any:
        reader = self._timetracer
        if reader.ended:
            return super().readinto(buffer)  # type: ignore[misc]  # of the class it is mixed into
        try:
            size = super().readinto(buffer)  # type: ignore[misc]  # as above
        except BaseException as error:
            _tell(reader.failed, error)
            raise
        if size:
            _tell(reader.feed, bytes(memoryview(buffer)[:size]))
        elif size == 0:
            _tell(reader.eof)
        return size

    def close(self) -> None:
        _tell(self._timetracer.closed)
        super().close()  # type: ignore[misc]  # as above


@functools.cache
def _watched(kind: type[Any]) -> type[Any]:
    return type(kind.__name__, (_Watched, kind), {"__module__": kind.__module__})


def watch(file: Any, reader: ResponseReader) -> None:
    """Have the reader told what that file, made by ``socket.makefile``, reads.

    Raises:
        TypeError: it is of a kind that cannot be watched.
        AttributeError: as above.
    """
    raw = file.raw
    kind: type[Any] = type(raw)
    raw.__class__ = _watched(kind)  # type: ignore[arg-type]  # classes are hashable
    raw._timetracer = reader


def _tell(what: Callable[..., None], *arguments: Any) -> None:
    try:
        what(*arguments)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("reading a response", error)


@functools.cache
def _descriptors() -> tuple[socket.socket, socket.socket]:
    """One socket from which nothing ever comes, and one from which something always does."""
    quiet, _keeps_it_open = pair = socket.socketpair()
    ready, other = socket.socketpair()
    other.send(b"!")
    _kept.extend([*pair, ready, other])
    return quiet, ready


_kept: list[socket.socket] = []
