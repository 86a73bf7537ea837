"""The values that a cassette says were drawn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.nondeterminism import Event, Importing, ImportReplayer, ValueReplayer, imported
from timetracer_otel.nondeterminism.comparisons import MissingBefore

V = TypeVar("V", bound=ValueReplayer)

INSTANCE = "service.instance.id"
"""What is another in each process that records."""


def is_startup(cassette: Cassette) -> bool:
    """True for what an app said as it started up."""
    return cassette.entry.name == names.STARTUP and names.ENTRY_FRAMEWORK in cassette.entry.attributes


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
    events = recorded_events(cassette)
    return kind(events, lane=lane, trace_id=cassette.entry.trace_id, start_ns=cassette.started)


def recorded_events(cassette: Cassette) -> list[Event]:
    """The values of a cassette, in order."""
    missing = MissingBefore()
    return [
        Event(str(source), one, number)
        for event in cassette.entry.events
        if event.name == names.EVENT_VALUE
        and isinstance(text := event.attributes.get("value"), str)
        and isinstance(number := event.attributes.get("lane"), int)
        and (source := event.attributes.get("source"))
        for value in (values.loads(text),)
        for one in (*missing(str(source), value), value)
    ]


def is_import(cassette: Cassette) -> bool:
    """True for what an app drew as it was imported."""
    return cassette.entry.name == names.IMPORT and names.ENTRY_FRAMEWORK in cassette.entry.attributes


def first_import(cassettes: Sequence[Cassette]) -> Cassette | None:
    """Of several processes, that of the one whose start-up is the first, or that was imported first.

    Args:
        cassettes: recorded outside requests.
    """
    ordered = sorted(cassettes, key=lambda cassette: cassette.started)
    imports = list(filter(is_import, ordered))
    start = next(filter(is_startup, ordered), None)
    instance = None if start is None else start.resource.attributes.get(INSTANCE)
    same = (one for one in imports if instance and one.resource.attributes.get(INSTANCE) == instance)
    return next(same, imports[0] if imports else None)


def imported_values(cassettes: Sequence[Cassette]) -> ImportReplayer | None:
    """What gives an app that is imported the values of the first that was, if there is any."""
    found = first_import(cassettes)
    return None if found is None else imported(recorded_events(found))


@contextlib.contextmanager
def importing(cassettes: Sequence[Cassette]) -> Iterator[None]:
    """An app is imported here, with the values that were recorded outside requests."""
    drawn = imported_values(cassettes)
    if drawn is None:
        yield
        return
    phase = Importing(drawn)
    try:
        yield
    finally:
        phase.over()
