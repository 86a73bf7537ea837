"""Head sampling, turned into recording: spans that our processors see and no exporter gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import ALWAYS_ON, DEFAULT_ON, Decision, Sampler, SamplingResult

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes


class RecordOnly(Sampler):
    """Records spans without the sampled flag, which exporting processors skip.

    Args:
        inner: the sampler that decides.
        everything: also for spans it would have sampled (a replay, whose spans are nobody's).
    """

    def __init__(self, inner: Sampler, *, everything: bool) -> None:
        self._inner = inner
        self._everything = everything
        self.samples_nothing = everything and (inner is ALWAYS_ON or inner is DEFAULT_ON)
        """Every span is recorded, none is sampled, and nothing is added to any."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The inner decision, with "drop" (or every decision) made "record only"."""
        result = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if self._everything or result.decision is Decision.DROP:
            given = attributes if result.decision is Decision.DROP else result.attributes
            return SamplingResult(Decision.RECORD_ONLY, given, result.trace_state)
        return result

    def get_description(self) -> str:
        """The inner sampler's, marked."""
        return f"RecordOnly({self._inner.get_description()})"


def record_only(provider: TracerProvider, *, everything: bool) -> None:
    """Put :class:`RecordOnly` around the provider's sampler, once.

    Tracers that were made before keep their sampler: do it before the instrumentors run.
    """
    if not isinstance(provider.sampler, RecordOnly):
        provider.sampler = RecordOnly(provider.sampler, everything=everything)
