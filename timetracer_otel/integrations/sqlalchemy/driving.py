"""Running the flow of a call in SQLAlchemy's own mixture of sync and async."""

from __future__ import annotations

import asyncio
import inspect
import sys
from typing import Any

from timetracer_otel.integrations.base import Flow
from timetracer_otel.integrations.flows import run


def drive(flow: Flow[Any]) -> Any:
    """Drive a flow; awaits what must be awaited through SQLAlchemy's greenlet.

    Only a recorded cancellation is awaited: a call of an async engine that waits to be cancelled.
    """

    def flowing() -> Flow[Any]:
        try:
            thunk = next(flow)
            while True:
                try:
                    value = yield thunk
                    if inspect.isawaitable(value):
                        value = awaited(value)
                except BaseException as error:  # noqa: BLE001  # handed to the flow, which decides
                    thunk = flow.throw(error)
                else:
                    thunk = flow.send(value)
        except StopIteration as stop:
            return stop.value

    return run(flowing())


def breathe(dialect: Any) -> None:
    """Let other tasks run where a live call of an async engine would.

    SQLAlchemy insists that something was awaited.
    """
    if dialect.is_async:
        awaited(asyncio.sleep(0))


def can_await() -> bool:
    """True beneath SQLAlchemy's greenlet."""
    concurrency = sys.modules.get("sqlalchemy.util.concurrency")
    return concurrency is not None and bool(concurrency.in_greenlet())


def awaited(awaitable: Any) -> Any:
    """What an awaitable gives, awaited through SQLAlchemy's greenlet."""
    from sqlalchemy.util import await_only

    return await_only(awaitable)
