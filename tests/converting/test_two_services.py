"""Two services that talk to each other, exported by the stock exporter: each replays with the other away."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.converting.conftest import Run, cassettes
from tests.fidelity.servers import ROOT, Server
from tests.recording.sink import OtlpSink
from tests.services.environment import instrumenting
from timetracer_otel.span import SpanKind

LAUNCHER = ("opentelemetry-instrument", "--traces_exporter", "otlp_proto_http")
INSTRUMENTED = instrumenting("fastapi", "httpx", "sqlite3")


def service(app: str, directory: Path, sink: OtlpSink, **environment: str) -> Server:
    command = ["uvicorn", f"tests.converting.apps:{app}", "--host", "127.0.0.1", "--port", "0"]
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        **INSTRUMENTED,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_SERVICE_NAME": app,
        "TIMETRACER_PAYLOADS": "span",
        **environment,
    }
    return Server(command, LAUNCHER, variables, directory / f"{app}-server")


def replayed(app: str, store: str, **environment: str) -> list[dict[str, Any]]:
    """What a replay in a process of its own says; it sets up that process for good."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "timetracer_otel", "replay", store),
            *("--app", f"tests.converting.apps:{app}", "--json"),
        ],
        env={**os.environ, **INSTRUMENTED, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_replays_alone_from_one_file_of_both(tmp_path: Path, run: Run) -> None:
    with sqlite3.connect(tmp_path / "rates.db") as connection:
        connection.execute("CREATE TABLE rates (currency, rate)")
        connection.execute("INSERT INTO rates VALUES ('EUR', 2)")
    connection.close()
    sink = OtlpSink()
    rates = service("rates", tmp_path, sink, RATES_FILE=str(tmp_path / "rates.db"))
    url = f"http://127.0.0.1:{rates.port}"
    shop = service("shop", tmp_path, sink, RATES_URL=url)
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{shop.port}/checkout/7", json={"currency": "EUR", "amount": 21}, timeout=60
        )
        assert answer.json()["total"] == 42
        sink.wait_for(SpanKind.SERVER)
    finally:
        shop.stop()
        rates.stop()
        sink.close()
    os.unlink(tmp_path / "rates.db")
    # as the Collector's file exporter would write what it was sent
    (tmp_path / "traces").write_bytes(b"".join(len(body).to_bytes(4, "big") + body for body in sink.bodies))

    for name in ("shop", "rates"):
        assert run("convert", tmp_path / "traces", "-o", tmp_path / name, "--service", name).exit_code == 0

    (of_shop,), (of_rates,) = cassettes(tmp_path / "shop"), cassettes(tmp_path / "rates")
    assert (of_shop.title, of_rates.title) == ("POST /checkout/{order}", "GET /rates/{currency}")
    assert of_shop.entry.trace_id == of_rates.entry.trace_id
    assert [call.integration for call in of_shop.calls()] == ["httpx"]
    assert [call.integration for call in of_rates.calls()] == ["sqlite3"]
    assert (of_shop.gaps, of_rates.gaps) == ([], [])

    nowhere = {"RATES_URL": url, "RATES_FILE": str(tmp_path / "rates.db")}
    for app in ("shop", "rates"):
        [verdict] = replayed(app, str(tmp_path / app), **nowhere)
        assert (verdict["outcome"], verdict["differences"], verdict["calls"]) == ("same", [], 1), verdict
