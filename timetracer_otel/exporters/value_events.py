"""Drawn values as span events."""

from __future__ import annotations

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.exporters.masking import Masking
from timetracer_otel.nondeterminism import ValueRecorder
from timetracer_otel.nondeterminism.comparisons import Comparison, noted
from timetracer_otel.span import Attributes, Event


def value_events(recorder: ValueRecorder, masking: Masking) -> list[Event]:
    """What the clock and the random sources gave, and when, as span events."""
    events: list[Event] = []
    left_out: dict[int, int] = {}
    for (source, value, lane), at in recorder.timed_events():
        if isinstance(value, Comparison):
            recorded = masking.compared(value)
            if recorded is None:
                left_out[lane] = left_out.get(lane, 0) + 1
                continue
            written: object = noted(recorded, left_out.pop(lane, 0))
        else:
            written = masking.drawn(source, value)
        attributes: Attributes = {"source": source, "value": values.dumps(written), "lane": lane}
        events.append(Event(name=names.EVENT_VALUE, time_unix_nano=at, attributes=attributes))
    return events
