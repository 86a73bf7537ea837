"""A service whose start-up makes short ids and is given some, run by several processes, for real."""

from __future__ import annotations

import http.server
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.services.environment import instrumenting
from timetracer_otel.demo.processes import Server

APP = """
import asyncio, contextlib, os, random, secrets, uuid
import httpx
from fastapi import FastAPI

UPSTREAM = os.environ["UPSTREAM"]

async def beat(app):
    while True:
        await app.state.client.post(UPSTREAM + "/beat", json={"beat": uuid.uuid4().hex})
        await asyncio.sleep(0.01)

@contextlib.asynccontextmanager
async def lifespan(app):
    async with httpx.AsyncClient() as app.state.client:
        app.state.me = f"shop-{uuid.uuid4().hex[:8]}-{random.randint(10, 99)}"
        asked = {"me": app.state.me, "pin": secrets.choice("abcdef") * 4}
        app.state.lease = (await app.state.client.post(UPSTREAM + "/leases", json=asked)).json()["lease"]
        beating = asyncio.create_task(beat(app))
        yield
        beating.cancel()

app = FastAPI(lifespan=lifespan)

@app.get("/state")
async def state():
    headers = {"x-lease": app.state.lease}
    answer = await app.state.client.post(UPSTREAM + "/check", headers=headers, json={})
    return {"me": app.state.me, "mine": answer.json()["me"] == app.state.me}
"""


class Upstream(http.server.ThreadingHTTPServer):
    """Gives each instance a short lease, and knows whose a lease is."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.numbers = itertools.count(1)
        self.leases: dict[str, str] = {}

    def answer(self, path: str, asked: dict[str, str], lease: str) -> dict[str, str]:
        if path == "/leases":
            given = f"lease-{next(self.numbers)}"
            self.leases[given] = asked["me"]
            return {"lease": given}
        return {"me": self.leases[lease]} if path == "/check" else {}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self.server.answer(self.path, asked, self.headers.get("x-lease", ""))
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        pass


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], list[str]]:
    """Two processes record a request each. Where, the environment, who they said they were."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "app.py").write_text(APP)
    answered = []
    with Upstream() as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        environment = {
            **instrumenting("fastapi", "httpx"),
            "UPSTREAM": f"http://127.0.0.1:{upstream.server_port}",
        }
        for _ in range(2):
            with Server(
                ["timetracer-otel", "record", "--", "uvicorn", "app:app"], folder, environment
            ) as app:
                answered.append(httpx.get(f"{app.url}/state", timeout=60).json())
        upstream.shutdown()
        thread.join()
    assert [answer["mine"] for answer in answered] == [True, True]
    return folder, environment, [answer["me"] for answer in answered]


def test_a_server_starts_as_the_first_did(recorded: tuple[Path, dict[str, str], list[str]]) -> None:
    """And requests that the second served are answered with what the first is and has."""
    folder, environment, (first, _) = recorded
    with Server(
        ["timetracer-otel", "replay", "cassettes", "--", "uvicorn", "app:app"], folder, environment
    ) as app:
        answers = [httpx.get(f"{app.url}/state", timeout=60).json() for _ in range(3)]
    assert answers == [{"me": first, "mine": True}] * 3


def test_a_replay_in_process_is_the_same(recorded: tuple[Path, dict[str, str], list[str]]) -> None:
    folder, environment, _ = recorded
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "cassettes", "--app", "app:app"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 replayed: 2 same" in done.stdout
