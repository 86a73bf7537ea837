"""``TIMETRACER_ON_MISS=record``: what nothing recorded answers goes out and joins a copy of the cassette."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.services.environment import instrumenting
from tests.services.upstream import Upstream
from timetracer_otel import Cassette, config, record, replay
from timetracer_otel.demo.processes import Sent, Server, send
from timetracer_otel.messages import HttpRequest

DAY = 86_400 * 10**9


def _make_older(path: Path) -> None:
    """As if it had been recorded two days ago."""
    cassette = Cassette.load(path)
    for span in cassette.spans:
        span.start_time_unix_nano -= 2 * DAY
        span.end_time_unix_nano -= 2 * DAY
    path.write_bytes(cassette.dump())


def test_a_missed_call_goes_out_and_joins_a_copy(tmp_path: Path, upstream: Upstream) -> None:
    settings = config.load(environ={}, dir=tmp_path / "store", on_miss="record")
    with record(settings=settings) as recording:
        first = httpx.get(f"{upstream.url}/json/first").json()
    assert recording.path is not None
    _make_older(recording.path)
    before = recording.path.read_bytes()
    upstream.fresh()

    with replay(recording.path, settings=settings) as session:
        assert httpx.get(f"{upstream.url}/json/first").json() == first
        second = httpx.get(f"{upstream.url}/json/second", headers={"authorization": "Bearer abc"}).json()
    assert [call.outcome for call in session.calls] == ["answered", "missed"]
    assert upstream.arrived == {"GET": 1}

    [copy] = (tmp_path / "store-captured").rglob("*.json")
    assert recording.path.read_bytes() == before
    cassette = Cassette.load(copy)
    calls = cassette.calls()
    assert [call.request.title() for call in calls if call.request is not None] == [
        f"GET {upstream.url}/json/first",
        f"GET {upstream.url}/json/second",
    ]
    assert "Bearer abc" not in copy.read_text()
    a_day_later = cassette.started + DAY
    assert all(call.span.end_time_unix_nano < a_day_later for call in calls)

    upstream.stop()
    with replay(copy) as session:
        assert httpx.get(f"{upstream.url}/json/first").json() == first
        again = httpx.get(f"{upstream.url}/json/second", headers={"authorization": "Bearer abc"}).json()
        assert again == second
    assert session.unused == []


APP = """
import os
import fastapi
import httpx

app = fastapi.FastAPI()

@app.get("/prices")
def prices():
    names = os.environ["NAMES"].split()
    return [httpx.get(os.environ["UPSTREAM"] + "/json/" + name).json()["place"] for name in names]
