"""Ctrl-C in a replay: what was replayed by then is told and reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

APP = """
import os, signal
from flask import Flask

app = Flask("service")


@app.get("/items/<int:number>")
def item(number):
    if number == 3 and "INTERRUPT" in os.environ:
        os.kill(os.getpid(), signal.SIGINT)
    return str(number)
"""
RECORD = """
import timetracer_otel
from opentelemetry.sdk.trace import TracerProvider

import service

provider = TracerProvider()
provider.add_span_processor(timetracer_otel.CassetteSpanProcessor("cassettes", tracer_provider=provider))
timetracer_otel.install()
for number in (1, 2, 3, 4):
    service.app.test_client().get(f"/items/{number}").get_data()
provider.shutdown()
"""
REPLAY = ("-m", "timetracer_otel", "replay", "cassettes", "--app", "service:app")


def python(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def service(directory: Path) -> Path:
    """A folder with a service in it, and four of its requests recorded."""
    (directory / "service.py").write_text(APP)
    assert python(directory, "-c", RECORD).returncode == 0
    return directory


def test_what_was_replayed_by_then_is_told_and_reported(service: Path) -> None:
    done = python(service, *REPLAY, "--report", "results.xml", INTERRUPT="yes")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "interrupted after 2 of 4")
    told = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert told == ["same", "same", "2 replayed: 2 same"]
    assert "Traceback" not in done.stderr
    assert (service / "results.xml").read_text().count("<testcase ") == 2
