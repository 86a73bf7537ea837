"""A library that is older than what is known is left alone: said once, in one line, and the app runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from tests.lowest import ROOT, TABLE, bounds
from tests.services.environment import without_settings
from tests.services.upstream import Upstream
from timetracer_otel.integrations import all_integrations

APP = """
import asyncio, json, os
import timetracer_otel
from timetracer_otel.cassette import Cassette

address = os.environ["ADDRESS"]

async def by_aiohttp():
    import aiohttp
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        return answer.status

def by_requests():
    import requests
    return requests.get(address).status_code

blocks = [timetracer_otel.record("cassettes", name=name) for name in ("first", "second")]
answers = []
for block in blocks:
    with block:
        answers += [asyncio.run(by_aiohttp()), by_requests()]
calls = [call.integration for block in blocks for call in Cassette.load(block.path).calls()]
with timetracer_otel.replay(blocks[0].path):
    answers.append(by_requests())
try:
    with timetracer_otel.replay(blocks[1].path):
        asyncio.run(by_aiohttp())
except OSError as error:
    refused = type(error.__cause__).__name__
print(json.dumps({"answers": answers, "calls": calls, "refused": refused}))
"""


def test_it_is_said_once_and_nothing_of_it_is_recorded(tmp_path: Path, upstream: Upstream) -> None:
    for name, release in (("aiohttp", "3.8.6"), ("requests", "2.20.0")):
        # what pip leaves beside a library, found before what is really there
        said = tmp_path / f"{name}-{release}.dist-info" / "METADATA"
        said.parent.mkdir()
        said.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
    own = without_settings()
    done = subprocess.run(
        [sys.executable, "-c", APP],
        cwd=tmp_path,
        env={**own, "PYTHONPATH": str(tmp_path), "ADDRESS": f"{upstream.url}/json/one"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "answers": [200, 200, 200, 200, 200],
        "calls": ["urllib3", "urllib3"],
        "refused": "LiveConnectionError",
    }
    assert done.stderr.splitlines() == [warning("aiohttp", "3.8.6"), warning("requests", "2.20.0")]


def warning(name: str, release: str) -> str:
    oldest = bounds()[name]
    return (
        f"timetracer-otel: {name} {release} is older than what is known (>={oldest}): it is neither recorded"
        " nor replayed, only what is below it (the app is not affected; said once);"
        f" install '{name}>={oldest}'"
    )


def test_what_pip_is_told_is_not_left_alone() -> None:
    declared = bounds()
    declared["psycopg2"] = declared["psycopg2-binary"]
    known = [Requirement(one) for integration in all_integrations() for one in integration.oldest]
    assert [one.name for one in known if declared[one.name] not in one.specifier] == []


def test_every_library_that_users_get_has_its_tests_named() -> None:
    together = {one for check in TABLE.values() for one in check.beside}
    assert bounds(tests=False).keys() - TABLE.keys() - together == set()


def test_all_that_is_named_is_there() -> None:
    assert [path for check in TABLE.values() for path in check.tests if not (ROOT / path).exists()] == []
