"""A service that makes ids whenever it starts and tells them the world, recorded and replayed for real."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.fidelity.servers import REPLAYING
from tests.fidelity.servers import Server as AnyServer
from tests.services.environment import instrumenting
from tests.slow import later
from timetracer_otel.demo.processes import Server

APP = """
import contextlib, os, time, uuid, httpx
from fastapi import FastAPI

UPSTREAM = os.environ["UPSTREAM"]

def ask(client, what, **body):
    headers = {"x-request-id": str(uuid.uuid4()), "idempotency-key": uuid.uuid4().hex}
    return client.post(UPSTREAM + what, headers=headers, json={"sent": time.time(), **body})

with httpx.Client() as client:
    flags = ask(client, "/flags", service="shop").json()

@contextlib.asynccontextmanager
async def lifespan(app):
    me = str(uuid.uuid4())
    async with httpx.AsyncClient() as client:
        made = (await ask(client, "/instances", id=me)).json()
        assert made["id"] == me, (made, me)
        lease = (await ask(client, "/leases", id=me, number=made["number"])).json()["lease"]
        app.state.lease = (await ask(client, f"/leases/{lease}")).json()
    app.state.me = me
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/state")
async def state():
    async with httpx.AsyncClient() as client:
        seen = (await ask(client, "/instances", id=app.state.me)).json()["id"]
    return {"flags": flags, "lease": app.state.lease, "seen": seen == app.state.me}
