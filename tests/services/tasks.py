"""The tasks that the worker of :mod:`tests.services.task_queue` runs; applications publish them."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

URL = os.environ.get("CELERY_URL", "redis://127.0.0.1:1/1")

app = Celery("shop", broker=URL, backend=URL)
app.conf.update(
    worker_hijack_root_logger=False, broker_connection_retry_on_startup=True, task_send_sent_event=False
)


class OutOfStock(Exception):
    """What a task raises that its publisher knows."""


@app.task
def add(one: float, other: float) -> float:
    """The sum of two."""
    return one + other


@app.task
def total(numbers: list[float]) -> float:
    """The sum of many."""
    return sum(numbers)


@app.task
def echo(*arguments: Any, **keywords: Any) -> Any:
    """What it was given."""
    return [list(arguments), keywords]


@app.task
def refuse(item: str) -> None:
    """Fail, in a class of the shop's."""
    raise OutOfStock(item, 7)


@app.task
def divide(one: float, other: float) -> float:
    """Fail, now and then, in a class of Python's."""
    return one / other


@app.task(ignore_result=True)
def forgettable() -> None:
    """Nothing that anybody waits for."""


@app.task(bind=True)
def told(self: Any, *names: str) -> dict[str, Any]:
    """What came along with the task."""
    return {
        name: (self.request.headers or {}).get(name) or getattr(self.request, name, None) for name in names
    }
