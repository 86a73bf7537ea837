"""Noting the values that the app drew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from timetracer_otel import ports
from timetracer_otel.nondeterminism.source import Draw

T = TypeVar("T")

MAX_VALUES: Final = 10_000
"""Values noted of one trace."""
MAX_VALUE_BYTES: Final = 64 * 1024
"""Size of one noted value; of a larger one only its place is kept."""


class Event(NamedTuple):
    """One value that was drawn.

    Attributes:
        source: what was called, and for whom (:attr:`.Draw.source`).
        value: what it gave; ``None`` where that was too large to keep.
        lane: the lane that drew it (:mod:`timetracer_otel.lanes`).
    """

    source: str
    value: object
    lane: int


class ValueRecorder:
    """Notes the values of one trace; may be used from several threads.

    Args:
        lane: gives the number of the lane that runs now.
        limit: values to note; the ones after are counted.
    """

    __slots__ = ("_epoch", "_events", "_lane", "_limit", "_times", "dropped")

    def __init__(self, lane: Callable[[], int], *, limit: int = MAX_VALUES) -> None:
        self._events: list[Event] = []
        self._times: list[int] = []
        self._epoch = 0
        self._lane = lane
        self._limit = limit
        self.dropped = 0
        """Values that were not kept: a gap, when it is not 0."""

    def draw(self, draw: Draw[T]) -> T:
        """Make the call, note its value."""
        value = draw.live()
        try:
            self._note(draw, value)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("noting a value", error)
        return value

    def events(self) -> Sequence[Event]:
        """What was noted, in order."""
        return tuple(self._events)

    def timed_events(self) -> Iterable[tuple[Event, int]]:
        """What was noted, in order, and when, in nanoseconds since 1970."""
        return ((event, self._epoch + at) for event, at in zip(self._events, self._times, strict=False))

    def _note(self, draw: Draw[T], value: T) -> None:
        # asked of every value, also of those not kept: it numbers a task that it sees for the first time
        lane = self._lane()
        if len(self._events) >= self._limit:
            self.dropped += 1
            return
        noted = draw.note(value)
        if _size(noted) > MAX_VALUE_BYTES:
            self.dropped += 1
            noted = None
        if not self._epoch:
            self._epoch = time.time_ns() - time.monotonic_ns()
        self._times.append(time.monotonic_ns())  # no look at the clock that is recorded
        self._events.append(Event(draw.source, noted, lane))


def _size(value: object) -> int:
    if isinstance(value, bytes):
        return len(value)
    return value.bit_length() // 8 if isinstance(value, int) else 0
