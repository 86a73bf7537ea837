"""Values that modules draw as they are imported: given again, else a miss says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fidelity.servers import RECORDING, REPLAYING, Server
from tests.fidelity.wire import Request, send
from tests.services.environment import instrumenting
from tests.services.upstream import Upstream

SERVICE = """
import os, uuid
import fastapi, httpx

INSTANCE, SHORT = str(uuid.uuid4()), "w" + uuid.uuid4().hex[:6] + "1"
app = fastapi.FastAPI()


def ask(**asked):
    return httpx.get(f"{os.environ['UPSTREAM_URL']}/json/item", params=asked).status_code


@app.get("/known")
@app.get("/others/known")
def known():
    return [ask(instance=INSTANCE), ask(instance=INSTANCE, again="1")]


@app.get("/short")
@app.get("/others/short")
def short():
    return ask(instance=SHORT)
"""
RULE = '[[volatile]]\ncall = "http GET */item"\nquery = "instance"\n'
ADVICE = (
    "If the app draws this value anew each time: what its own modules draw at import, and what it draws"
    " while it starts (lifespan), is that of the first process that was recorded; what threads and installed"
    " packages draw there is not given again. Draw it in the request, or give it a rule"
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


def record(folder: Path, upstream: Upstream, *paths: str) -> None:
    """The requests to one process of the service."""
    environ = {
        "UPSTREAM_URL": upstream.url,
        "TIMETRACER_DIR": "cassettes",
        **instrumenting("fastapi", "httpx"),
    }
    command = ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0")
    server = Server(command, RECORDING, environ, folder)
    answers = [send(server.port, Request("GET", path)).status for path in paths]
    server.stop()
    assert answers == [200 for _ in paths], server.log


def test_ids_of_modules_are_those_of_the_first_process(tmp_path: Path, upstream: Upstream) -> None:
    """Where another served a request, an id that looks random is followed; a short one needs a rule."""
    (tmp_path / "service.py").write_text(SERVICE)
    record(tmp_path, upstream, "/known", "/short")
    record(tmp_path, upstream, "/others/known", "/others/short")
    verdicts = replayed(tmp_path, upstream.url)
    outcome, (missed,) = verdicts.pop("GET /others/short")
    assert (outcome, missed.endswith(ADVICE)) == ("different", True), missed
    assert verdicts == {
        "GET /known": ("same", []),
        "GET /short": ("same", []),
        "GET /others/known": ("same", []),
    }

    # a rule says that it may be anything
    (tmp_path / "cassettes/timetracer.toml").write_text(RULE)
    assert {outcome for outcome, _ in replayed(tmp_path, upstream.url).values()} == {"same"}


FORKED = """
import random, secrets, time, uuid
import flask

KEY = secrets.token_hex()
NAME, STARTED = "w" + uuid.uuid4().hex[:6], time.time()
ORDER = random.sample(range(1000), 3)


def make():
    app, made = flask.Flask(__name__), uuid.uuid4().hex[:7]

    @app.get("/known")
    def known():
        late = time.time() - STARTED > 300
        return {"name": NAME, "order": ORDER, "made": made, "late": late, "secret_key": KEY}

    return app
"""


@pytest.mark.parametrize(
    "forked", [(), ("--preload",)], ids=["imported in a worker", "imported before the fork"]
)
def test_a_service_without_a_start_up(tmp_path: Path, forked: tuple[str, ...]) -> None:
    """gunicorn forks its workers; what a function draws that makes the app is given again as well."""
    (tmp_path / "service.py").write_text(FORKED)
    command = ("gunicorn", "service:make()", "--bind", "127.0.0.1:0", "--no-control-socket", *forked)
    environ = {"TIMETRACER_DIR": "cassettes", **instrumenting("flask")}
    answers = []
    for launcher, mode in ((RECORDING, "record"), (REPLAYING, "replay"), (REPLAYING, "replay")):
        server = Server(command, launcher, {**environ, "TIMETRACER_MODE": mode}, tmp_path)
        answers.append(json.loads(send(server.port, Request("GET", "/known")).body))
        server.stop()
    keys = [answer.pop("secret_key") for answer in answers]
    assert answers == [answers[0]] * 3
    assert answers[0]["late"] is False
    assert len(set(keys)) == 3, "a key is never kept"
    (imported,) = (tmp_path / "cassettes").glob("*/import__*.json")
    written = imported.read_text()
    assert (keys[0] in written, "value of secrets.token_hex(32)@service:service.KEY" in written) == (
        False,
        True,
    )
