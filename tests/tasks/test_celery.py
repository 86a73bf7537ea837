"""Tasks that real workers run are cassettes, and replay with no broker."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import redis

import timetracer_otel
from tests.services.ports import free_port
from tests.services.valkey import Valkey
from tests.tasks.workers import SCRIPTS, Worker, replayed
from timetracer_otel.cassette import Cassette
from timetracer_otel.demo.processes import Sent, Server, send
from timetracer_otel.messages import FunctionCall, Request, TaskMessage, TaskOutcome
from timetracer_otel.store import FolderStore

APP = "tests.tasks.apps.shop."
PUBLISHING = ("order", "fails", "chain", "group", "chord", "by name", "waits in vain")
REQUESTS: dict[str, tuple[Path, Any]] = {}
"""What a request did with tasks: where it was recorded, and what it got."""
LEFT_OUT = "2 left out: they are of another kind than this app takes"
POOLS = ("prefork", "threads", "solo")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What workers of every pool recorded of the same tasks; the broker is gone."""
    valkey = Valkey()
    stores = {pool: tmp_path_factory.mktemp(pool) for pool in POOLS}
    before = os.environ.get("BROKER")
    os.environ["BROKER"] = valkey.url
    workers = [Worker(pool, valkey.url, store) for pool, store in stores.items()]
    try:
        from tests.tasks.apps import shop

        for pool in POOLS:
            shop.app.conf.update(broker_url=valkey.url, result_backend=valkey.url, task_default_queue=pool)
            told = [
                shop.order.apply_async((item,), {"password": "hunter2"}, queue=pool)
                for item in ("tea", "flaky", "gone")
            ]
            told.append(shop.remind.apply_async(("ada",), queue=pool))
            for result in told:
                result.get(timeout=120, propagate=False)
            wait_for(valkey, "reminded:ada")
            valkey.fresh()
        for what in PUBLISHING:
            recording = timetracer_otel.record(stores["solo"].parent / "requests", name=what)
            with recording:
                published = shop.publish(what, "solo")
            assert recording.path is not None
            REQUESTS[what] = recording.path, published
    finally:
        for worker in workers:
            worker.stop()
        valkey.stop()
        os.environ.pop("BROKER") if before is None else os.environ.__setitem__("BROKER", before)
    return stores


def wait_for(valkey: Valkey, key: str) -> None:
    """Until a thread that a task left behind has set it."""
    deadline = time.monotonic() + 120
    with redis.Redis.from_url(valkey.url) as store:
        while not store.exists(key):
            assert time.monotonic() < deadline, key
            time.sleep(0.01)


@pytest.mark.parametrize("pool", POOLS)
def test_each_run_of_a_task_is_one_cassette(recorded: dict[str, Path], pool: str) -> None:
    cassettes = [cassette for _, cassette in FolderStore(recorded[pool]).iter()]
    assert sorted(_told(cassette) for cassette in cassettes if _is_ours(cassette)) == [
        ("order('flaky', password='[REDACTED]')", "RETRY", ["INCRBY tries:flaky 1", "order", "store RETRY"]),
        (
            "order('flaky', password='[REDACTED]')",
            "SUCCESS",
            ["INCRBY tries:flaky 1", "add", "store SUCCESS"],
        ),
        ("order('gone', password='[REDACTED]')", "FAILURE", ["INCRBY tries:gone 1", "store FAILURE"]),
        ("order('tea', password='[REDACTED]')", "SUCCESS", ["INCRBY tries:tea 1", "add", "store SUCCESS"]),
    ]


@pytest.mark.parametrize("pool", POOLS)
def test_what_a_thread_of_a_task_does_belongs_to_it(recorded: dict[str, Path], pool: str) -> None:
    made = [
        [_said(call.request) for call in cassette.calls()]
        for _, cassette in FolderStore(recorded[pool]).iter()
        if cassette.title == "task tests.tasks.apps.shop.remind"
    ]
    assert made == [["store SUCCESS", "SET reminded:ada 1"]]


