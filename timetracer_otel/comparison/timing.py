"""The time between calls, which is the app's own: a replay's against the recorded one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Final, NamedTuple, Self

from timetracer_otel.comparison.findings import Finding
from timetracer_otel.comparison.parts import REPLAY, Words
from timetracer_otel.comparison.runs import Made, Run
from timetracer_otel.durations import duration
from timetracer_otel.errors import ConfigurationError

_LEAST_NS: Final = 5_000_000
"""With a factor, so much more at least: less is noise."""
_UNITS: Final = {"us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_WRITTEN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|µs|ms|s|x)")


class Threshold(NamedTuple):
    """How much slower is too slow.

    Attributes:
        more_ns: nanoseconds beyond the recorded time.
        factor: of the recorded time; one of both is 0.
    """

    more_ns: int = 0
    factor: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """``200ms``, ``1.5s``: so much longer than recorded; ``3x``: so many times as long.

        Raises:
            ConfigurationError: it is neither.
        """
        found = _WRITTEN.fullmatch(text.strip())
        number = float(found[1]) if found else 0.0
        if found is None or not number:
            raise ConfigurationError(f"{text!r} is no threshold; give one like 200ms, 1.5s or 3x")
        if found[2] == "x":
            return cls(factor=number)
        return cls(more_ns=int(number * _UNITS[found[2]]))

    def exceeded(self, recorded_ns: int, live_ns: int) -> bool:
        """True when the live time is too long."""
        more = live_ns - recorded_ns
        return more > (max(_LEAST_NS, recorded_ns * (self.factor - 1)) if self.factor else self.more_ns)


class _Way(NamedTuple):
    """A part of both runs in which no call was waited for."""

    name: str
    recorded_ns: int
    live_ns: int
    recorded: int | None
    live: int | None


def slower(
    recorded: Run, live: Run, pairs: dict[int, int], threshold: Threshold, words: Words = REPLAY
) -> Iterator[Finding]:
    """One finding for each part of a run, between two calls, that took longer than the threshold allows.

    Args:
        recorded: what was recorded.
        live: what happened now.
        pairs: which recorded call is which live one.
        threshold: how much longer is too long.
        words: what the two are called.
    """
    for way in _ways(recorded, live, pairs):
        if threshold.exceeded(way.recorded_ns, way.live_ns):
            was, now = duration(way.recorded_ns), duration(way.live_ns)
            text = f"slower: {way.name}: {words[0]} {was}, {words[1]} {now}"
            yield Finding("slower", text, recorded=way.recorded, live=way.live)


def _ways(recorded: Run, live: Run, pairs: dict[int, int]) -> Iterator[_Way]:
    ours, theirs = recorded.calls, live.calls
    timed = [
        (before, now)
        for before, now in pairs.items()
        if ours[before].began is not None and theirs[now].began is not None and ours[before].took is not None
    ]
    if recorded.took is not None and live.took is not None and not timed and not ours and not theirs:
        yield _Way("all of it", recorded.took, live.took, None, None)
    if not timed:
        return
    first = min(timed, key=lambda pair: _began(theirs[pair[1]]))
    if first[0] == min(range(len(ours)), key=lambda at: _began(ours[at])):
        name = f"before {_short(ours[first[0]])}"
        yield _Way(name, _began(ours[first[0]]), _began(theirs[first[1]]), *first)
    lanes = sorted(timed, key=lambda pair: (ours[pair[0]].lane, theirs[pair[1]].lane, pair[1]))
    for _, lane in groupby(lanes, key=lambda pair: (ours[pair[0]].lane, theirs[pair[1]].lane)):
        made = list(lane)
        for one, other in pairwise(made):
            gap = _began(ours[other[0]]) - _ended(ours[one[0]])
            if gap >= 0 and other[1] == one[1] + 1:  # else something else came between
                name = f"between {_short(ours[one[0]])} and {_short(ours[other[0]])}"
                yield _Way(name, gap, _began(theirs[other[1]]) - _ended(theirs[one[1]]), *other)
    if recorded.took is None or live.took is None:
        return
    last = max(timed, key=lambda pair: _ended(theirs[pair[1]]))
    name = f"after {_short(ours[last[0]])}"
    after = recorded.took - max(map(_ended, ours))
    yield _Way(name, max(0, after), live.took - _ended(theirs[last[1]]), *last)


def _began(call: Made) -> int:
    return call.began or 0


def _ended(call: Made) -> int:
    return (call.began or 0) + (call.took or 0)


def _short(call: Made) -> str:
    return call.title if len(call.title) <= 80 else f"{call.title[:79]}…"
