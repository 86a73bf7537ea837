"""``import timetracer_otel`` loads nothing and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import builtins, json, random, socket, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

watched = [
    (builtins, "__import__"), (random, "random"), (socket.socket, "connect"), (sys, "meta_path"),
    (sys, "excepthook"), (threading.Thread, "start"), (ThreadPoolExecutor, "submit"), (time, "time"),
]
before = [getattr(owner, name) for owner, name in watched], list(sys.meta_path), threading.active_count()
import timetracer_otel
after = [getattr(owner, name) for owner, name in watched], list(sys.meta_path), threading.active_count()
first = sorted(sys.modules)
dir(timetracer_otel)
timetracer_otel.Cassette, timetracer_otel.install, timetracer_otel.record, timetracer_otel.replay
timetracer_otel.CassetteSpanProcessor, timetracer_otel.CassetteSpanExporter
from opentelemetry import trace
print(json.dumps({
    "unchanged": before == after,
    "first": first,
    "all": sorted(sys.modules),
    "provider": type(trace.get_tracer_provider()).__name__,
    "logging": len(__import__("logging").getLogger("timetracer_otel").handlers),
}))
"""
LIBRARIES = {
    "aiosqlite", "asyncpg", "click", "django", "fastapi", "flask", "httpcore", "httpx", "psycopg",
    "psycopg2", "redis", "requests", "rich", "sqlalchemy", "starlette", "urllib3", "uvicorn", "werkzeug",
}  # fmt: skip


def test_importing_loads_no_library_and_changes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    seen = json.loads(done.stdout)
    roots = {name.partition(".")[0] for name in seen["all"]}
    assert done.stderr == ""
    assert seen["unchanged"] is True
    assert [name for name in seen["first"] if name.startswith(("opentelemetry", "timetracer_otel"))] == [
        "timetracer_otel"
    ]
    assert roots & LIBRARIES == set()
    assert (seen["provider"], seen["logging"]) == ("ProxyTracerProvider", 0)
