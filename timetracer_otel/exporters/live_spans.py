"""Payloads on the live spans themselves (``TIMETRACER_PAYLOADS=span``).

For traces that travel through a Collector before they become cassettes. A span often ends before its
answer is known (a body is read after the headers came), and an ended span takes no attributes; so its
end is put off, with its true end time, until the payload is on it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from timetracer_otel import ports
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.redaction import Redactor
from timetracer_otel.span import Attributes

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span


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

    def release(self) -> None:
        """The payload is complete: end the span if it was to end."""
        del self._span.end  # the instance's own: the class's shows again
        if self._end_time is not None:
            self._span.end(self._end_time)
