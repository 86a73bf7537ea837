"""Payloads on the live spans themselves (``TIMETRACER_PAYLOADS=span``).

For traces that travel through a Collector before they become cassettes. A span often ends before its
answer is known (a body is read after the headers came), and an ended span takes no attributes; so its
end is put off, with its true end time, until the payload is on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from timetracer_otel import attributes as names
from timetracer_otel import ports
from timetracer_otel.exporters.masking import Masking
from timetracer_otel.exporters.value_events import value_events
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.nondeterminism.recording import MAX_VALUES
from timetracer_otel.redaction import Redactor
from timetracer_otel.span import Attributes, AttributeValue

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from timetracer_otel.exporters.trace import TraceRecording


class OpenSpan:
    """A live span that is kept open until its payload is complete.

    Args:
        span: the SDK's span.
        redactor: masks secrets; ``None`` when masking is off.
    """

    def __init__(self, span: Span, redactor: Redactor | None) -> None:
        self._span = span
        self._redactor = redactor
        self._end_time: int | None = None
        span.end = self._put_off  # type: ignore[method-assign]  # the one way to hold an SDK span open

    def _put_off(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = end_time if end_time is not None else time.time_ns()

    def add(self, message: Request | Answer | Failure) -> None:
        """Put a message's attributes on the span, masked."""
        try:
            clean = message if self._redactor is None else self._redactor.message(message, [])
            self.set(clean.attributes())
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("putting a payload on a span", error)

    def set(self, attributes: Attributes) -> None:
        """Put attributes on the span."""
        self._span.set_attributes(attributes)

    def add_values(self, recording: TraceRecording) -> None:
        """Put what was drawn of the clock and the random sources on the span, as far as it takes events."""
        if recording.values is None:
            return
        try:
            masking = Masking(self._redactor, [])
            for message in _said(recording):
                masking.attributes(message)
            events = value_events(recording.values, masking)
            room = self._room_for_events()
            for event in events[:room]:
                self._span.add_event(event.name, event.attributes, event.time_unix_nano)
            missing = len(events) - room + recording.values.dropped
            if missing > 0:
                gap: AttributeValue = {
                    "kind": "values not kept",
                    "detail": f"{missing} of the clock and random sources",
                }
                self.set({names.GAPS: [gap]})
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("putting drawn values on a span", error)

    def _room_for_events(self) -> int:
        """How many events the span takes before it gives up its oldest."""
        limit = self._span._limits.max_events
        return MAX_VALUES if limit is None else max(0, limit - len(self._span._events))

    def release(self) -> None:
        """The payload is complete: end the span if it was to end."""
        del self._span.end  # the instance's own: the class's shows again
        if self._end_time is not None:
            self._span.end(self._end_time)


def _said(recording: TraceRecording) -> Iterator[Request | Answer | Failure]:
    """All that the trace received and said so far."""
    entry = recording.entry_payload
    if entry is not None:
        yield entry.request
        if entry.response is not None:
            yield entry.response
    for payload in list(recording.payloads.values()):
        yield payload.request
        if payload.answer is not None:
            yield payload.answer
