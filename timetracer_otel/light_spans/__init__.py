"""Spans that cost less, where nobody but us sees them: cassettes are all that becomes of them, or a replay.

Of what the SDK makes for each span (four locks, two bounded lists, a bounded dictionary, a copy of the span
when it ends) most spans need nothing. A :class:`LightSpan` is one of the SDK's in every respect; what is
rarely asked for it makes when it is asked, and attributes of plain types are set without a look at each.

A tracer makes them as long as all processors of its provider are ours, and the SDK is one whose spans are
known here: as soon as anybody else sees the spans they are the SDK's own again.
"""

from timetracer_otel.light_spans.current import attach
from timetracer_otel.light_spans.ids import TraceIds
from timetracer_otel.light_spans.processors import OwnProcessor
from timetracer_otel.light_spans.providers import lighten
from timetracer_otel.light_spans.span import LightSpan

__all__ = ["LightSpan", "OwnProcessor", "TraceIds", "attach", "lighten"]
