"""The shop, after somebody forgot to count the tea and to add it up."""

from __future__ import annotations

from typing import Any

from celery import Celery

app = Celery("changed", broker="redis://127.0.0.1:1/0", backend="redis://127.0.0.1:1/0")


@app.task(bind=True, name="tests.tasks.apps.shop.order")
def order(self: Any, item: str, password: str = "") -> dict[str, Any]:
    """Every item is there."""
    return {"item": item, "tries": 1, "id": self.request.id, "retries": self.request.retries}
