"""Servers under load, and what their processes hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fidelity.servers import Server
from tests.fidelity.wire import Request, connect, read_chunks, read_head, send
from tests.load.apps.large import PIECE, pieces
from tests.services.environment import instrumenting

COMMANDS = {
    "fastapi": ("uvicorn", "tests.load.apps.fastapi_app:app", "--port", "0", "--no-access-log"),
    "flask": (
        *("gunicorn", "tests.load.apps.flask_app:app", "--bind", "127.0.0.1:0"),
        *("--workers", "1", "--threads", "8", "--no-control-socket"),
    ),
}
LAUNCHED = ("opentelemetry-instrument", "--traces_exporter", "none")
"""The standard instrumentations, and nobody who takes their spans."""


class LoadedServer(Server):
    """A server of one of the applications here."""

    def __init__(
        self, framework: str, launcher: tuple[str, ...], environment: Mapping[str, str], directory: Path
    ) -> None:
        excluded = {"TIMETRACER_EXCLUDE_PATHS": "/census,/rest"}
        used = instrumenting(
            "fastapi", "flask", "httpx", "psycopg", "asyncpg", "sqlalchemy", "redis", "threading"
        )
        added = {**excluded, **used, "TIMETRACER_GRACE_SECONDS": "0.2", **environment}
        self.environment = added
        super().__init__(COMMANDS[framework], launcher, added, directory)

    def rest(self) -> None:
        """Wait until it has nothing to do."""
        answer = send(self.port, Request("GET", "/rest"))
        assert (answer.status, json.loads(answer.body)) == (200, [True]), self.log

    def census(self) -> dict[str, Any]:
        """What its process holds, once it has nothing to do."""
        answer = send(self.port, Request("GET", "/census"))
        assert answer.status == 200, self.log
        found: dict[str, Any] = json.loads(answer.body)
        assert found["idle"], "the recorder did not come to rest"
        return found


class Memory:
    """Resident memory of a process, in KiB (proc(5))."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")

    @property
    def now(self) -> int:
        """What it holds."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """The most it held since :meth:`forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begin again with what it holds."""
        (self._folder / "clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        lines = dict(line.split(":", 1) for line in (self._folder / "status").read_text().splitlines())
        return int(lines[name].split()[0])


def download(port: int, path: str) -> int:
    """Ask, and keep nothing of the answer; how many bytes came."""
    with connect(port) as (connection, stream):
        connection.sendall(Request("GET", path).encode())
        status, _, headers = read_head(stream)
        assert status == 200
        if (b"Transfer-Encoding".lower(), b"chunked") in [(name.lower(), value) for name, value in headers]:
            return sum(len(chunk) for chunk in read_chunks(stream))
        total = 0
        while data := stream.read(len(PIECE)):
            total += len(data)
        return total


def upload(port: int, megabytes: int) -> bytes:
    """Send a body of that size; the answer's body."""
    with connect(port) as (connection, stream):
        head = Request("POST", "/upload", (("Content-Length", str(megabytes << 20)),))
        connection.sendall(head.encode().replace(b"Content-Length: 0\r\n", b""))
        for piece in pieces(megabytes):
            connection.sendall(piece)
        read_head(stream)
        return stream.read()
