"""An address that never accepts: connecting to it times out."""

from __future__ import annotations

import socket


class FullHouse:
    """A listening socket whose queue is full, so that the kernel leaves new connections unanswered."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._waiting: list[socket.socket] = []
        for _ in range(4):
            guest = socket.socket()
            guest.setblocking(False)
            guest.connect_ex(self._listener.getsockname())
            self._waiting.append(guest)

    @property
    def url(self) -> str:
        """Its address, as a URL."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def remove(self) -> None:
        """Close it."""
        for guest in self._waiting:
            guest.close()
        self._listener.close()
