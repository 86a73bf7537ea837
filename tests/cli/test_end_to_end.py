"""A tiny service that asks an upstream: recorded and replayed by real processes."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import samples
from tests.services.environment import instrumenting
from timetracer_otel.demo.processes import Received, Sent, Server, send

APP = """
import os, httpx
from fastapi import FastAPI

app = FastAPI()

def make():
    return app

@app.get("/price/{item}")
async def price(item: str) -> dict:
    print("asked for", item)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{os.environ['UPSTREAM']}/rates/{item}")
    return {"item": item, "rate": answer.json()["rate"]}
"""
REQUESTS = (Sent("GET", "/price/tea"), Sent("GET", "/price/milk"))
ANSWERS = [
    Received(200, '{"item":"tea","rate":"rate of tea, request 1"}'),
    Received(200, '{"item":"milk","rate":"rate of milk, request 2"}'),
]


class Upstream(http.server.ThreadingHTTPServer):
    """Answers each request in a way of its own, and counts them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0

    @property
    def environment(self) -> dict[str, str]:
        return {**instrumenting("fastapi", "httpx"), "UPSTREAM": f"http://127.0.0.1:{self.server_port}"}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.asked += 1
        item = self.path.rpartition("/")[2]
        body = f'{{"rate": "rate of {item}, request {self.server.asked}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def recorded(directory: Path, upstream: Upstream) -> Upstream:
    """The service's requests are in ``cassettes/``; the upstream that was asked still runs."""
    (directory / "app.py").write_text(APP)
    with Server(
        ["timetracer-otel", "record", "--", "uvicorn", "app:app"], directory, upstream.environment
    ) as app:
        assert [send(app.url, request) for request in REQUESTS] == ANSWERS
    assert upstream.asked == 2
    return upstream


def replay(upstream: Upstream, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "--app", "app:app", *arguments],
        env=upstream.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def untimed(printed: str) -> list[str]:
    return [re.sub(r"[\d.]+ (µs|ms|s)\b", "TIME", row) for row in printed.splitlines()]


def test_an_app_is_replayed_in_process(recorded: Upstream) -> None:
    done = replay(recorded)
    assert done.returncode == 0
    assert untimed(done.stdout) == [
        "same       GET /price/{item}  200  1 call  TIME",
        "same       GET /price/{item}  200  1 call  TIME",
        "2 replayed: 2 same  TIME",
    ]
    assert "asked for tea" in done.stderr
    assert recorded.asked == 2

    one = replay(recorded, "-k", "milk", "--json", "--app", "app:make", "--factory", "cassettes/")
    assert one.returncode == 0
    (verdict,) = samples.objects(one.stdout)
    assert (verdict["outcome"], verdict["calls"], verdict["differences"]) == ("same", 1, [])
    assert recorded.asked == 2


def test_an_app_that_changed_is_different(recorded: Upstream) -> None:
    Path("app.py").write_text(APP.replace("/rates/{item}", "/prices/{item}"))
    done = replay(recorded, "--fail-fast")
    assert done.returncode == 1
    heading, *differences, summary = untimed(done.stdout)
    (path,) = Path("cassettes").glob(f"*/{heading.rpartition('/')[2]}")
    assert heading == f"DIFFERENT  GET /price/{{item}}  500  1 call  TIME  {path}"
    rates = recorded.environment["UPSTREAM"]
    assert differences == [
        f"    changed: HTTP URL: recorded '{rates}/rates/tea', live '{rates}/prices/tea'",
        "    and so: the app raised MissError: a call found no answer;"
        " response status: recorded 200, live 500; and 2 more",
    ]
    assert summary == "1 replayed: 1 different  TIME"
    assert recorded.asked == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-k", "nothing like it"],
            "error: none of the 2 cassettes with an inbound request is among those asked for\n",
        ),
        (
            ["--app", "app"],
            "error: --app 'app': give it as MODULE:ATTRIBUTE, as for uvicorn, or the settings"
            " module of a Django project\n",
        ),
        (
            ["--app", "no_such:app"],
            "error: --app no_such:app: ModuleNotFoundError: No module named 'no_such'\n",
        ),
    ],
)
def test_a_replay_that_cannot_be_done_is_2(directory: Path, arguments: list[str], said: str) -> None:
    (directory / "app.py").write_text(APP)
    samples.store(directory / "cassettes")
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "--app", "app:app", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(said)


def test_an_app_is_served_on_its_recordings(recorded: Upstream, directory: Path) -> None:
    command = ["timetracer-otel", "replay", "cassettes/", "--", "uvicorn", "app:app"]
    with Server(command, directory, recorded.environment) as app:
        assert [send(app.url, request) for request in reversed(REQUESTS)] == ANSWERS[::-1]
    assert recorded.asked == 2
