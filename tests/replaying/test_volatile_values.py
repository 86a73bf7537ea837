"""A service whose values are others in each run, recorded and replayed by real processes."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.services.environment import instrumenting
from timetracer_otel.demo.processes import Server

APP = """
import os, sqlite3, httpx
from fastapi import FastAPI, Request

app = FastAPI()
upstream = os.environ["UPSTREAM"]

@app.post("/orders/{id}")
async def order(id: str, request: Request):
    body = await request.json()
    reference = open("/proc/sys/kernel/random/uuid").read().strip()
    with sqlite3.connect("orders.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (id, reference, item)")
        database.execute("INSERT INTO orders VALUES (?, ?, ?)", (id, reference, body["item"]))
    async with httpx.AsyncClient(base_url=upstream) as client:
        paid = {"order": id, "reference": reference, "item": body["item"]}
        made = await client.post("/payments", json=paid)
        headers = {"x-request-id": request.headers["x-request-id"]}
        query = {"payment": made.json()["payment"]}
        receipt = await client.get(f"/receipts/{reference}", params=query, headers=headers)
    return {"order": receipt.json()["order"], "reference": reference, "payment": made.json()["payment"]}
"""
FIRST, SECOND = (f"{one * 8}-0000-4000-8000-000000000000" for one in "ab")


class Upstream(http.server.ThreadingHTTPServer):
    """Takes payments, numbers them, and knows the order of each reference."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.payments = 11
        self.orders: dict[str, str] = {}
        self.asked: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **instrumenting("fastapi", "httpx", "sqlite3"),
            "UPSTREAM": f"http://127.0.0.1:{self.server_port}",
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.payments += 1
        self.server.orders[body["reference"]] = body["order"]
        self._answer({"payment": self.server.payments, "item": body["item"]})

    def do_GET(self) -> None:
        reference = self.path.partition("?")[0].rpartition("/")[2]
        self._answer({"order": self.server.orders.get(reference, "unknown")})

    def _answer(self, data: dict[str, Any]) -> None:
        self.server.asked.append(self.path)
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def order(url: str, id: str, request_id: str, item: str = "tea") -> httpx.Response:  # noqa: A002  # what it is
    return httpx.post(
        f"{url}/orders/{id}",
        json={"item": item},
        headers={"x-request-id": request_id},
        timeout=60,
    )


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    """One order is recorded."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "app.py").write_text(APP)
    with Server(
        ["timetracer-otel", "record", "--", "uvicorn", "app:app"], folder, upstream.environment
    ) as app:
        answer = order(app.url, FIRST, "3a1ba1c0-5b57-4b4c-8f7c-000000000001")
    assert answer.status_code == 200
    (folder / "orders.db").unlink()
    return folder


@pytest.fixture
def recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recording: Path, upstream: Upstream
) -> Iterator[Upstream]:
    """Its cassette is in ``cassettes/``; the upstream still runs, and is not asked."""
    shutil.copytree(recording, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    upstream.asked.clear()
    yield upstream
    assert upstream.asked == []


def replay(upstream: Upstream, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "--app", "app:app", *arguments],
        env=upstream.environment,
        capture_output=True,
        text=True,
        check=False,
    )


_OTHERS = ((r"[\d.]+ (µs|ms|s)\b", "TIME"), (r"http://[\d.:]+", "UPSTREAM"), (r"[\da-f-]{36}", "REFERENCE"))


def untimed(printed: str) -> list[str]:
    for found, name in _OTHERS:
        printed = re.sub(found, name, printed)
    return printed.splitlines()


def test_a_reference_of_another_source_flows_through_three_calls(recorded: Upstream) -> None:
    done = replay(recorded)
    assert (done.returncode, untimed(done.stdout)) == (
        0,
        [
            "same       POST /orders/{id}  200  5 calls  3 normalised  TIME",
            "    note: matched loosely (normalised): INSERT INTO orders VALUES (?, ?, ?)",
            "    note: matched loosely (normalised): POST UPSTREAM/payments",
            "    note: matched loosely (normalised): GET UPSTREAM/receipts/REFERENCE?payment=12",
            "1 replayed: 1 same  TIME",
        ],
    )
    assert not Path("orders.db").exists()


@pytest.mark.parametrize(
    ("changed", "to", "said"),
    [
        ('f"/receipts/{reference}"', 'f"/receipts/{id}"', "/receipts/"),
        ('"reference": reference, "item"', '"reference": id, "item"', ".reference: recorded"),
        ('(id, reference, body["item"])', "(id, reference, 'milk')", "recorded 'tea', live 'milk'"),
        (
            '"reference": reference, "payment"',
            '"reference": id, "payment"',
            ".reference: recorded",
        ),
    ],
)
def test_another_value_in_its_place_is_still_a_difference(
    recorded: Upstream, changed: str, to: str, said: str
) -> None:
    assert changed in APP
    Path("app.py").write_text(APP.replace(changed, to))
    done = replay(recorded)
    assert done.returncode == 1
    assert said in done.stdout


def test_a_server_answers_a_request_with_other_ids(recorded: Upstream, tmp_path: Path) -> None:
    with Server(
        ["timetracer-otel", "replay", "--", "uvicorn", "app:app"], tmp_path, recorded.environment
    ) as app:
        answer = order(app.url, SECOND, "3a1ba1c0-5b57-4b4c-8f7c-000000000002")
        other = order(app.url, SECOND, "3a1ba1c0-5b57-4b4c-8f7c-000000000003", item="milk")
    assert answer.status_code == 200
    reference = answer.json()["reference"]
    assert UUID(reference).version == 4
    assert answer.json() == {"order": SECOND, "reference": reference, "payment": 12}
    assert (other.status_code, "body.json.item: recorded 'tea', live 'milk'" in other.text) == (501, True)


HYBRID = """
import sys, httpx, urllib.request, json
import timetracer_otel
from timetracer_otel import config

def run():
    _, mode, url, reference, more = sys.argv
    body = json.dumps({"order": "x", "reference": reference, "item": "tea"}).encode()
    payment = json.load(urllib.request.urlopen(urllib.request.Request(url + "/payments", body)))["payment"]
    query = {"payment": payment + int(more)}
    return payment, httpx.get(f"{url}/receipts/{reference}", params=query).json()

if sys.argv[1] == "record":
    with timetracer_otel.record("hybrid/"):
        print(run())
else:
    with timetracer_otel.replay("hybrid/", settings=config.load(live_plugins=["urllib"])) as session:
        print(run())
    print([(call.integration, str(call.grade)) for call in session.calls], session.unused)
"""


def hybrid(upstream: Upstream, mode: str, more: int = 0) -> list[str]:
    url = upstream.environment["UPSTREAM"]
    done = subprocess.run(
        [sys.executable, "-c", HYBRID, mode, url, "t", str(more)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines() or done.stderr.splitlines()[-1:]


def test_what_a_live_dependency_answers_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.chdir(tmp_path)
    upstream.payments = 41
    assert hybrid(upstream, "record") == ["(42, {'order': 'x'})"]
    assert hybrid(upstream, "replay") == [
        "(43, {'order': 'x'})",
        "[('urllib', 'None'), ('httpx', 'normalised')] []",
    ]
    assert upstream.asked.count("/receipts/t?payment=42") == 1
    (said,) = hybrid(upstream, "replay", more=1)
    assert "no recorded call answers it" in said
    assert "query[0][1]: recorded '42', live '45'" in said
