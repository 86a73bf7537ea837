"""``timetracer-otel replay --fault``: a service, and what it makes of a dependency that fails."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli import samples
from tests.integrations.upstream import Upstream
from tests.services.environment import instrumenting
from timetracer_otel.demo.processes import Server
from timetracer_otel.store import FolderStore

APP = """
import os, sqlite3, httpx
from fastapi import FastAPI

app = FastAPI()

@app.get("/price/{item}")
def price(item: str):
    with sqlite3.connect(os.environ["DATABASE"]) as database:
        (rate,) = database.execute("SELECT 2").fetchone()
    for attempt in range(2):
        try:
            answer = httpx.get(os.environ["UPSTREAM"] + "/rates")
            answer.raise_for_status()
            break
        except httpx.TimeoutException:
            pass
        except httpx.HTTPStatusError as error:
            return {"item": item, "error": str(error.response.status_code)}
    else:
        return {"item": item, "rate": rate, "stale": True}
    return {"item": item, "rate": answer.json()["rate"]}
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """One request is recorded; the services are gone."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "app.py").write_text(APP)
    upstream = Upstream()
    body = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"rate": 7}'
    upstream.on("/rates", body)
    environment = {
        **instrumenting("fastapi", "httpx", "sqlite3"),
        "UPSTREAM": upstream.url,
        "DATABASE": str(folder / "shop.db"),
    }
    command = ["timetracer-otel", "record", "--", "uvicorn", "app:app"]
    with Server(command, folder, environment) as app:
        assert httpx.get(f"{app.url}/price/tea", timeout=60).json() == {"item": "tea", "rate": 7}
    upstream.stop()
    return folder, environment


@pytest.fixture
def environment(
    recording: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    shutil.copytree(recording[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return recording[1]


def replay(environment: dict[str, str], *arguments: str) -> tuple[int, list[str], str]:
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "--app", "app:app", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = re.sub(r"[\d.]+ (µs|ms|s)\b", "TIME", done.stdout)
    printed = re.sub(r"cassettes/[^\s\"]+", "PATH", printed).replace(environment["UPSTREAM"], "UPSTREAM")
    return done.returncode, printed.splitlines(), done.stderr


def test_how_a_service_takes_a_timeout(environment: dict[str, str]) -> None:
    assert replay(environment, "--fault", "http GET */rates: timeout")[:2] == (
        1,
        [
            "DIFFERENT  GET /price/{item}  200  3 calls  TIME  PATH",
            "    extra: GET UPSTREAM/rates",
            "    response body $.rate: recorded 7, live 2",
            "    response body $.stale: recorded nothing, live True",
            "    note: fault http GET */rates: timeout: happened 2 times",
            "1 replayed: 1 different  TIME",
        ],
    )


def test_how_a_service_takes_another_status(environment: dict[str, str]) -> None:
    status, printed, _ = replay(environment, "--fault", "http *: status 503")
    assert status == 1
    assert "    response body $.error: recorded nothing, live '503'" in printed
    assert "    note: fault http *: status 503: happened once" in printed


def test_calls_that_are_no_longer_made_are_named(environment: dict[str, str]) -> None:
    status, printed, _ = replay(environment, "--fault", "db SELECT: locked")
    assert status == 1
    assert any("OperationalError: database is locked" in line for line in printed)
    assert any("missing: GET UPSTREAM/rates" in line for line in printed)
    assert "    note: fault db SELECT: locked: happened once" in printed


def test_a_service_that_takes_it_well_is_the_same(environment: dict[str, str]) -> None:
    assert replay(environment, "--fault", "db SELECT: delay 20ms", "--fault", "redis *: timeout")[:2] == (
        0,
        [
            "same       GET /price/{item}  200  2 calls  TIME",
            "    note: fault db SELECT: delay 20ms: happened once",
            "note: fault redis *: timeout: never happened",
            "1 replayed: 1 same  TIME",
        ],
    )
    status, printed, _ = replay(environment, "--fault", "db SELECT: delay 20ms", "--json")
    assert status == 0
    assert json.loads(printed[0])["faults"] == {"db SELECT: delay 20ms": 1}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("http GET", "is malformed; give it as 'TARGET PATTERN: EFFECT', as in 'http GET */rates: timeout'"),
        ("http *: WrongError", "httpx cannot raise that; it can: connect timeout, connection error,"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_replayed(
    environment: dict[str, str], fault: str, said: str
) -> None:
    FolderStore("cassettes").write(samples.failing())  # older, so that it would be replayed first
    status, printed, error = replay(environment, "--fault", fault)
    assert (status, printed) == (2, [])
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_server_is_made_to_fail_as_well(environment: dict[str, str], tmp_path: Path) -> None:
    command = ["timetracer-otel", "replay", "--fault", "http *: timeout", "--", "uvicorn", "app:app"]
    with Server(command, tmp_path, environment) as app:
        answer = httpx.get(f"{app.url}/price/tea", timeout=60)
    assert answer.json() == {"item": "tea", "rate": 2, "stale": True}
