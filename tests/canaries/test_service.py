"""A recorded service as a process: what it writes anywhere, and what commands make of that."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import websockets

from tests.canaries import service as service_module
from tests.canaries.canaries import Canaries
from tests.canaries.places import IN_CLEAR
from tests.services.environment import instrumenting
from tests.services.lifeline import tied
from tests.services.ports import free_port
from tests.services.upstream import Upstream
from tests.slow import later

ROOT = Path(__file__).parents[2]
_CANARY = re.compile(r"""\bC\[['"]([^'"]+)['"]\]""")
COMMAND = Path(sys.executable).with_name("timetracer-otel")


def drive(port: int, c: Canaries) -> list[int]:
    """Ask for everything; the statuses."""
    headers = {
        "baggage": f"user=1,access_token={c['baggage that came in']}",
        "tracestate": f"vendor={c['tracestate that came in']}",
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers) as client:
        found = [client.get(path).status_code for path in ("/events", "/ask", "/spans", "/fails")]

    async def talk() -> None:
        async with websockets.connect(
            f"ws://127.0.0.1:{port}/ws?access_token={c['websocket, query']}",
            subprotocols=[websockets.Subprotocol("bearer"), websockets.Subprotocol(c["websocket, protocol"])],
            additional_headers={
                "Authorization": f"Bearer {c['websocket']}",
                "Cookie": f"s={c['websocket, cookie']}",
            },
        ) as socket:
            await socket.send(c["websocket"])
            await socket.wait_closed()

    asyncio.run(talk())
    return found


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it serves."""
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        try:
            httpx.get(f"http://127.0.0.1:{port}/none")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize(
    "settings", [{}, later({"TIMETRACER_COMPRESSION": "zstd", "TIMETRACER_PAYLOADS": "span"})]
)
def test_a_service(settings: dict[str, str], upstream: Upstream, tmp_path: Path) -> None:
    c = Canaries("HTTP")
    store, scratch, port = tmp_path / "cassettes", tmp_path / "scratch", free_port()
    scratch.mkdir()
    environ = {
        **os.environ, **instrumenting("fastapi", "asgi", "httpx"), **settings, "UPSTREAM": upstream.url,
        "TIMETRACER_DIR": str(store), "TMPDIR": str(scratch), "XDG_CACHE_HOME": str(scratch),
        "OTEL_RESOURCE_ATTRIBUTES": f"service.name=shop,app.token={c['resource']}", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    service = ("uvicorn", "tests.canaries.service:app", "--port", str(port), "--log-level", "critical")
    with (tmp_path / "log").open("wb") as log:
        process = tied(
            subprocess.Popen(
                [COMMAND, "record", "--", *service], env=environ, stdout=log, stderr=log, cwd=ROOT
            )
        )
        try:
            wait_for(port, process)
            assert drive(port, c) == [200, 200, 200, 500]
        finally:
            process.terminate()
            process.wait(60)
    for name in _CANARY.findall(Path(service_module.__file__).read_text()):
        c[name]
    left = set(IN_CLEAR["HTTP"]) - {"split over events"}  # which nobody says in one piece

    assert c.found_in(store) == left
    assert c.found_in(scratch) == set()
    assert c.found_in(tmp_path / "log") <= {"exception", "exception, URL", *IN_CLEAR["outputs"]}
    for command in (
        ("list", store),
        ("validate", store),
        ("search", "status", "--in", store),
        ("export", store, "--to", "har"),
        ("export", store, "--to", "otlp-json"),
        ("generate-tests", store, "-o", tmp_path / "tests" / "test_recorded.py"),
        *(("show", path) for path in sorted(store.rglob("*__*"))),
    ):
        done = subprocess.run(
            [COMMAND, *map(str, command)],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done
        assert c.found_in(done.stdout, done.stderr) <= left, command
    assert c.found_in(tmp_path / "tests", scratch) <= left
