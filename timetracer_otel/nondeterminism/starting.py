"""Values drawn while an app starts up.

Its random values are noted and given again, so that the ids it makes are those that it told the world then.
Its clock is the real one: what is started there (schedulers, loops) goes on for as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from timetracer_otel.nondeterminism.clock import ClockDraw
from timetracer_otel.nondeterminism.recording import ValueRecorder
from timetracer_otel.nondeterminism.replaying import ValueReplayer
from timetracer_otel.nondeterminism.source import Draw

T = TypeVar("T")


class StartRecorder(ValueRecorder):
    """Notes the random values of a start-up, until it is over."""

    __slots__ = ("over",)

    def __init__(self, lane: Callable[[], int]) -> None:
        super().__init__(lane)
        self.over = False
        """The app is ready: what a background task draws from here on is not noted."""

    def draw(self, draw: Draw[T]) -> T:
        """Make the call; note its value while the app starts."""
        if self.over or isinstance(draw, ClockDraw):
            return draw.live()
        return super().draw(draw)


class StartReplayer(ValueReplayer):
    """Gives the random values of a recorded start-up; beyond them, and for the clock, the real ones."""

    __slots__ = ()

    def draw(self, draw: Draw[T]) -> T:
        """The next recorded value of that source in this lane, or a real one."""
        timed = isinstance(draw, ClockDraw)
        return draw.live() if timed else super().draw(draw)

    def beyond(self, draw: Draw[T], place: tuple[str, int]) -> T:
        """A real one: a task that was started there may go on for ever."""
        return draw.live()
