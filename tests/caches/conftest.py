"""Services that hold answers in caches of their processes, recorded with what they ask; that is gone then."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.services.environment import instrumenting, without_settings
from timetracer_otel.store import FolderStore

ROOT = Path(__file__).parents[2]
FASTAPI = "tests.caches.fastapi_app:app"
DJANGO = "tests.caches.django_app"
TABLES = """
CREATE TABLE products (id, price); INSERT INTO products VALUES (1, 10), (2, 20);
CREATE TABLE settings (name, value); INSERT INTO settings VALUES ('title', 'Shop');
CREATE TABLE django_content_type (id INTEGER PRIMARY KEY, app_label, model);
INSERT INTO django_content_type VALUES (3, 'auth', 'group');
"""


class Upstream(ThreadingHTTPServer):
    """Rates and logins; ``/held`` waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.holds = threading.Event()
        self.let_go = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        if self.path == "/held":
            self.server.holds.set()
            self.server.let_go.wait(60)
        body = json.dumps({"rate": 1.5, "login": "clerk"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


class Replayed(NamedTuple):
    """What ``timetracer-otel replay --json`` said."""

    status: int
    verdicts: list[dict[str, Any]]
    log: str

    @property
    def outcomes(self) -> list[str]:
        return [verdict["outcome"] for verdict in self.verdicts]

    @property
    def notes(self) -> list[list[str]]:
        return [verdict["notes"] for verdict in self.verdicts]


class Recorded:
    """The cassettes of a service, in the order they were recorded in."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.folder = directory / "cassettes"
        self.environment = environment

    @property
    def paths(self) -> list[Path]:
        found = [(one.started, path) for path, one in FolderStore(self.folder).iter() if one.inbound_request]
        return [path for _, path in sorted(found)]

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment that the service has, in which nothing of its world is left."""
        own = without_settings()
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder.parent,
            env={**own, **self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
        )

    def replay(self, *arguments: str | Path, **changes: str) -> Replayed:
        done = self.run("timetracer_otel", "replay", "--json", *map(str, arguments), **changes)
        return Replayed(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)


def _environment(directory: Path, upstream: Upstream, *libraries: str) -> dict[str, str]:
    with sqlite3.connect(directory / "shop.db") as database:
        database.executescript(TABLES)
    return {
        **instrumenting(*libraries),
        "SHOP_DB": str(directory / "shop.db"),
        "UPSTREAM": f"http://127.0.0.1:{upstream.server_port}",
        "PYTHONPATH": str(ROOT),
    }


def _is_gone(directory: Path, server: Server, upstream: Upstream) -> None:
    server.stop()
    upstream.shutdown()
    upstream.server_close()
    (directory / "shop.db").unlink()


@pytest.fixture(scope="session")
def fastapi(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One process: it asks for the title and the rate with the first request, for a token with the fourth."""
    directory, upstream = tmp_path_factory.mktemp("fastapi"), Upstream()
    recorded = Recorded(directory, _environment(directory, upstream, "fastapi", "httpx", "sqlalchemy"))
    told = {**recorded.environment, "TIMETRACER_DIR": str(recorded.folder)}
    server = Server(("uvicorn", FASTAPI, "--port", "0", "--lifespan", "off"), RECORDING, told, directory)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
        for path in ("/prices/1", "/prices/2", "/stock", "/orders", "/orders"):
            assert client.get(path).status_code == 200, server.log
    _is_gone(directory, server, upstream)
    return recorded


@pytest.fixture(scope="session")
def django(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Two processes: while one is held, the other serves two requests."""
    directory, upstream = tmp_path_factory.mktemp("django"), Upstream()
    recorded = Recorded(directory, _environment(directory, upstream, "django", "httpx"))
    told = {**recorded.environment, "TIMETRACER_DIR": str(recorded.folder)}
    command = ("gunicorn", f"{DJANGO}:application", "--bind", "127.0.0.1:0", "-w", "2", "--no-control-socket")
    server = Server(command, RECORDING, told, directory)
    url = f"http://127.0.0.1:{server.port}"
    answers: list[int] = []
    one = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/held", timeout=60).status_code))
    one.start()
    assert upstream.holds.wait(60), server.log
    answers += [httpx.get(f"{url}/kind", timeout=60).status_code for _ in range(2)]
    upstream.let_go.set()
    one.join()
    assert answers == [200, 200, 200], server.log
    _is_gone(directory, server, upstream)
    return recorded
