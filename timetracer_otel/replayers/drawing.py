"""The values that a cassette says were drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.nondeterminism import Event, ValueReplayer
from timetracer_otel.nondeterminism.comparisons import missing_before

V = TypeVar("V", bound=ValueReplayer)


def is_startup(cassette: Cassette) -> bool:
    """True for what an app said as it started up."""
    return cassette.entry.name == "startup" and "timetracer.entry.framework" in cassette.entry.attributes


def recorded_values(
    cassette: Cassette,
    lane: Callable[[], int],
    kind: Callable[..., V] = ValueReplayer,  # type: ignore[assignment]  # python/mypy#3737
) -> V:
    """What gives the values of a cassette again.

    Args:
        cassette: the recording.
        lane: gives the number of the lane that runs now.
        kind: which.
    """
    events = [
        Event(str(source), one, number)
        for event in cassette.entry.events
        if event.name == names.EVENT_VALUE
        and isinstance(text := event.attributes.get("value"), str)
        and isinstance(number := event.attributes.get("lane"), int)
        and (source := event.attributes.get("source"))
        for value in (values.loads(text),)
        for one in (*missing_before(str(source), value), value)
    ]
    return kind(events, lane=lane, trace_id=cassette.entry.trace_id, start_ns=cassette.started)