"""
STATE = {"flags": {"path": "/flags", "service": "shop"}, "lease": {"known": True}, "seen": True}


class Upstream(http.server.ThreadingHTTPServer):
    """Knows instances by the ids they make, and gives each a number and a lease."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.leases: set[str] = set()

    def answer(self, path: str, asked: dict[str, object]) -> dict[str, object]:
        if path == "/flags":
            return {"path": path, "service": asked["service"]}
        if path == "/instances":
            return {"id": asked["id"], "number": os.urandom(12).hex()}
        if path == "/leases":
            lease = os.urandom(12).hex()
            self.leases.add(f"/leases/{lease}")
            return {"id": asked["id"], "lease": lease}
        return {"known": path in self.leases}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps(self.server.answer(self.path, asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        pass


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """One start and one request are recorded; the upstream is gone then. Where, and the environment."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "app.py").write_text(APP)
    with Upstream() as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        environment = {
            **instrumenting("fastapi", "httpx"),
            "UPSTREAM": f"http://127.0.0.1:{upstream.server_port}",
        }
        with Server(["timetracer-otel", "record", "--", "uvicorn", "app:app"], folder, environment) as app:
            assert httpx.get(f"{app.url}/state", timeout=60).json() == STATE
        upstream.shutdown()
        thread.join()
    return folder, environment


@pytest.fixture
def environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recording: tuple[Path, dict[str, str]]
) -> dict[str, str]:
    """The recording is in ``cassettes/``."""
    shutil.copytree(recording[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return recording[1]


REPLAY = ["timetracer-otel", "replay", "cassettes", "--", "uvicorn", "app:app"]


def replay(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(environment, "timetracer_otel", "replay", "--app", "app:app", *arguments)


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_server_starts_with_other_ids(tmp_path: Path, environment: dict[str, str]) -> None:
    with Server(REPLAY, tmp_path, environment) as app:
        assert httpx.get(f"{app.url}/state", timeout=60).json() == STATE


def test_each_worker_starts_with_ids_of_its_own(tmp_path: Path, environment: dict[str, str]) -> None:
    workers = ("uvicorn", "app:app", "--host", "127.0.0.1", "--port", "0", "--workers", "2")
    replaying = {**environment, "TIMETRACER_MODE": "replay", "TIMETRACER_DIR": str(tmp_path / "cassettes")}
    server = AnyServer(workers, REPLAYING, {**replaying, "PYTHONPATH": str(tmp_path)}, tmp_path / "log")
    try:
        first = server.wait_for_log("Application startup complete").index("Application startup complete")
        server.wait_for_log("Application startup complete", first + 1)
        assert httpx.get(f"http://127.0.0.1:{server.port}/state", timeout=60).json() == STATE
    finally:
        server.stop()


def test_a_replay_in_process_starts_with_other_ids(environment: dict[str, str]) -> None:
    done = replay(environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 replayed: 1 same" in done.stdout


@pytest.fixture
def alone(tmp_path: Path, environment: dict[str, str]) -> Path:
    """The file of the request, recorded on the day after the start."""
    (request,) = Path("cassettes").glob("*/GET__state__*.json")
    day = Path("cassettes/2026-01-02")
    day.mkdir()
    return request.rename(day / request.name)


def test_one_cassette_named_alone_has_the_start_up_beside_it(
    environment: dict[str, str], alone: Path
) -> None:
    done = replay(environment, str(alone))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 replayed: 1 same" in done.stdout


def test_a_server_has_the_start_up_beside_the_one_cassette(
    tmp_path: Path, environment: dict[str, str], alone: Path
) -> None:
    command = ["timetracer-otel", "replay", str(alone), "--", "uvicorn", "app:app"]
    with Server(command, tmp_path, environment) as app:
        assert httpx.get(f"{app.url}/state", timeout=60).json() == STATE


def test_a_test_of_one_cassette_has_the_start_up_beside_it(environment: dict[str, str], alone: Path) -> None:
    made = run(environment, "timetracer_otel", "generate-tests", str(alone), "--app", "app:app", "-o", "own")
    assert (made.returncode, made.stdout) == (0, "own/test_recorded.py: 1 test, written\n")
    tests = ("own", "--timetracer", "--timetracer-app", "app:app", str(alone))
    done = run(environment, "pytest", "-q", *tests)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_without_a_recorded_start_up_it_is_said(environment: dict[str, str], alone: Path) -> None:
    for cassette in set(Path("cassettes").glob("*/*")) - {alone}:
        cassette.unlink()
    done = replay(environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "/flags: nothing like it was recorded outside requests" in done.stderr


@pytest.mark.parametrize(
    ("changed", "to", "refused"),
    [
        ('service="shop"', 'service="bank"', "/flags"),
        later('"/flags"', '"/toggles"', "/toggles"),
        ("time.time()", "time.time() + 4000", "/flags"),
        later('id=me, number=made["number"]', 'id=str(uuid.uuid4()), number=made["number"]', "/leases"),
        later('number=made["number"]', "number=os.urandom(12).hex()", "/leases"),
        ('f"/leases/{lease}"', 'f"/leases/{os.urandom(12).hex()}"', "/leases/[0-9a-f]{24}"),
    ],
)
def test_what_is_another_call_is_refused(
    environment: dict[str, str], changed: str, to: str, refused: str
) -> None:
    assert changed in APP
    Path("app.py").write_text(APP.replace(changed, to))
    done = replay(environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(rf"MissError: POST http://[\d.:]+{refused}: no recorded call answers it", done.stderr)


def test_what_cannot_be_recognised_needs_a_rule(tmp_path: Path, environment: dict[str, str]) -> None:
    """Eight digits may be any word."""
    named = APP.replace('service="shop"', 'service="shop" + uuid.uuid4().hex[:8]')
    assert named != APP
    Path("app.py").write_text(named)
    refused = replay(environment)
    assert (refused.returncode, "/flags: no recorded call answers it" in refused.stderr) == (2, True)
    Path("cassettes/timetracer.toml").write_text(
        '[[volatile]]\ncall = "http POST */flags"\njson = "$.service"\n'
    )
    answered = replay(environment)
    assert (answered.returncode, answered.stderr) == (0, "")
    with Server(REPLAY, tmp_path, environment) as app:
        assert httpx.get(f"{app.url}/state", timeout=60).json() == STATE


TABLES = """
import contextlib, sqlite3
from fastapi import FastAPI

@contextlib.asynccontextmanager
async def lifespan(app):
    with sqlite3.connect("teas.db") as database:
        database.execute("CREATE TABLE teas (name)")
        database.execute("INSERT INTO teas VALUES ('assam')")
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/teas")
def teas():
    with sqlite3.connect("teas.db") as database:
        return [name for name, in database.execute("SELECT name FROM teas")]
"""
BLOCK = """
import sys, timetracer_otel
from fastapi.testclient import TestClient
from app import app
with timetracer_otel.replay(sys.argv[1]) as session, TestClient(app) as client:
    print(client.get("/teas").json(), session.unused)
"""


def test_a_block_of_one_cassette_has_the_start_up_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.py").write_text(TABLES)
    Path("block.py").write_text(BLOCK)
    environment = instrumenting("fastapi", "sqlite3")
    with Server(["timetracer-otel", "record", "--", "uvicorn", "app:app"], tmp_path, environment) as app:
        assert httpx.get(f"{app.url}/teas", timeout=60).json() == ["assam"]
    Path("teas.db").unlink()
    (request,) = Path("cassettes").glob("*/GET__teas__*.json")
    done = run(environment, "block", str(request))
    assert (done.returncode, done.stdout, done.stderr) == (0, "['assam'] []\n", "")
    assert not Path("teas.db").exists()


IDS = """
import contextlib, os, uuid, httpx
from fastapi import FastAPI

@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.me = "shop-" + uuid.uuid4().hex[:7]
    async with httpx.AsyncClient() as client:
        answer = await client.post(os.environ["UPSTREAM"] + "/instances", json={"id": app.state.me})
        app.state.number = answer.json()["number"]
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/state")
async def state():
    async with httpx.AsyncClient() as client:
        asked = {"id": app.state.me, "number": app.state.number, "new": uuid.uuid4().hex[:7]}
        seen = (await client.post(os.environ["UPSTREAM"] + "/instances", json=asked)).json()["id"]
    return {"me": app.state.me, "seen": seen}
"""
IDS_BLOCK = """
import sys, timetracer_otel
from fastapi.testclient import TestClient
from app import app
with timetracer_otel.replay(sys.argv[1]) as session, TestClient(app) as client:
    print(client.get("/state").json(), session.unused)
"""


def test_a_block_of_one_cassette_starts_an_app_with_its_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not look random, and neither the start nor the request can do with others."""
    monkeypatch.chdir(tmp_path)
    Path("app.py").write_text(IDS)
    Path("block.py").write_text(IDS_BLOCK)
    with Upstream() as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{upstream.server_port}"
        environment = {**instrumenting("fastapi", "httpx"), "UPSTREAM": url}
        with Server(["timetracer-otel", "record", "--", "uvicorn", "app:app"], tmp_path, environment) as app:
            told = httpx.get(f"{app.url}/state", timeout=60).json()
        upstream.shutdown()
        thread.join()
    (request,) = Path("cassettes").glob("*/GET__state__*.json")
    done = run(environment, "block", str(request))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{told} []\n", "")

    Path("app.py").write_text(IDS.replace('"shop-"', '"bank-"'))
    done = run(environment, "block", str(request))
    assert done.returncode == 1
    assert re.search(r"MissError: POST http://[\d.:]+/instances: no recorded call answers it", done.stderr)