"""


def test_by_the_command_and_by_a_server(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    environment = {**instrumenting("fastapi", "httpx"), "UPSTREAM": upstream.url, "NAMES": "tea"}
    command = str(Path(sys.executable).with_name("timetracer-otel"))
    with Server(
        [command, "record", "--dir", "recorded", "--", "uvicorn", "shop:app"], tmp_path, environment
    ) as server:
        assert send(server.url, Sent("GET", "/prices")).body == '["tea"]'
    upstream.fresh()
    environment["NAMES"] = "tea cup"

    # in this process
    done = subprocess.run(
        [command, "replay", "recorded", "--app", "shop:app", "--on-miss", "record"],
        env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "http GET" in done.stdout or "/json/cup" in done.stdout
    [copy] = (tmp_path / "recorded-captured").rglob("*.json")
    assert f"timetracer-otel: 1 captured call is in {copy}\n" in done.stderr
    assert [call.request.title() for call in Cassette.load(copy).calls() if call.request is not None] == [
        f"GET {upstream.url}/json/tea",
        f"GET {upstream.url}/json/cup",
    ]
    assert upstream.arrived == {"GET": 1}
    copy.unlink()

    # as a server
    replaying = [command, "replay", "recorded", "--on-miss", "record", "--", "uvicorn", "shop:app"]
    with Server(replaying, tmp_path, environment) as server:
        assert send(server.url, Sent("GET", "/prices")).body == '["tea","cup"]'
    [copy] = (tmp_path / "recorded-captured").rglob("*.json")
    assert upstream.arrived == {"GET": 2}

    # the copy answers it all
    upstream.stop()
    with Server([command, "replay", str(copy), "--", "uvicorn", "shop:app"], tmp_path, environment) as server:
        assert send(server.url, Sent("GET", "/prices")).body == '["tea","cup"]'


def test_an_update_puts_a_captured_write_where_it_was_made(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = APP.replace("httpx.get", "httpx.post").replace("/json/", "/echo/").replace("place", "path")
    (tmp_path / "shop.py").write_text(app)
    monkeypatch.chdir(tmp_path)
    environment = {**instrumenting("fastapi", "httpx"), "UPSTREAM": upstream.url, "NAMES": "tea"}
    command = str(Path(sys.executable).with_name("timetracer-otel"))
    with Server([command, "record", "--", "uvicorn", "shop:app"], tmp_path, environment) as server:
        assert send(server.url, Sent("GET", "/prices")).body == '["/echo/tea"]'
    environment["NAMES"] = "cup tea"
    for options, outcome in ((("--update", "--on-miss", "record"), "1 updated"), ((), "1 same")):
        done = subprocess.run(
            [command, "replay", "--app", "shop:app", *options],
            env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert (done.returncode, outcome in done.stdout) == (0, True), done.stdout


TOKEN = "tok-5e0c9aA1/Zq"


def test_what_any_call_of_the_replay_gave_away_is_masked_in_captured_ones(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = config.load(environ={}, dir=tmp_path / "store", on_miss="record")
    with record(settings=settings) as recording:
        httpx.get(f"{upstream.url}/json/first", headers={"Authorization": f"Bearer {TOKEN}"})
    assert recording.path is not None

    with replay(recording.path, settings=settings):
        httpx.post(f"{upstream.url}/echo", params={"q": TOKEN}, content=f"for {TOKEN}".encode())
        httpx.get(f"{upstream.url}/json/first", headers={"Authorization": f"Bearer {TOKEN}"})

    [copy] = (tmp_path / "store-captured").rglob("*.json")
    assert TOKEN not in copy.read_text()
    assert TOKEN.replace("/", "%2F") not in copy.read_text()
    _, captured = Cassette.load(copy).calls()
    assert isinstance(captured.request, HttpRequest)
    assert (captured.span.name, captured.request.body) == (
        f"POST {upstream.url}/echo?q=%5BREDACTED%5D",
        b"for [REDACTED]",
    )


ACCOUNTS = """
import os
import fastapi
import httpx

app = fastapi.FastAPI()

@app.get("/me")
def me(authorization: str = fastapi.Header()):
    said = {"key": "session:" + authorization.removeprefix("Bearer ")}
    for name in os.environ["NAMES"].split():
        httpx.post(os.environ["UPSTREAM"] + "/echo/" + name, json=said)
    return said | {"count": len(os.environ["NAMES"].split())}
"""


@pytest.mark.parametrize("options", [(), ("--update",)], ids=["copied", "updated"])
def test_the_token_of_the_request_is_masked_in_captured_calls_and_in_the_response(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    (tmp_path / "shop.py").write_text(ACCOUNTS)
    monkeypatch.chdir(tmp_path)
    environment = {"UPSTREAM": upstream.url, "NAMES": "tea"}
    command = str(Path(sys.executable).with_name("timetracer-otel"))
    with Server([command, "record", "--", "uvicorn", "shop:app"], tmp_path, environment) as server:
        httpx.get(f"{server.url}/me", headers={"Authorization": f"Bearer {TOKEN}"})
    environment["NAMES"] = "tea cup"
    header = ("--header", f"Authorization: Bearer {TOKEN}")
    done = subprocess.run(
        [command, "replay", "--app", "shop:app", "--on-miss", "record", *header, *options],
        env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "captured" in done.stderr or "updated" in done.stdout, done.stderr + done.stdout
    [path] = tmp_path.rglob("*.json") if options else (tmp_path / "cassettes-captured").rglob("*.json")
    assert TOKEN not in path.read_text()
    made = Cassette.load(path)
    assert [getattr(call.request, "body", b"") for call in made.calls()] == [
        b'{"key":"session:[REDACTED]"}',
        b'{"key":"session:[REDACTED]"}',
    ]
    assert made.inbound_response is not None
