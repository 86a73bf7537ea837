"""Ids that a module makes as it is imported: followed where they look it, else a miss says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.fidelity.wire import Request, send
from tests.services.upstream import Upstream

SERVICE = """
import os, uuid
import fastapi, httpx

INSTANCE, SHORT = str(uuid.uuid4()), "w" + uuid.uuid4().hex[:6] + "1"
app = fastapi.FastAPI()


def ask(**asked):
    return httpx.get(f"{os.environ['UPSTREAM_URL']}/json/item", params=asked).status_code


@app.get("/known")
def known():
    return [ask(instance=INSTANCE), ask(instance=INSTANCE, again="1")]


@app.get("/short")
def short():
    return ask(instance=SHORT)
"""
RULE = '[[volatile]]\ncall = "http GET */item"\nquery = "instance"\n'
ADVICE = (
    "If the app draws this value anew each time: what it draws as a module is imported is not given again;"
    " draw it while the app starts (lifespan) or in the request, or give it a rule"
    " (docs/volatile-values.md#rules)"
)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


def replayed(folder: Path, url: str) -> dict[str, tuple[str, list[str]]]:
    """Of each request the outcome, and what is said of its misses."""
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "cassettes", "--app", "service:app", "--json"],
        env={**os.environ, "UPSTREAM_URL": url}, cwd=folder, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    said = {
        one["title"]: [found["detail"] for found in one["findings"] if found.get("detail")]
        for one in verdicts
    }
    return {one["title"]: (one["outcome"], said[one["title"]]) for one in verdicts}


def test_an_id_of_a_module(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "service.py").write_text(SERVICE)
    environ = {"UPSTREAM_URL": upstream.url, "TIMETRACER_DIR": "cassettes"}
    server = Server(
        ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0"), RECORDING, environ, tmp_path
    )
    answers = [send(server.port, Request("GET", path)).status for path in ("/known", "/short")]
    server.stop()
    assert answers == [200, 200], server.log

    verdicts = replayed(tmp_path, upstream.url)
    assert verdicts["GET /known"] == ("same", [])
    outcome, (missed,) = verdicts["GET /short"]
    assert (outcome, missed.endswith(ADVICE)) == ("different", True), missed

    (tmp_path / "cassettes/timetracer.toml").write_text(RULE)
    assert replayed(tmp_path, upstream.url) == {"GET /known": ("same", []), "GET /short": ("same", [])}
