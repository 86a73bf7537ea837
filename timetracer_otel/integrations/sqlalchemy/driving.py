"""Running the flow of a call in SQLAlchemy's own mixture of sync and async."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from timetracer_otel.integrations.base import Flow, run


def drive(flow: Flow[Any]) -> Any:
    """Drive a flow; awaits what must be awaited through SQLAlchemy's greenlet.

    Only a recorded cancellation is awaited: a call of an async engine that waits to be cancelled.
    """

    def awaited() -> Flow[Any]:
        try:
            thunk = next(flow)
            while True:
                try:
                    value = yield thunk
                    if inspect.isawaitable(value):
                        value = _await(value)
                except BaseException as error:  # noqa: BLE001  # handed to the flow, which decides
                    thunk = flow.throw(error)
                else:
                    thunk = flow.send(value)
        except StopIteration as stop:
            return stop.value

    return run(awaited())


def breathe(dialect: Any) -> None:
    """Let other tasks run where a live call of an async engine would.

    SQLAlchemy insists that something was awaited.
    """
    if dialect.is_async:
        _await(asyncio.sleep(0))


def _await(awaitable: Any) -> Any:
    from sqlalchemy.util import await_only

    return await_only(awaitable)
