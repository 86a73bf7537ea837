"""``diff`` reads the rules that a replay reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comparison.test_recordings import asked, compared
from tests.fidelity.servers import RECORDING, Server
from tests.fidelity.wire import Request, send
from tests.replaying.recorded import JSON, Made, cassette, redis, sql
from tests.services.upstream import Upstream
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.volatile import Rules
from timetracer_otel.volatile_rules import VolatileRule

NOTED = ["what rules set aside is another in B"]


def of_worker(number: int, item: str = "tea") -> Cassette:
    """A request whose calls, their answers and response say which worker served it."""
    told = HttpRequest(
        "POST", "http://mail/send", [JSON], f'{{"worker": {number}, "item": "{item}"}}'.encode()
    )
    return cassette(
        Made(told, HttpResponse(200, [JSON], f'{{"load": {number}}}'.encode())),
        redis("SET", f"w{number}:x", "open", reply=True),
        sql("INSERT INTO orders VALUES (?, ?)", [number, 5]),
        asked=asked("/orders"),
        answered=HttpResponse(200, [JSON, ("x-worker", str(number))], f'{{"by": {number}}}'.encode()),
    )


CALLS = [
    VolatileRule(call="http POST */send", json="$.worker"),
    VolatileRule(call="http POST */send", json="$.load"),
    VolatileRule(call="redis *", regex=r"w\d+"),
    VolatileRule(call="db *", parameter=1),
]
RESPONSE = [
    VolatileRule(response="POST /orders", json="$.by"),
    VolatileRule(response="POST /orders", header="x-worker"),
]


@pytest.mark.parametrize(
    ("rules", "second", "outcome", "differences", "notes"),
    [
        ([*CALLS, *RESPONSE], of_worker(2), "same", [], NOTED),
        (
            [*CALLS, *RESPONSE],
            of_worker(2, "cocoa"),
            "different",
            ["changed write: HTTP body $.worker: A 1, B 2; HTTP body $.item: A 'tea', B 'cocoa'"
                " in POST http://mail/send"],
            NOTED,
        ),
        (
            CALLS,
            of_worker(2),
            "different",
            ["response header x-worker: A '1', B '2'", "response body $.by: A 1, B 2"],
            NOTED,
        ),
        (
            [*CALLS[2:], *RESPONSE],
            of_worker(2),
            "different",
            ["changed write: HTTP body $.worker: A 1, B 2 in POST http://mail/send"],
            NOTED,
        ),
        ([*CALLS, *RESPONSE], of_worker(1), "same", [], []),
    ],
)  # fmt: skip
def test_what_a_rule_names_may_be_another(
    rules: list[VolatileRule], second: Cassette, outcome: str, differences: Any, notes: Any, tmp_path: Path
) -> None:
    (one,) = compared(tmp_path, [of_worker(1)], [second], Rules(rules))
    assert (one.outcome, one.differences, one.notes) == (outcome, differences, notes)


SERVICE = """
import os
import fastapi, httpx

app = fastapi.FastAPI()

@app.get("/item")
def item():
    url = f"{os.environ['UPSTREAM_URL']}/json/{os.environ['ITEM']}"
    httpx.get(url, headers={"x-worker": str(os.getpid())})
    return {"by": os.getpid()}
"""
RULES = """
[[volatile]]
call = "http GET *"
header = "x-worker"
"""
PYPROJECT = """
[[tool.timetracer.volatile]]
response = "GET /item"
json = "$.by"
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


def diff(*folders: Path) -> tuple[int, list[list[str]]]:
    """The exit status and the differences."""
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "diff", *folders, "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith("TIMETRACER_")},
        cwd=folders[0].parent, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, [json.loads(line)["differences"] for line in done.stdout.splitlines()]


def test_the_command_reads_rules_where_a_replay_does(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "service.py").write_text(SERVICE)
    folders = [tmp_path / name for name in ("a", "b", "c")]
    pids = []
    for folder, item in zip(folders, ("tea", "tea", "cocoa"), strict=True):
        environ = {"TIMETRACER_DIR": str(folder), "UPSTREAM_URL": upstream.url, "ITEM": item}
        command = ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0")
        server = Server(command, RECORDING, environ, tmp_path)
        pids.append(json.loads(send(server.port, Request("GET", "/item")).body)["by"])
        server.stop()
    a, b, c = folders
    url = f"{upstream.url}/json"

    parts = f"A '{pids[0]}', B '{pids[1]}'"
    by = f"response body $.by: A {pids[0]}, B {pids[1]}"
    assert diff(a, b) == (1, [[f"changed: HTTP header x-worker: {parts} in GET {url}/tea", by]])

    (b / "timetracer.toml").write_text(RULES)
    assert diff(a, b) == (1, [[by]])

    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    assert diff(a, b) == (0, [[]])
    status, ((changed,),) = diff(b, c)
    assert (status, "/json/tea" in changed, "/json/cocoa" in changed) == (1, True, True)

    (a / "timetracer.toml").write_text("[[volatile]]\nquery = 5\n")
    assert diff(a, b) == (2, [])
