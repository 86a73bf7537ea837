"""Having a provider's tracers make light spans."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Final

import wrapt
from opentelemetry import trace as otel_trace
from opentelemetry.sdk import trace as sdk

from timetracer_otel import ports
from timetracer_otel.light_spans.known import is_known
from timetracer_otel.light_spans.processors import Alone, OwnProcessor
from timetracer_otel.light_spans.tracer import LightTracer

_UNLIMITED: Final = 2**31
_alone: weakref.WeakKeyDictionary[sdk.TracerProvider, Alone] = weakref.WeakKeyDictionary()


def lighten(provider: sdk.TracerProvider) -> None:
    """Have the tracers of a provider make light spans, those that it has and those to come.

    Args:
        provider: one that has no processors but ours; else nothing changes.
    """
    processors = provider._active_span_processor
    present: tuple[Any, ...] = processors._span_processors
    if not present or not all(isinstance(one, OwnProcessor) for one in present) or not is_known():
        return
    alone = _alone.get(provider)
    if alone is not None:
        alone.know()
        return
    alone = _alone[provider] = Alone(processors)

    def got(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tracer = wrapped(*args, **kwargs)
        try:
            _lighten(tracer, alone)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("following a tracer provider", error)
        return tracer

    tracers: list[Any] = list(provider._tracers.values())
    for tracer in tracers:
        _lighten(tracer, alone)
    wrapt.wrap_function_wrapper(provider, "get_tracer", got)


def _lighten(tracer: otel_trace.Tracer, alone: Alone) -> None:
    if type(tracer) is not sdk.Tracer or type(tracer._tracer_metrics).__name__ != "NoOpTracerMetrics":
        return  # one already, or the SDK counts its spans
    limits = tracer._span_limits
    if limits.max_span_attribute_length is None:
        most = limits.max_span_attributes
        vars(tracer).update(
            _alone=alone,
            _most_attributes=_UNLIMITED if most is None else most,
            scope_name=tracer._instrumentation_scope.name,
        )
        tracer.__class__ = LightTracer