def _is_ours(cassette: Cassette) -> bool:
    """Not one of those that requests have published."""
    message = cassette.inbound_message
    return isinstance(message, TaskMessage) and message.arguments[:1] in (["tea"], ["flaky"], ["gone"])


def _told(cassette: Cassette) -> tuple[str, str, list[str]]:
    message, outcome = cassette.inbound_message, cassette.inbound_answer
    assert isinstance(message, TaskMessage)
    assert isinstance(outcome, TaskOutcome)
    assert cassette.title == "task tests.tasks.apps.shop.order"
    return (
        message.title().removeprefix(APP),
        outcome.state,
        [_said(call.request) for call in cassette.calls()],
    )


def _said(request: Request | None) -> str:
    if isinstance(request, FunctionCall):
        assert request.name == "celery.store_result"
        return f"store {request.arguments[1]}"
    assert request is not None
    return request.name.removeprefix(APP) if isinstance(request, TaskMessage) else request.title()


@pytest.mark.parametrize("pool", POOLS)
def test_it_replays_with_no_broker(recorded: dict[str, Path], pool: str) -> None:
    done = replayed(recorded[pool], "--app", "tests.tasks.apps.shop:app", "--json")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert verdicts
    assert [one["differences"] for one in verdicts if one["outcome"] != "same"] == [], done.stderr
    assert done.returncode == 0


SITE = """
import fastapi

app = fastapi.FastAPI()

@app.get("/tea")
def tea():
    return "green"
"""


def test_what_is_of_another_kind_is_left_out(recorded: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "site_of_tea.py").write_text(SITE)
    store, port = tmp_path / "cassettes", free_port()
    service = [str(SCRIPTS / "uvicorn"), "site_of_tea:app", "--port"]
    recording = [str(SCRIPTS / "timetracer-otel"), "record", "--dir", str(store), "--", *service, "0"]
    with Server(recording, tmp_path, {}) as server:
        assert send(server.url, Sent("GET", "/tea")).body == '"green"'
    all_tasks = list(FolderStore(recorded["solo"]).paths())
    for path in all_tasks[:2]:
        shutil.copy(path, store / path.name)

    against = ("--url", f"http://127.0.0.1:{port}", "--", *service, str(port))
    for site in (("--app", "site_of_tea:app"), ("--app", "site_of_tea:app", "--workers", "2"), against):
        done = replayed(store, *site, path=tmp_path)
        title, left_out, summary = done.stdout.splitlines()
        assert (done.returncode, left_out) == (0, LEFT_OUT), done.stderr
        assert (title.split()[:4], summary.split()[:4]) == (
            ["same", "GET", "/tea", "200"],
            ["1", "replayed:", "1", "same"],
        )
    done = replayed(store, "--app", "site_of_tea:app", "--json", path=tmp_path)
    assert [json.loads(line)["title"] for line in done.stdout.splitlines()] == ["GET /tea"]
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, LEFT_OUT)

    done = replayed(recorded["solo"], "--app", "site_of_tea:app", path=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"error: all {len(all_tasks)} cassettes are of another kind than this app takes: site_of_tea:app"
        " takes http, and this is celery"
    )


def test_a_task_that_does_otherwise_is_told_apart(recorded: dict[str, Path]) -> None:
    done = replayed(recorded["threads"], "--app", "tests.tasks.apps.changed:app", "--json", "-k", "order")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [verdict["outcome"] for verdict in verdicts] == ["different"] * 4
    assert all(any("INCRBY" in title for title in verdict["missing"]) for verdict in verdicts)


@pytest.mark.parametrize("what", PUBLISHING)
@pytest.mark.usefixtures("recorded")
def test_a_request_that_publishes_needs_no_broker(what: str) -> None:
    from tests.tasks.apps import shop

    path, published = REQUESTS[what]
    with timetracer_otel.replay(path) as session:
        assert shop.publish(what, "solo") == published
    assert session.unused == []
    families = {call.integration for call in Cassette.load(path).calls()} - {"celery"}
    assert families <= ({"redis"} if what == "chord" else set())  # the size of a chord is Redis's own
