"""A service that sets up OpenTelemetry itself, with an exporter of its own beside ours: what each of the two
gets, and that a replay of that service, however it is started, is a replay.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fidelity.servers import PLAIN, REPLAYING, Server
from tests.fidelity.wire import Request, send
from tests.services.upstream import Upstream
from tests.slow import later
from timetracer_otel.store import FolderStore

SERVICE = """
import os, uuid
import httpx, timetracer_otel
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "billing"}))
exported = open("exported.jsonl", "a")
line = lambda span: span.to_json(indent=None) + "\\n"
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=exported, formatter=line)))
%s
HTTPXClientInstrumentor().instrument()
app = FastAPI()


@app.get("/bills/{number}")
def bill(number: int) -> dict[str, object]:
    with trace.get_tracer("billing").start_as_current_span("price"):
        said = httpx.get(f"{os.environ['UPSTREAM_URL']}/json/{number}", params={"ref": uuid.uuid4().hex})
    context = trace.get_current_span().get_span_context()
    return {"place": said.json()["place"], "trace": format(context.trace_id, "032x")}


FastAPIInstrumentor.instrument_app(app)
"""
PROCESSOR = "provider.add_span_processor(timetracer_otel.CassetteSpanProcessor('cassettes'))\n"
EXPORTER = (
    "provider.add_span_processor(BatchSpanProcessor(timetracer_otel.CassetteSpanExporter('cassettes')))\n"
)
INSTALL = "timetracer_otel.install()\n"
SET = "trace.set_tracer_provider(provider)\n"
UVICORN = ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


def serve(directory: Path, started: tuple[str, ...], **environment: str) -> Server:
    return Server(UVICORN, started, environment, directory)


def recorded(directory: Path, setup: str, upstream: Upstream, **environment: str) -> bytes:
    """What the service answered while it recorded, started with no launcher."""
    (directory / "service.py").write_text(SERVICE % setup)
    server = serve(directory, PLAIN, UPSTREAM_URL=upstream.url, **environment)
    answer = send(server.port, Request("GET", "/bills/7"))
    server.stop()
    assert answer.status == 200, server.log
    return answer.body


def exported(directory: Path) -> list[str]:
    """The names of what the service's own exporter got since this was asked last."""
    path = directory / "exported.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("")
    assert "quick brown fox" not in "".join(lines)
    return sorted(json.loads(line)["name"] for line in lines)


@pytest.mark.parametrize(
    "setup",
    [
        pytest.param(PROCESSOR + SET + INSTALL, id="processor, provider, install"),
        later(EXPORTER + INSTALL + SET, id="exporter, install, provider"),
    ],
)
def test_both_exporters_get_what_is_theirs_and_every_way_to_replay_is_one(
    setup: str, tmp_path: Path, upstream: Upstream
) -> None:
    body = recorded(tmp_path, setup, upstream)
    spans = exported(tmp_path)
    (path,) = FolderStore(tmp_path / "cassettes").paths()
    upstream.stop()
    url = {"UPSTREAM_URL": upstream.url, "TIMETRACER_CASSETTE": str(path)}

    replayed = []
    for started in (REPLAYING, PLAIN):
        server = serve(tmp_path, started, TIMETRACER_MODE="replay", **url)
        known, unknown = (send(server.port, Request("GET", f"/bills/{number}")) for number in (7, 8))
        server.stop()
        replayed.append((known.body, known.status, unknown.status))
    judged = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", str(path), "--app", "service:app", "--json"],
        cwd=tmp_path,
        env={**os.environ, **url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert {"GET", "GET /bills/{number}", "price"} <= set(spans)
    assert replayed == [(body, 200, 501), (body, 200, 501)]
    verdict = json.loads(judged.stdout.splitlines()[0])
    assert (verdict["outcome"], verdict["calls"], verdict["notes"]) == ("same", 1, []), judged.stderr
    assert exported(tmp_path) == []
    assert list(FolderStore(tmp_path / "cassettes").paths()) == [path]


@pytest.mark.parametrize("attached", [PROCESSOR, EXPORTER], ids=["processor", "exporter"])
def test_a_mode_of_off_records_nothing_and_leaves_the_other_exporter_alone(
    attached: str, tmp_path: Path, upstream: Upstream
) -> None:
    recorded(tmp_path, attached + SET + INSTALL, upstream, TIMETRACER_MODE="off")

    assert {"GET", "GET /bills/{number}", "price"} <= set(exported(tmp_path))
    assert not (tmp_path / "cassettes").exists()
