"""A socket that gives recorded replies."""

from __future__ import annotations

import io
import ssl
from typing import Any


class ReplayedSocket:
    """Stands where a connection's socket would be; what is sent goes nowhere.

    Args:
        address: host and port of the server.
        timeout: as the client has it.
        real: the socket it stands for, where there was one.
        secure: it stands for one with TLS.
    """

    def __init__(
        self, address: tuple[str, int], timeout: Any, *, real: Any = None, secure: bool = False
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._coming = bytearray()
        self.real = real
        self.secure = secure
        self.broken = False
        """A handshake failed: nothing can be sent any more."""

    def feed(self, data: bytes) -> None:
        """What comes in next."""
        self._coming += data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Nothing is sent.

        Raises:
            OSError: the connection is broken.
        """
        if self.broken:
            raise OSError(9, "Bad file descriptor")

    def send(self, data: Any, flags: int = 0) -> int:
        """As :meth:`sendall`."""
        self.sendall(data)
        return len(data)

    def makefile(self, mode: str = "r", buffering: int | None = None, **_text: Any) -> Any:
        """A file of what comes in."""
        return io.BufferedReader(_Coming(self._coming))

    def settimeout(self, value: Any) -> None:
        """Keep it."""
        self._timeout = value

    def gettimeout(self) -> Any:
        """What was set."""
        return self._timeout

    def setsockopt(self, *option: Any) -> None:
        """There is nothing to set."""

    def getpeername(self) -> tuple[str, int]:
        """Host and port, as the client asked for them."""
        return self._address

    def getsockname(self) -> tuple[str, int]:
        """No address of this machine."""
        return "0.0.0.0", 0  # noqa: S104  # said, not bound

    def fileno(self) -> int:
        """None is open."""
        return -1

    def shutdown(self, how: int) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""

    def version(self) -> str | None:
        """That of TLS."""
        return "TLSv1.3" if self.secure else None

    def cipher(self) -> tuple[str, str, int] | None:
        """That of TLS."""
        return ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256) if self.secure else None

    def getpeercert(self, binary_form: bool = False) -> Any:
        """No certificate is recorded."""
        return None if binary_form else {}


class ReplayedContext:
    """Stands for the context of a handshake with TLS."""

    def wrap_socket(self, sock: ReplayedSocket, *_how: Any, **_named: Any) -> ReplayedSocket:
        """The same socket, with TLS."""
        sock.secure = True
        return sock


class _Coming(io.RawIOBase):
    def __init__(self, coming: bytearray) -> None:
        super().__init__()
        self._coming = coming

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), len(self._coming))
        buffer[:size] = self._coming[:size]
        del self._coming[:size]
        return size


def is_secure(client: Any) -> bool:
    """True where the client's connection has TLS."""
    sock = getattr(client, "sock", None)
    return isinstance(sock, ssl.SSLSocket) or (isinstance(sock, ReplayedSocket) and sock.secure)
