"""A service recorded as a real server with clients of its own, then replayed with nothing of that there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.fidelity.servers import RECORDING, Server
from tests.services.environment import instrumenting

UVICORN = ("uvicorn", "members:app", "--host", "127.0.0.1", "--port", "0")
GUNICORN = ("gunicorn", "members:app", "--bind", "127.0.0.1:0", "--no-control-socket")


def record(
    directory: Path, command: tuple[str, ...], use: Callable[[httpx.Client], None], **environment: str
) -> str:
    """What the cassettes of a service say.

    Args:
        directory: where its module ``members`` is, and ``cassettes`` will be.
        command: starts it.
        use: asks it.
        environment: of the service.
    """
    environment = {
        "TIMETRACER_DIR": str(directory / "cassettes"),
        "PYTHONPATH": str(directory),
        **instrumenting("fastapi", "flask", "django", "httpx", "sqlite3", "threading"),
        **environment,
    }
    server = Server(command, RECORDING, environment, directory)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
            use(client)
    finally:
        server.stop()
    return "".join(file.read_text() for file in (directory / "cassettes").rglob("*.json"))


def replay(directory: Path) -> str:
    """What a replay of all of it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "cassettes", "--app", "members:app"],
        cwd=directory, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
