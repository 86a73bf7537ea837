"""What requests do with Celery: as those who publish tasks, and as workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import httpx
from celery import Celery, chain, group
from celery.app import trace
from celery.result import AsyncResult
from kombu.connection import Connection

from tests.faults.seen import OwnError, attempt
from tests.services import tasks

_BASE = os.environ["UPSTREAM_URL"]
_asking = Celery("asking", backend="cache+memory://", broker="memory://", set_as_current=False)
_working = Celery("working", backend="cache+memory://", broker="memory://", set_as_current=False)


def published() -> Any:
    """Tasks for a worker, and their results."""
    sum_ = tasks.add.delay(1, 2)
    lost = tasks.refuse.delay("tea")
    linked = chain(tasks.add.s(1, 2), tasks.add.s(3))()
    many = group(tasks.add.s(n, n) for n in range(2))()
    failed = tasks.divide.delay(1, 0)
    tasks.forgettable.delay()
    seen: list[Any] = [
        sum_.get(timeout=60),
        [sum_.state, sum_.ready(), AsyncResult(sum_.id, app=tasks.app).get(timeout=60)],
        _raised(lambda: lost.get(timeout=60)),
        [lost.state, type(lost.result).__name__],
        [linked.get(timeout=60), linked.parent.result],
        many.get(timeout=60),
        _raised(lambda: failed.get(timeout=60)),
        attempt(lambda: failed.maybe_throw()),
        failed.get(timeout=60, propagate=False).args,
        attempt(lambda: tasks.add.delay(object(), 1)),
        tasks.app.control.revoke("nobody"),
    ]
    sum_.forget()
    return [*seen, AsyncResult("nobody", app=tasks.app).state]


def _raised(wait: Callable[[], Any]) -> Any:
    """Without its way, which is another one where the result has come already."""
    error = attempt(wait)
    return [error["class"], error["text"], error["context"]]


def polled() -> Any:
    """Results of a backend that is asked again and again."""
    backend = _asking.backend
    backend.store_result("asked", 7, "SUCCESS")
    backend.store_result("other", OwnError("gone"), "FAILURE")
    seen = [
        _asking.AsyncResult("asked").get(timeout=60),
        attempt(lambda: _asking.AsyncResult("other").get(60)),
    ]
    backend.forget("asked")
    return [*seen, _asking.AsyncResult("asked").state, *_encoded()]


def _encoded() -> list[Any]:
    """How often a backend of the app's own is asked to encode a result of nothing; and one that cannot."""
    backend, asked = _asking.backend, []
    encode = backend.encode_result

    def encoded(result: Any, state: str) -> Any:
        asked.append(state)
        if result is not None:
            raise OwnError("cannot be encoded")
        return encode(result, state)

    backend.encode_result = encoded
    try:
        stored = backend.store_result("nothing", None, "SUCCESS")
        refused = attempt(lambda: backend.store_result("refused", 1, "SUCCESS"))
    finally:
        del backend.encode_result
    backend.forget("nothing")
    return [stored, refused["class"], refused["text"], asked]


def message() -> Any:
    """No task: a message of the app's own, by kombu."""
    with Connection("memory://") as connection, connection.SimpleQueue("told") as queue:
        queue.put({"n": 1})
        found = queue.get(timeout=60)
        found.ack()
        return found.payload


@_working.task(name="work")
def work(number: int) -> Any:
    """A task with a call in it."""
    return [number, httpx.get(f"{_BASE}/json").status_code]


@_working.task(name="fail")
def fail(number: int) -> None:
    """A task that nobody expected to fail."""
    raise OwnError(f"no {number}")


@_working.task(name="again", bind=True, max_retries=1)
def again(self: Any, number: int) -> None:
    """A task that is tried again."""
    raise self.retry(exc=OwnError("later"), countdown=60)


def requests() -> dict[str, Callable[[], Any]]:
    """One task each, run as the processes of a pool run it."""
    return {f"celery {name}": lambda name=name: _run(name) for name in ("work", "fail", "again")}  # type: ignore[misc]  # bound now


def _run(name: str) -> Any:
    task = _working.tasks[name]
    trace.setup_worker_optimizations(_working, "here")
    try:
        task.__trace__ = trace.build_tracer(name, task, _working.loader, "here", app=_working)
        headers = {
            "id": name, "task": name, "lang": "py", "args": [1], "kwargs": {}, "retries": 0,
            "hostname": "here", "correlation_id": name, "delivery_info": {"routing_key": "celery"},
        }  # fmt: skip
        body = json.dumps([[1], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
        told = attempt(
            lambda: trace.fast_trace_task(name, name, headers, body, "application/json", "utf-8")[:2]
        )
    finally:
        trace.reset_worker_optimizations(_working)
    known = _working.backend.get(_working.backend.get_key_for_task(name))
    _working.backend.delete(_working.backend.get_key_for_task(name))
    return [told if isinstance(told, dict) else [told[0], str(told[1])], json.loads(known)["status"]]
