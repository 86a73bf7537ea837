"""Server processes of the applications here, and the place for their cassettes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.processes.service import Service
from tests.services.environment import instrumenting
from tests.services.ports import free_port
from timetracer_otel.store import FolderStore

UVICORN = ("uvicorn", "tests.processes.asgi:app", "--host", "127.0.0.1", "--port", "0")
QUIET_UVICORN = (*UVICORN, "--lifespan", "off")
"""Nothing but requests is recorded: no start-up."""
GUNICORN = ("gunicorn", "tests.processes.wsgi:app", "--bind", "127.0.0.1:0", "--no-control-socket")
GUNICORN_ASGI = ("gunicorn", "tests.processes.asgi:app", "--bind", "127.0.0.1:0", "--no-control-socket")
HYPERCORN = ("hypercorn", "tests.processes.asgi:app", "--bind", "127.0.0.1:0")
GRANIAN = ("granian", "tests.processes.asgi:app", "--interface", "asgi", "--host", "127.0.0.1")
"""Without a port: it does not tell which it was given."""
GUNICORN_GREEN = ("gunicorn", "tests.processes.green:app", "--bind", "127.0.0.1:0", "--no-control-socket")
FLASK = ("flask", "--app", "tests.processes.wsgi:app", "run", "--port", "0")

Start = Callable[..., Service]


def _ready(command: tuple[str, ...]) -> str:
    """What each worker prints that listens only then, where that is after the port is named."""
    if command[0] == "granian":
        return "Started worker-"
    return "Application startup complete" if command[0] == "uvicorn" and "--workers" in command else ""


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cassettes")


@pytest.fixture
def start(tmp_path: Path, store: FolderStore) -> Iterator[Start]:
    """Starts a server; it is stopped at the end if the test did not."""
    servers: list[Server] = []

    def started(
        command: tuple[str, ...], launcher: tuple[str, ...] = RECORDING, **environment: str
    ) -> Service:
        environment = {
            "TIMETRACER_DIR": str(store.path),
            **instrumenting("fastapi", "flask", "httpx", "threading"),
            **environment,
        }
        if command[0] == "granian":
            command = (*command, "--port", str(free_port()))
        server = Server(command, launcher, environment, tmp_path / f"server{len(servers)}")
        servers.append(server)
        if ready := _ready(command):
            # it names its port before any worker listens there
            workers = int(command[command.index("--workers") + 1]) if "--workers" in command else 1
            end = 0
            for _ in range(workers):
                end += server.wait_for_log(ready, end).index(ready) + 1
            with httpx.Client(transport=httpx.HTTPTransport(retries=4)) as client:
                client.get(f"http://127.0.0.1:{server.port}/health")
        return Service(server)

    yield started
    for server in servers:
        server.stop()
