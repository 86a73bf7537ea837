"""What a request does after it is over belongs to it, in a replay as in its recording."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.replaying.recorded import CALLERS, SETTINGS, cassette
from tests.replaying.test_in_process import EUR, TEXT, answered, asked, replay, told
from tests.services.environment import without_settings
from tests.services.ports import free_port
from timetracer_otel.cassette import Cassette
from timetracer_otel.replayers import stragglers
from timetracer_otel.replayers.matching import Match
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import outstanding

ASGI = """
import asyncio, httpx
from fastapi import FastAPI, Response

app = FastAPI()

async def later():
    await asyncio.sleep(0.05)
    async with httpx.AsyncClient() as client:
        await client.get("http://rates/EUR")

@app.get("/task")
async def task():
    app.state.task = asyncio.create_task(later())
    return Response("ok", media_type="text/plain")

@app.get("/changed")
async def changed():
    return Response("ok", media_type="text/plain")
"""
WSGI = """
import threading, time
import httpx
from flask import Flask

app = Flask("shop")

def later():
    time.sleep(0.05)
    httpx.get("http://rates/EUR")

@app.get("/thread")
def thread():
    threading.Thread(target=later).start()
    return "ok", {"content-type": "text/plain; charset=utf-8"}
"""


def late(path: str, started: int) -> Cassette:
    """A request whose one call was made a moment after it was over."""
    made = cassette(EUR, asked=asked(path), answered=answered(b"ok", TEXT), started=started)
    call = made.calls()[0].span
    call.start_time_unix_nano = made.entry.end_time_unix_nano + 1_000_000
    return Cassette.load(made.dump())


def test_a_task_that_nobody_waits_for_is_waited_for(tmp_path: Path) -> None:
    verdicts = replay(ASGI, "app", tmp_path, late("/task", 1), late("/changed", 2), late("/task", 3))
    assert told(verdicts) == [
        ("GET /task", "same", 1, []),
        ("GET /changed", "different", 0, ["missing: GET http://rates/EUR"]),
        ("GET /task", "same", 1, []),
    ]


def test_a_thread_that_nobody_waits_for_is_waited_for(tmp_path: Path) -> None:
    verdicts = replay(WSGI, "app", tmp_path, late("/thread", 1))
    assert told(verdicts) == [("GET /thread", "same", 1, [])]


def test_a_call_is_waited_for_until_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = late("/thread", 1)
    request = recorded.calls()[0].request
    session = Session([recorded], SETTINGS)
    found, looked = threading.Event(), threading.Event()
    looks: list[float | None] = []

    def answer(match: Match) -> object:
        found.set()
        assert looked.wait(60)
        return match.call.fresh_answer()

    def look(session: Session) -> float | None:
        looks.append(outstanding(session))
        if len(looks) == 2:
            looked.set()
        return looks[-1]

    monkeypatch.setattr(Match, "fresh_answer", answer)
    monkeypatch.setattr(stragglers, "outstanding", look)
    thread = threading.Thread(target=session.begin, args=(CALLERS["http"], request))
    thread.start()
    try:
        assert found.wait(60)
        assert session.unused == []
        stragglers.wait(session, threading.enumerate())
        assert [call.title for call in session.calls] == ["GET http://rates/EUR"]
    finally:
        looked.set()
        thread.join()


def test_a_task_that_was_faster_when_it_was_recorded_is_waited_for(tmp_path: Path) -> None:
    verdicts = replay(
        ASGI, "app", tmp_path, cassette(EUR, asked=asked("/task"), answered=answered(b"ok", TEXT), started=1)
    )
    assert told(verdicts) == [("GET /task", "same", 1, [])]


@pytest.mark.parametrize("path", ["/task", "/changed"])
def test_a_service_that_is_asked_over_its_port(tmp_path: Path, path: str) -> None:
    (tmp_path / "shop_app.py").write_text(ASGI)
    (tmp_path / "cassettes").mkdir()
    (tmp_path / "cassettes/0.json").write_bytes(late(path, 1).dump())
    port = str(free_port())
    command = ["replay", "cassettes", "--url", f"http://127.0.0.1:{port}", "--"]
    command += [sys.executable, "-m", "uvicorn", "shop_app:app", "--port", port, "--log-level", "warning"]
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", *command],
        cwd=tmp_path,
        env=without_settings(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = ["missing: GET http://rates/EUR"] if path == "/changed" else []
    lines = done.stdout.splitlines()
    assert [line.strip() for line in lines if "missing" in line] == found, done
    assert done.returncode == (1 if found else 0), done
