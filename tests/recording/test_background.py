"""What a service does outside of requests: a cassette a run of a job, and no flood of single calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.fidelity.wire import Request, send
from tests.services.environment import instrumenting
from tests.services.upstream import Upstream
from tests.slow import later
from timetracer_otel.store import FolderStore

SERVICE = """
import asyncio, contextlib, os, threading
import fastapi, httpx
from opentelemetry import trace

TICKS = 5
ticked = threading.Event()


def tick(number):
    httpx.get(f"{os.environ['UPSTREAM_URL']}/json/tick")
    threading.Timer(0, tick, (number + 1,)).start() if number < TICKS else ticked.set()


threading.Timer(0, tick, (1,)).start()
go = asyncio.Event()


async def rounds():
    await go.wait()
    for number in range(3):
        with trace.get_tracer("shop").start_as_current_span("round"):
            async with httpx.AsyncClient(base_url=os.environ["UPSTREAM_URL"]) as client:
                await client.get(f"/json/{number}/first")
                await client.get(f"/json/{number}/second")


@contextlib.asynccontextmanager
async def lifespan(app):
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM_URL"]) as client:
        await client.get("/json/starting")
    app.state.rounds = asyncio.create_task(rounds())
    yield


app = fastapi.FastAPI(lifespan=lifespan)


@app.get("/done")
async def done():
    await asyncio.to_thread(ticked.wait)
    go.set()
    await app.state.rounds
"""
ROUNDS = [("round", (f"{number}/first", f"{number}/second")) for number in range(3)]
REST = [("GET /done", ()), ("startup", ("starting",))]
SAID = "outside of requests, tasks, blocks and spans are recorded"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("settings", "ticks", "said"),
    [
        pytest.param({}, 5, False, id="as it is"),
        pytest.param({"TIMETRACER_MAX_OUTSIDE": "2"}, 2, True, id="two"),
        pytest.param({"TIMETRACER_MAX_OUTSIDE": "0"}, 0, False, id="none"),
    ],
)
@pytest.mark.parametrize(
    "instrumented",
    [pytest.param(("fastapi", "httpx"), id="instrumented"), later((), id="not instrumented")],
)
def test_runs_of_a_job_and_single_calls(
    settings: dict[str, str],
    ticks: int,
    said: bool,
    instrumented: tuple[str, ...],
    tmp_path: Path,
    upstream: Upstream,
) -> None:
    (tmp_path / "service.py").write_text(SERVICE)
    command = ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0")
    environ = {
        **instrumenting(*instrumented),
        "UPSTREAM_URL": upstream.url,
        "TIMETRACER_DIR": "cassettes",
        **settings,
    }
    server = Server(command, RECORDING, environ, tmp_path)
    answer = send(server.port, Request("GET", "/done"))
    server.stop()

    assert answer.status == 200, server.log
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for _, cassette in FolderStore(tmp_path / "cassettes").iter():
        requests = [call.request.title() for call in cassette.calls() if call.request is not None]
        found[cassette.route, tuple(title.partition("/json/")[2] for title in requests)] += 1
    assert found == Counter([*ROUNDS, *REST, *[("GET", ("tick",))] * ticks])
    assert (SAID in server.log) == said
