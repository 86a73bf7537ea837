"""Clients that hang up: recorded, then replayed with everything stopped, by a server and in this process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fidelity.servers import RECORDING, REPLAYING, ROOT, Server
from tests.fidelity.wire import Request, connect, read_chunks, read_head, send
from tests.services.environment import instrumenting, without_settings
from tests.services.upstream import Upstream
from tests.slow import later
from timetracer_otel.store import FolderStore

COMMANDS = {
    "fastapi": ("uvicorn", "tests.interruptions.apps.fastapi_app:app", "--port", "0"),
    "flask": (
        *("gunicorn", "tests.interruptions.apps.flask_app:app", "--bind", "127.0.0.1:0"),
        *("--workers", "1", "--threads", "4", "--no-control-socket"),
    ),
}


class Stage:
    """Where one test records and replays."""

    def __init__(self, folder: Path, upstream: Upstream, stack: ExitStack) -> None:
        self.folder = folder
        self.upstream = upstream
        self.store = FolderStore(folder / "cassettes")
        self._stack = stack
        self._environment = {"UPSTREAM_URL": upstream.url, **instrumenting("fastapi", "flask", "httpx")}

    def serve(self, framework: str, launcher: tuple[str, ...], **environment: str) -> Server:
        """A server of an application; stopped with the test at the latest."""
        folder = self.folder / f"server-{len(list(self.folder.iterdir()))}"
        server = Server(COMMANDS[framework], launcher, {**self._environment, **environment}, folder)
        self._stack.callback(server.stop)
        return server

    def record(self, framework: str, client: Callable[[Server], Any]) -> Any:
        """What a client saw while it was recorded; the upstream is gone afterwards."""
        server = self.serve(framework, RECORDING, TIMETRACER_DIR=str(self.store.path))
        seen = client(server)
        server.stop()
        self.upstream.stop()
        return seen

    def replaying(self, framework: str, **environment: str) -> Server:
        """A server that replays what was recorded."""
        added = {"TIMETRACER_MODE": "replay", "TIMETRACER_CASSETTE": str(self.store.path)}
        return self.serve(framework, REPLAYING, **added, **environment)

    def verdicts(self, framework: str, **environment: str) -> list[dict[str, Any]]:
        """What ``timetracer-otel replay --app`` says."""
        app = COMMANDS[framework][1]
        own = without_settings()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "timetracer_otel", "replay", "--json", "--app", app),
                str(self.store.path),
            ],
            env={**own, **self._environment, **environment, "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    upstream = Upstream()
    with ExitStack() as stack:
        stack.callback(upstream.stop)
        yield Stage(tmp_path, upstream, stack)


def hangs_up(path: str, asks: str = "/json/first", chunks: int = 1) -> Callable[[Server], Any]:
    """A client that reads so many chunks, waits for a call, hangs up, and waits for the app to leave."""

    def client(server: Server) -> list[bytes]:
        seen = []
        with connect(server.port) as (connection, stream):
            connection.sendall(Request("GET", path).encode())
            if chunks:
                read_head(stream)
                parts = read_chunks(stream)
                seen = [next(parts) for _ in range(chunks)]
            server.wait_for_log(f"asks {asks}\n")
        server.wait_for_log("left\n")
        return seen

    return client


def stops_sending(server: Server) -> None:
    """A client that announces more than it sends, waits until the app has asked for a part, and hangs up."""
    with connect(server.port) as (connection, _):
        connection.sendall(half_an_upload())
        server.wait_for_log("asks")
    server.wait_for_log("left\n")


def stops_sending_at_once(server: Server) -> None:
    """The same without waiting: a replay shows the app a body when it knows all that comes of it."""
    with connect(server.port) as (connection, _):
        connection.sendall(half_an_upload())
    server.wait_for_log("left\n")


def half_an_upload() -> bytes:
    """It is more than gunicorn reads at a time, before which the application sees nothing."""
    head = Request("POST", "/upload", (("Content-Length", "4000"),)).encode()
    return head.replace(b"Content-Length: 0\r\n", b"") + b"0123456789" * 200


FIRST = b'{"place": "first", "query": {}, "price": 12.5, "tags": ["a", "\\u00fc"], "none": null}'
CLIENTS: dict[str, tuple[str, Callable[[Server], Any], Any]] = {
    "while a call is under way": ("fastapi", hangs_up("/waiting", "/hang"), [FIRST]),
    "between endless events": ("fastapi", hangs_up("/endless", chunks=3), [FIRST, b"tick\n", b"tick\n"]),
    "while nothing happens": ("fastapi", hangs_up("/idle"), [FIRST]),
    "endless, flask": ("flask", hangs_up("/endless", chunks=2), [FIRST, b"tick\n" * 1000]),
    "in the middle of an upload": ("fastapi", stops_sending, None),
    "in the middle of an upload, flask": ("flask", stops_sending, None),
}
REPLAYED: dict[Callable[[Server], Any], Callable[[Server], Any]] = {stops_sending: stops_sending_at_once}


@pytest.mark.parametrize("how", [later(how) if "flask" in how else how for how in CLIENTS])
def test_a_client_that_hangs_up_does_so_in_a_replay(how: str, stage: Stage) -> None:
    framework, client, expected = CLIENTS[how]
    recorded = stage.record(framework, client)
    server = stage.replaying(framework)
    replayed = REPLAYED.get(client, client)(server)
    server.stop()
    verdicts = stage.verdicts(framework)

    assert (recorded, replayed) == (expected, expected)
    assert "timetracer-otel:" not in server.log
    assert "missing: " not in server.log
    assert [(verdict["outcome"], verdict["differences"]) for verdict in verdicts] == [("same", [])]


NEVER_CANCELLED = (
    "GET UPSTREAM/hang: it was cancelled when it was recorded; nobody cancelled it now, in SECONDS seconds;"
    " record again when that is right"
)


def test_a_client_that_does_not_hang_up_is_told(stage: Stage) -> None:
    stage.record("fastapi", hangs_up("/waiting", "/hang"))
    server = stage.replaying("fastapi")
    answer = send(server.port, Request("GET", "/waiting"))
    server.stop()

    assert (answer.status, answer.body, answer.whole) == (200, FIRST, False)
    assert anonymous(NEVER_CANCELLED, stage) in anonymous(server.log, stage)


def anonymous(text: str, stage: Stage) -> str:
    """Without what differs from one run to the next."""
    return re.sub(r"in \d+ seconds", "in SECONDS seconds", text.replace(stage.upstream.url, "UPSTREAM"))
