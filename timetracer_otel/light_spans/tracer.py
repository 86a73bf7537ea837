"""The tracer: which spans it makes light, and with which ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from timetracer_otel import ports
from timetracer_otel.light_spans.current import CurrentSpan
from timetracer_otel.light_spans.ids import spans_are_random
from timetracer_otel.light_spans.processors import Alone
from timetracer_otel.light_spans.span import LightSpan
from timetracer_otel.nondeterminism import clock, entropy
from timetracer_otel.sampling import RecordOnly

if TYPE_CHECKING:
    from opentelemetry.trace import Link
    from opentelemetry.util.types import Attributes

_RANDOM: Final = 2
"""The flag of a trace whose id is random (W3C Trace Context, level 2)."""
_ROOT_FLAGS: Final = TraceFlags(TraceFlags.SAMPLED | _RANDOM)
_SAMPLED: Final = frozenset({TraceFlags(TraceFlags.SAMPLED), _ROOT_FLAGS})
_NOT_SAMPLED: Final = {flag: TraceFlags(flag) for flag in (0, _RANDOM)}


class LightTracer(sdk.Tracer):
    """What a tracer of the SDK's becomes: :func:`lighten`."""

    _alone: Alone
    _most_attributes: int
    scope_name: str

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> otel_trace.Span:
        """See :meth:`opentelemetry.trace.Tracer.start_span`."""
        try:
            span = self._light_span(name, context, kind, attributes, links, start_time)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("opening a span", error)
            span = None
        if span is None:
            return super().start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        if not record_exception:
            span._record_exception = False
        if not set_status_on_exception:
            span._set_status_on_exception = False
        for start in self._alone.starts:
            start(span, context)
        return span

    def _light_span(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] | None,
        start_time: int | None,
    ) -> LightSpan | None:
        """The span, not yet shown to the tap; ``None`` where it is the SDK's to make."""
        alone = self._alone
        if alone.processors._span_processors is not alone.only or not self._tracer_config.is_enabled:
            return None
        sampler, ids = self.sampler, self.id_generator
        unsampled = type(sampler) is RecordOnly and sampler.samples_nothing
        if not unsampled and sampler is not DEFAULT_ON:
            return None
        if type(ids) is not RandomIdGenerator and not spans_are_random(ids):
            return None
        current = otel_trace.get_current_span(context)
        above = current._context if type(current) is LightSpan else current.get_span_context()
        if above is not None and above.is_valid:
            # by place: each name is a function
            trace_id, _, is_remote, flags, state, _ = above
            if unsampled:
                flags = _NOT_SAMPLED[flags & _RANDOM]
            elif is_remote or flags not in _SAMPLED:
                return None  # for the sampler to say
            parent: SpanContext | None = above
            made = tuple.__new__(
                SpanContext, (trace_id, entropy.shared_bits(64) or 1, False, flags, state, True)
            )
        else:
            parent = None
            trace_id = (
                entropy.shared_bits(128) or 1 if type(ids) is RandomIdGenerator else ids.generate_trace_id()
            )
            flags = _NOT_SAMPLED[_RANDOM] if unsampled else _ROOT_FLAGS
            made = SpanContext(trace_id, entropy.shared_bits(64) or 1, False, flags)
        span = LightSpan(
            self,
            name,
            made,
            parent,
            kind,
            attributes,
            clock.real_time_ns() if start_time is None else start_time,
        )
        if links:
            span._links = span._new_links(links)
        return span

    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:
        """See :meth:`opentelemetry.trace.Tracer.start_as_current_span`."""
        arguments = (
            name, context, kind, attributes, links, start_time,
            record_exception, set_status_on_exception, end_on_exit,
        )  # fmt: skip
        try:
            return CurrentSpan(self, arguments)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("opening a span", error)
            return super().start_as_current_span(*arguments)
