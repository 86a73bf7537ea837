"""Drawn values as span events."""

from __future__ import annotations

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.exporters.masking import Masking
from timetracer_otel.nondeterminism import ValueRecorder
from timetracer_otel.span import Event


def value_events(recorder: ValueRecorder, masking: Masking) -> list[Event]:
    """What the clock and the random sources gave, and when, as span events."""
    return [
        Event(
            name=names.EVENT_VALUE,
            time_unix_nano=at,
            attributes={"source": source, "value": values.dumps(masking.drawn(source, value)), "lane": lane},
        )
        for (source, value, lane), at in recorder.timed_events()
    ]
