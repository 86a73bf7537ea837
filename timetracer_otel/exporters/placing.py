"""Being told which processors a provider gets: the SDK tells an exporter nothing of where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import wrapt
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
)

from timetracer_otel import ports

Listener: TypeAlias = Callable[[Any, SpanProcessor], bool]
"""Takes a provider's processors and the one to be added to them; false leaves it out."""

_listeners: list[Listener] = []


def watch(listener: Listener) -> None:
    """Ask ``listener`` about every processor that any provider gets from now on.

    Not where the provider is asked to add one: ``provider.add_span_processor(...)`` is looked up
    before the exporter among its arguments is made.
    """
    if not _listeners:
        for kind in (SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor):
            wrapt.wrap_function_wrapper(kind, "add_span_processor", _add)
    if listener not in _listeners:
        _listeners.append(listener)


def _add(
    wrapped: Callable[..., None], processors: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    added = [*args, *kwargs.values()]
    if all(_wanted(processors, processor) for processor in added):
        wrapped(*args, **kwargs)


def _wanted(processors: Any, processor: SpanProcessor) -> bool:
    wanted = True
    for listener in _listeners:
        try:
            wanted = listener(processors, processor) and wanted
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("following a tracer provider", error)
    return wanted
