"""A service in replay says that it is up: paths that are not recorded are for the app."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.services.environment import instrumenting
from tests.services.upstream import Upstream
from timetracer_otel.demo.processes import Sent, Server, send

APP = """
import os
import fastapi
import httpx

app = fastapi.FastAPI()

@app.get("/health")
def health():
    return {"up": True}

@app.get("/ready")
def ready():
    try:
        return httpx.get(os.environ["UPSTREAM"] + "/json/ready").json()["place"]
    except httpx.HTTPError as error:
        return "nobody there"

@app.get("/metrics")
def metrics():
    return "counted: " + httpx.get(os.environ["UPSTREAM"] + "/json/metrics").json()["place"]

@app.get("/price")
def price():
    return httpx.get(os.environ["UPSTREAM"] + "/json/tea").json()["place"]
"""


def test_paths_that_are_not_recorded_are_for_the_app(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    environment = {**instrumenting("fastapi", "httpx"), "UPSTREAM": upstream.url}
    command = str(Path(sys.executable).with_name("timetracer-otel"))
    recording = {**environment, "TIMETRACER_EXCLUDE_PATHS": "/health,/ready"}
    with Server([command, "record", "--", "uvicorn", "shop:app"], tmp_path, recording) as server:
        asked = ("/health", "/price", "/metrics")
        assert [send(server.url, Sent("GET", path)).status for path in asked] == [200, 200, 200]
    assert len(list((tmp_path / "cassettes").rglob("*.json"))) == 2
    upstream.fresh()

    with Server([command, "replay", "--", "uvicorn", "shop:app"], tmp_path, environment) as server:
        said = {path: send(server.url, Sent("GET", path)) for path in (*asked, "/ready", "/other")}
    assert {path: answer.status for path, answer in said.items()} == {
        "/health": 200,
        "/price": 200,
        "/metrics": 200,
        "/ready": 500,
        "/other": 501,
    }
    assert said["/health"].body == '{"up":true}'
    assert said["/metrics"].body == '"counted: metrics"'  # it was recorded, so it is replayed
    assert said["/other"].body.startswith("timetracer-otel: no cassette recorded GET /other;")
    assert upstream.arrived == {}  # what /ready asks is refused as ever
