"""Calls made outside of everything: by a scheduler, a heartbeat, a script.

Each is a cassette, so that a replay can answer it. A loop makes them for as long as its process lives, and a
replay answers one again and again: so not all are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from timetracer_otel import ports

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

CALLS: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
"""What the span of a call is."""


class LoneCalls:
    """Counts them.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen = 0

    def is_one_too_many(self, span: Span) -> bool:
        """Count one more; true when it is not kept.

        Args:
            span: the first of a trace, which is such a call's or something else.
        """
        if span.kind not in CALLS:
            return False
        self._seen += 1  # two threads at once may be counted as one
        if self._seen == self._most + 1 and self._most:
            ports.logger.warning(
                "timetracer-otel: %d calls outside of requests, tasks, blocks and spans are recorded; those"
                " that follow are not (TIMETRACER_MAX_OUTSIDE)",
                self._most,
            )
        return self._seen > self._most
