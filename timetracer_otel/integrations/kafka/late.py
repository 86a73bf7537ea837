"""A producer of aiokafka that a replay did not start, started when a record of it is let through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.nondeterminism import undrawn

_FIELD: Final = "_timetracer_late"


class Late:
    """How to start a producer, and whether that was done.

    Args:
        start: its own way to start.
    """

    __slots__ = ("_lock", "_start", "started")

    def __init__(self, start: Callable[[], Awaitable[Any]]) -> None:
        self._start = start
        self._lock = asyncio.Lock()
        self.started = False

    async def start(self) -> None:
        """Start it, once; what it does in the background from now on is let through as well."""
        async with self._lock:
            if not self.started:
                with ports.inside(), undrawn():
                    await self._start()
                self.started = True


def left_unstarted(producer: Any, start: Callable[[], Awaitable[Any]]) -> None:
    """A replay answered its start."""
    setattr(producer, _FIELD, Late(start))


def late(producer: Any) -> Late | None:
    """What is known of a producer whose start was answered."""
    found = getattr(producer, _FIELD, None)
    return found if isinstance(found, Late) else None


def started_late(producer: Any) -> bool:
    """Whether it is to be flushed and stopped as one of a live app."""
    found = late(producer)
    return found is not None and found.started
