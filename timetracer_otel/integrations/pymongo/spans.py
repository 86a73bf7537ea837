"""The spans that OpenTelemetry's instrumentation opens when a command starts.

Its listener is told of a command right before it is sent, and keeps the span where only it finds it:
it is never the current one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from timetracer_otel import ports

MODULE: Final = "opentelemetry.instrumentation.pymongo"

_started: ContextVar[tuple[int, Any] | None] = ContextVar("timetracer_pymongo_span", default=None)
"""Id of the request that was announced last in this context, and its span."""


def keep(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around ``CommandTracer.started``: remembers the span it made."""
    result = wrapped(*args, **kwargs)
    try:
        if ports.current() is not None:
            event = args[0] if args else kwargs["event"]
            span = instance._span_dict.get(sys.modules[MODULE]._get_span_dict_key(event))
            _started.set(None if span is None else (event.request_id, span))
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("pymongo: finding the span of a command", error)
    return result


def take(request_id: int) -> Any:
    """The span of the request with that id; ``None`` when none was opened."""
    found = _started.get()
    if found is None:
        return None
    _started.set(None)
    return found[1] if found[0] == request_id else None
