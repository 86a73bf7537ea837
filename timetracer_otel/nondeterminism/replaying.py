"""Giving the values that were recorded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Final, TypeVar

from timetracer_otel import ports
from timetracer_otel.nondeterminism.clock import ClockDraw
from timetracer_otel.nondeterminism.recording import Event
from timetracer_otel.nondeterminism.source import Draw

T = TypeVar("T")

_monotonic_ns: Final = time.monotonic_ns


class SessionClock:
    """A clock that goes on from the last value that was given, as fast as the real one."""

    __slots__ = ("_given", "_since")

    def __init__(self, start_ns: int) -> None:
        self._given = start_ns
        self._since = _monotonic_ns()

    def time_ns(self) -> int:
        """The session's time, in nanoseconds since 1970."""
        return self._given + _monotonic_ns() - self._since

    def gave(self, value: int) -> None:
        """A recorded value was given: time is not before it from now on."""
        if value > self.time_ns():
            self._given, self._since = value, _monotonic_ns()


class _Fallback:
    __slots__ = ("random", "time_ns")

    def __init__(self, random: Random, time_ns: Callable[[], int]) -> None:
        self.random = random
        self.time_ns = time_ns


class ValueReplayer:
    """Gives the values of one cassette to one replay session; may be used from several threads.

    Each source of each lane gets its values in the order in which they were recorded. A server may number its
    tasks otherwise: what one lane alone drew from a source is for the first lane that asks for it and has
    nothing of its own. Beyond those the clock
    goes on from the last one, and the random sources are seeded from the trace, so that they repeat too.

    Args:
        events: what was recorded.
        lane: gives the number of the lane that runs now.
        trace_id: names the seed.
        start_ns: when the entry span began, in nanoseconds since 1970.
    """

    __slots__ = ("_adopted", "_clock", "_fallbacks", "_lane", "_lanes", "_queues", "_trace_id", "invented")

    def __init__(
        self, events: Iterable[Event], *, lane: Callable[[], int], trace_id: str, start_ns: int
    ) -> None:
        self._queues: dict[tuple[str, int], deque[object]] = {}
        for event in events:
            self._queues.setdefault((event.source, event.lane), deque()).append(event.value)
        self._lanes: dict[str, list[int]] = {}
        for source, recorded in self._queues:
            self._lanes.setdefault(source, []).append(recorded)
        self._adopted: dict[str, int] = {}
        self._fallbacks: dict[tuple[str, int], _Fallback] = {}
        self._lane = lane
        self._trace_id = trace_id
        self._clock = SessionClock(start_ns)
        self.invented = 0
        """Values that were given though none was recorded."""

    def draw(self, draw: Draw[T]) -> T:
        """The next recorded value of that source in this lane, or one made up."""
        try:
            # a recording without values did not number its tasks by them
            place = draw.source, self._lane() if self._queues else 0
            queue = self._queues.get(place)
            if queue is None:
                queue = self._adopt(*place)
            if queue:
                value = draw.restore(queue.popleft())
                if isinstance(draw, ClockDraw) and isinstance(value, int):
                    self._clock.gave(value)
                return value
        except (ValueError, IndexError):
            pass  # not a value of this source, or another thread took the last one
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("giving a recorded value", error)
        self.invented += 1
        return self.beyond(draw, place)

    def beyond(self, draw: Draw[T], place: tuple[str, int]) -> T:
        """A value where none was recorded.

        Args:
            draw: the call.
            place: its source and its lane.
        """
        return draw.invent(self._fallback(place))

    def _adopt(self, source: str, lane: int) -> deque[object] | None:
        """The values of the only lane that drew from it; not the request's own, which is 0 everywhere."""
        recorded = self._lanes.get(source, ())
        if len(recorded) != 1 or not recorded[0] or self._adopted.setdefault(source, lane) != lane:
            return None
        return self._queues[source, recorded[0]]

    def remaining(self) -> dict[str, int]:
        """How many recorded values of each source were not asked for."""
        left: dict[str, int] = {}
        for (source, _), queue in self._queues.items():
            if queue:
                left[source] = left.get(source, 0) + len(queue)
        return left

    def _fallback(self, place: tuple[str, int]) -> _Fallback:
        # one generator for each source and lane: which thread draws first changes nothing
        found = self._fallbacks.get(place)
        if found is None:
            seed = f"{self._trace_id}/{place[0]}/{place[1]}"
            found = self._fallbacks.setdefault(place, _Fallback(Random(seed), self._clock.time_ns))  # noqa: S311  # repeatable is what is wanted
        return found
