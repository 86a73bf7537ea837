"""Payloads on the live spans themselves (``TIMETRACER_PAYLOADS=span``).

For traces that travel through a Collector before they become cassettes. A span often ends before its
answer is known (a body is read after the headers came), and an ended span takes no attributes; so its
end is put off, with its true end time, until the payload is on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from timetracer_otel import attributes as names
from timetracer_otel import ports
from timetracer_otel.exporters.masking import Masking
from timetracer_otel.exporters.value_events import value_events
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.nondeterminism.recording import MAX_VALUES
from timetracer_otel.redaction import KnownSecrets, Redactor, secrets_in
from timetracer_otel.span import Attributes, AttributeValue

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from timetracer_otel.exporters.trace import TraceRecording
M = TypeVar("M", bound="Request | Answer | Failure")


class SaidSoFar:
    """Masks the messages of a trace as they are said: each by itself, and of what was masked in those before.

    Args:
        redactor: masks secrets; ``None`` when masking is off.
    """

    def __init__(self, redactor: Redactor | None) -> None:
        self.redactor = redactor
        self._secrets: set[str] = set()
        self._known: KnownSecrets | None = None

    def learn(self, message: Request | Answer | Failure) -> None:
        """Know the secrets of a message that will be said later, or is not whole yet."""
        try:
            self._masked(message, None)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("masking what came in", error)

    def clean(self, message: M, answers: Request | None, *, came_in: bool) -> M:
        """The message without secrets.

        Args:
            message: it is not changed.
            answers: the request that it answers.
            came_in: it is the request that came in.
        """
        clean = self._masked(message, answers)
        return clean if self._known is None else self._known.message(clean, [], came_in=came_in)

    def _masked(self, message: M, answers: Request | None) -> M:
        if self.redactor is None:
            return message
        clean = self.redactor.message(message, [], answers)
        if clean is not message:
            found = secrets_in(message, clean)
            if not found <= self._secrets:
                self._secrets = self._secrets | found
                self._known = KnownSecrets(self._secrets)
        return clean


class OpenSpan:
    """A live span that is kept open until its payload is complete.

    Args:
        span: the SDK's span.
        said: masks what is put on it.
    """

    def __init__(self, span: Span, said: SaidSoFar) -> None:
        self._span = span
        self._said = said
        self._end_time: int | None = None
        span.end = self._put_off  # type: ignore[method-assign]  # the one way to hold an SDK span open

    def _put_off(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = end_time if end_time is not None else time.time_ns()

    def learn(self, message: Request) -> None:
        """Know the secrets of the request that came in before it is put on the span."""
        self._said.learn(message)

    def add(
        self,
        message: Request | Answer | Failure,
        answers: Request | None = None,
        *,
        came_in: bool = False,
    ) -> None:
        """Put a message's attributes on the span, masked.

        Args:
            message: which.
            answers: the request that it answers.
            came_in: it is the request that came in.
        """
        try:
            self.set(self._said.clean(message, answers, came_in=came_in).attributes())
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
            masking = Masking(self._said.redactor, [])
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
