"""Drivers of MySQL that are not recorded connect nowhere in a replay, however they are asked.

They are not installed here: modules of their names stand for what our import hook sees of them, and no more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fidelity.servers import ROOT
from tests.replaying.recorded import cassette

MODULES = {
    "cymysql/__init__.py": "from cymysql.connection import Connection, connect\n",
    "cymysql/connection.py": """
import asyncio

class Connection:
    def __init__(self, host, port):
        self._address = host, port

    async def connect(self):
        await asyncio.open_connection(*self._address)
        print("it connected")
        return self

async def connect(host, port):
    return await Connection(host, port).connect()
""",
}
APP = """
import asyncio, importlib, json, sys
import timetracer_otel

async def cymysql(kind):
    import cymysql
    made = kind(cymysql)
    await (made if asyncio.iscoroutine(made) else made.connect())

def told(connect):
    try:
        connect()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "connected"

def everything():
    yield lambda: asyncio.run(cymysql(lambda it: it.connect("127.0.0.1", 1)))
    yield lambda: asyncio.run(cymysql(lambda it: it.Connection("127.0.0.1", 1)))

if sys.argv[2] == "loaded before":
    importlib.import_module("cymysql")
with timetracer_otel.replay(sys.argv[1]):
    seen = [told(connect) for connect in everything()]
print(json.dumps(seen))
"""
REFUSED = (
    "LiveConnectionError: replay: a live connection to {} was refused, tried by {};"
    " no integration answered it: TIMETRACER_LIVE_PLUGINS lets a library that has one through,"
    " another needs one (docs/integrations.md)"
)


@pytest.mark.parametrize("when", ["loaded before", "loaded within"])
def test_drivers_that_are_not_recorded_connect_nowhere(tmp_path: Path, when: str) -> None:
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "one.json").write_bytes(cassette().dump())
    done = subprocess.run(
        [sys.executable, "app.py", "one.json", when],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_cymysql, by_its_class = json.loads(done.stdout)
    there = [line.strip() for line in MODULES["cymysql/connection.py"].splitlines()]
    opening = f"cymysql.connection:{there.index('await asyncio.open_connection(*self._address)') + 1}"
    assert [by_cymysql, by_its_class] == [REFUSED.format("127.0.0.1:1", opening)] * 2
