"""Lanes: which task or thread of a request made a call.

Equal calls made side by side (``asyncio.gather``, an executor) are told apart by the order in
which their tasks first called, or their threads were started: the same when recording and when
replaying, whatever order the answers arrive in.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextvars import ContextVar
from typing import Any


class Lane:
    """Work started in another thread; compared by identity."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number


thread_lane: ContextVar[Lane | None] = ContextVar("timetracer_lane", default=None)
"""The lane that this thread's work was given when it was submitted."""


class LaneTable:
    """The lanes of one request. Safe to use from several threads.

    Args:
        given: how many numbers were given before.
    """

    __slots__ = ("_count", "_last", "_lock", "_tasks")

    def __init__(self, given: int = 0) -> None:
        self._count = given
        self._lock = threading.Lock()
        self._tasks: weakref.WeakKeyDictionary[Any, int] | None = None
        self._last: tuple[weakref.ref[Any], int] | None = None

    def new(self) -> Lane:
        """A lane for work about to be started in another thread."""
        with self._lock:
            self._count += 1
            return Lane(self._count)

    def count(self) -> int:
        """How many numbers were given."""
        return self._count

    def current(self) -> int:
        """The number of the lane that runs now; 0 outside any task and any started thread."""
        task = running_task()
        if task is None:
            lane = thread_lane.get()
            return 0 if lane is None else lane.number
        last = self._last
        if last is not None and last[0]() is task:  # most requests are one task
            return last[1]
        with self._lock:
            if self._tasks is None:
                self._tasks = weakref.WeakKeyDictionary()
            number = self._tasks.get(task)
            if number is None:
                self._count += 1
                number = self._tasks[task] = self._count
            self._last = (weakref.ref(task), number)
            return number


def running_task() -> Any:
    """The asyncio task that runs here, or ``None``."""
    loop = asyncio._get_running_loop()
    return None if loop is None else asyncio.current_task(loop)
