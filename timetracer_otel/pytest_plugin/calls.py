"""What was called, as tests compare it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from timetracer_otel.replayers.livecalls import LiveCall, Outcome


class Calls(list[str]):
    """Titles of calls; where it is not the list that a test expects, pytest shows which calls differ."""


def titles(calls: list[LiveCall]) -> Calls:
    """What was called, in an order that does not depend on which task was faster: the recorded one, but for
    writes that a task or thread made in another order.
    """
    answered = [call for call in calls if call.outcome is Outcome.ANSWERED]
    ordered = sorted(answered, key=_recorded_at)
    for lane in {call.lane for call in answered}:
        live = [call for call in answered if call.lane == lane and call.writes]
        places = [at for at, call in enumerate(ordered) if call.lane == lane and call.writes]
        for at, call in zip(places, live, strict=True):
            ordered[at] = call
    return Calls([call.title for call in ordered] + [call.title for call in calls if call not in answered])


def _recorded_at(call: LiveCall) -> int:
    return -1 if call.recorded is None else call.recorded.index


def explained(calls: Calls, expected: Iterable[str]) -> Iterator[str]:
    """How calls differ from those that a test expects, in lines."""
    wanted = list(expected)
    yield "the calls are not the expected ones"
    yield from (
        f"expected, and not called: {title}" for title in (Counter(wanted) - Counter(calls)).elements()
    )
    yield from (
        f"called, and not expected: {title}" for title in (Counter(calls) - Counter(wanted)).elements()
    )
    if Counter(calls) == Counter(wanted):
        at = next(at for at, (one, other) in enumerate(zip(calls, wanted, strict=True)) if one != other)
        yield f"in another order from number {at + 1} on: expected {wanted[at]}, called {calls[at]}"
    yield "when that is right: record again, and generate or change the test"
