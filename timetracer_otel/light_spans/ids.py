"""Who gives spans and traces their ids."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator


class TraceIds(IdGenerator):
    """Base of what gives ids to traces alone.

    Args:
        other: makes those of spans.
    """

    def __init__(self, other: IdGenerator) -> None:
        self.other = other

    def generate_span_id(self) -> int:
        """The other's."""
        return self.other.generate_span_id()

    def is_trace_id_random(self) -> bool:
        """As the other's are."""
        return self.other.is_trace_id_random()


def spans_are_random(ids: IdGenerator) -> bool:
    """True where the ids of spans are random, though those of traces are not."""
    return isinstance(ids, TraceIds) and type(ids.other) is RandomIdGenerator
