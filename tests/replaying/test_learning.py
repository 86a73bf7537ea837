"""``replay --learn``: a service with values that nothing can recognise, and the rules that it takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.integrations.upstream import Upstream
from tests.services.environment import instrumenting
from timetracer_otel.demo.processes import Server

APP = """
import itertools, os, sqlite3, httpx
from fastapi import FastAPI, Response

app = FastAPI()
chance = open("/dev/urandom", "rb")  # a source of chance that is not Python's

def load():
    return chance.read(1)[0] + chance.read(1)[0] * 256

@app.get("/orders/{id}")
def order(id: int, response: Response):
    with sqlite3.connect(os.environ["DATABASE"]) as database:
        database.execute("SELECT ?, ?", (id, load())).fetchall()
    body = {"id": id, "at": {"load": load()}}
    headers = {"x-load": str(load())}
    answer = httpx.post(os.environ["UPSTREAM"] + "/seen", params={"try": load()}, json=body, headers=headers)
    response.headers["x-load"] = str(load())
    return {"id": id, "load": load(), "seen": answer.json()["seen"]}
"""
RULES = [
    {"call": "db SELECT [?], [?]", "parameter": 2},
    {"call": "http POST UPSTREAM/seen", "query": "try"},
    {"call": "http POST UPSTREAM/seen", "header": "x-load"},
    {"call": "http POST UPSTREAM/seen", "json": "$.at.load"},
    {"response": "GET /orders/7", "header": "x-load"},
    {"response": "GET /orders/7", "json": "$.load"},
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """One request is recorded; the services are gone."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "app.py").write_text(APP)
    upstream = Upstream()
    upstream.on(
        "/seen", b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"seen": 1}'
    )
    environment = {
        **instrumenting("fastapi", "httpx", "sqlite3"),
        "UPSTREAM": upstream.url,
        "DATABASE": str(folder / "shop.db"),
    }
    command = ["timetracer-otel", "record", "--", "uvicorn", "app:app"]
    with Server(command, folder, environment) as app:
        assert httpx.get(f"{app.url}/orders/7", timeout=60).json()["seen"] == 1
    upstream.stop()
    return folder, environment


@pytest.fixture
def environment(
    recording: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    shutil.copytree(recording[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return recording[1]


def replay(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "--app", "app:app", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said, complained = (
        text.replace(environment["UPSTREAM"], "UPSTREAM") for text in (done.stdout, done.stderr)
    )
    return done.returncode, said, complained


def test_the_rules_for_what_no_two_runs_share_are_printed(environment: dict[str, str]) -> None:
    assert replay(environment)[0] == 1
    status, printed, said = replay(environment, "--learn", "2")
    assert (status, tomllib.loads(printed)["tool"]["timetracer"]["volatile"]) == (0, RULES), said
    Path("pyproject.toml").write_text(printed.replace("UPSTREAM", environment["UPSTREAM"]))
    status, printed, _ = replay(environment)
    assert status == 0
    assert "2 calls  2 normalised" in printed


def test_rules_are_written_beside_the_cassettes(environment: dict[str, str]) -> None:
    assert replay(environment, "--learn", "3", "--write-rules") == (
        0,
        f"{len(RULES)} new rules are in {Path('cassettes/timetracer.toml')}\n",
        "",
    )
    assert replay(environment)[0] == 0
    command = ["timetracer-otel", "replay", "--", "uvicorn", "app:app"]
    with Server(command, Path.cwd(), environment) as app:
        assert httpx.get(f"{app.url}/orders/7", timeout=60).json()["seen"] == 1


def test_what_is_the_same_each_time_is_no_rule(environment: dict[str, str]) -> None:
    Path("app.py").write_text(APP.replace('"id": id, "at"', '"id": id + 1, "at"'))
    status, printed, said = replay(environment, "--learn", "2")
    assert status == 1
    assert "left: HTTP body $.id: recorded 7, live 8 (the same each time)" in said
    assert 'json = "$.id"' not in printed
    assert replay(environment, "--write-rules")[0] == 2
    assert replay(environment, "--learn", "1")[0] == 2
