"""A ``record()`` block in a service that records: each trace is whole, with the recorder it began with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import timetracer_otel
from tests.fidelity.servers import PLAIN, RECORDING, Server
from tests.fidelity.wire import Request, send
from tests.services.environment import instrumenting
from tests.services.upstream import Upstream
from timetracer_otel.store import FolderStore

SERVICE = """
import asyncio, os
import httpx, timetracer_otel
from fastapi import FastAPI

%s
app = FastAPI()
began, go, asked, over = (asyncio.Event() for _ in range(4))


async def ask(what):
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM_URL"]) as client:
        await client.get(f"/json/{what}")


@app.get("/early")
async def early():
    await ask("early")
    began.set()
    await go.wait()
    await ask("early-too")
    asked.set()


@app.get("/late")
async def late():
    await ask("late")
    asked.set()
    await over.wait()
    await ask("late-too")


@app.get("/job")
async def job():
    await began.wait()
    await ask("before-the-job")
    with timetracer_otel.record("jobs", name="job"):
        await ask("job")
        go.set()
        await asked.wait()
        asked.clear()
        await asked.wait()
        go.clear()
        await go.wait()
        await ask("job-too")
    await ask("after-the-job")
    over.set()


@app.get("/go/on")
async def go_on():
    go.set()
"""
PROCESSOR = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

provider = TracerProvider()
provider.add_span_processor(timetracer_otel.CassetteSpanProcessor("cassettes"))
trace.set_tracer_provider(provider)
timetracer_otel.install()
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


def told(store: Path) -> dict[str, list[str]]:
    """The calls of each cassette there, by the last part of their addresses."""
    found = {}
    for _, cassette in FolderStore(store).iter():
        assert cassette.title not in found, "one cassette each"
        requests = [call.request for call in cassette.calls()]
        assert None not in requests
        found[cassette.title] = [request.title().rpartition("/")[2] for request in requests if request]
    return found


@pytest.mark.parametrize(
    ("started", "setup"),
    [
        pytest.param(RECORDING, "", id="launcher"),
        pytest.param(PLAIN, PROCESSOR, id="processor"),
    ],
)
@pytest.mark.parametrize("instrumented", [("fastapi", "httpx"), ()], ids=["instrumented", "not instrumented"])
def test_each_trace_is_whole(
    started: tuple[str, ...], setup: str, instrumented: tuple[str, ...], tmp_path: Path, upstream: Upstream
) -> None:
    (tmp_path / "service.py").write_text(SERVICE % setup)
    command = ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0")
    environ = {
        **instrumenting(*instrumented),
        "UPSTREAM_URL": upstream.url,
        "TIMETRACER_DIR": "cassettes",
        "TIMETRACER_EXCLUDE_PATHS": "/go/*",
    }
    server = Server(command, started, environ, tmp_path)
    with ThreadPoolExecutor(3) as clients:
        early, job = (clients.submit(send, server.port, Request("GET", path)) for path in ("/early", "/job"))
        answers = [early.result(60)]  # the block goes on
        late = clients.submit(send, server.port, Request("GET", "/late"))
        while not job.done():
            answers.append(send(server.port, Request("GET", "/go/on")))
        answers += [late.result(60), job.result(60)]
    server.stop()

    assert {answer.status for answer in answers} == {200}, server.log
    assert told(tmp_path / "cassettes") == {
        "GET /early": ["early", "early-too"],
        "GET /job": ["before-the-job", "after-the-job"],
    }
    assert told(tmp_path / "jobs") == {"job": ["job", "job-too"], "GET /late": ["late", "late-too"]}


def test_blocks_that_overlap_keep_their_own_calls(tmp_path: Path, upstream: Upstream) -> None:
    async def work() -> None:
        began = [asyncio.Event() for _ in range(3)]
        ended = [asyncio.Event() for _ in range(3)]

        async def run(number: int) -> None:
            if number:
                await began[number - 1].wait()
            with timetracer_otel.record(tmp_path, name=f"job {number}"):
                began[number].set()
                await began[-1].wait()
                async with httpx.AsyncClient(base_url=upstream.url) as client:
                    await client.get(f"/json/first-of-{number}")
                    if number != 1:  # the one in the middle is over first, then the first
                        await ended[(number + 1) % 3 if number == 0 else 0].wait()
                    await client.get(f"/json/second-of-{number}")
            ended[number].set()

        await asyncio.gather(*map(run, range(3)))

    asyncio.run(work())

    assert told(tmp_path) == {
        f"job {number}": [f"first-of-{number}", f"second-of-{number}"] for number in range(3)
    }
    assert timetracer_otel.statistics() is None, "nobody records any more"
