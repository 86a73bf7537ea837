"""Tasks of a shop, and what a web request makes of them."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import redis
from celery import Celery, chain, chord, group
from celery.exceptions import TimeoutError as WaitedTooLong
from celery.result import AsyncResult

BROKER = os.environ.get("BROKER", "redis://127.0.0.1:1/0")

app = Celery("shop", broker=BROKER, backend=BROKER)
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


class OutOfStock(Exception):
    """An item that is not there."""


@app.task
def add(one: int, other: int) -> int:
    """The sum of two."""
    return one + other


@app.task
def total(numbers: list[int]) -> int:
    """The sum of many."""
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def order(self: Any, item: str, password: str = "") -> dict[str, Any]:
    """Take an item from the store; what is flaky is there at the second try."""
    store = redis.Redis.from_url(BROKER)
    tries = store.incr(f"tries:{item}")
    if item == "flaky" and tries < 2:
        raise self.retry(exc=OutOfStock(item), countdown=0.01)
    if item in ("gone", "lost"):
        raise OutOfStock(item, 7)
    add.delay(tries, 1)
    return {"item": item, "tries": tries, "id": self.request.id, "retries": self.request.retries}


@app.task
def remind(item: str) -> str:
    """Done at once, by a thread that does the work later."""

    def later() -> None:
        time.sleep(0.2)
        redis.Redis.from_url(BROKER).set(f"reminded:{item}", 1)

    threading.Thread(target=later).start()
    return "soon"


def publish(what: str, queue: str) -> Any:
    """What a request does with tasks, and what it gets."""
    if what == "order":
        result = order.apply_async(("coffee",), {"password": "hunter2"}, queue=queue)
        return [result.id, result.get(timeout=60)]
    if what == "fails":
        try:
            order.apply_async(("lost",), queue=queue).get(timeout=60)
        except Exception as error:  # its class is what is asked
            return [type(error).__module__, type(error).__name__, list(error.args)]
    if what == "chain":
        return chain(add.s(1, 2).set(queue=queue), add.s(3).set(queue=queue))().get(timeout=60)
    if what == "group":
        return group(add.s(n, n).set(queue=queue) for n in range(3))().get(timeout=60)
    if what == "chord":
        header = [add.s(n, n).set(queue=queue) for n in range(2)]
        return chord(header, total.s().set(queue=queue))().get(timeout=60)
    if what == "by name":
        result = app.send_task(
            "nobody.has_it", args=[1], countdown=30, queue="nobody", headers={"x-tenant": "a"}
        )
        return [result.id, result.state, AsyncResult(result.id, app=app).ready()]
    if what == "waits in vain":
        result = app.send_task("nobody.has_it", queue="nobody")
        try:
            result.get(timeout=0.05)
        except WaitedTooLong as error:
            return [type(error).__name__, str(error)]
    return None
