"""What makes a span the current one."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.trace import Status, StatusCode

from timetracer_otel import ports

if TYPE_CHECKING:
    from contextvars import Token

T = TypeVar("T")

[_CURRENT] = otel_trace.set_span_in_context(otel_trace.INVALID_SPAN, Context())
"""Where a context has its span."""


class CurrentSpan:
    """A span that is current in a ``with`` block, or in a function that this decorates."""

    __slots__ = ("_arguments", "_span", "_token", "_tracer")

    def __init__(self, tracer: sdk.Tracer, arguments: tuple[Any, ...]) -> None:
        self._tracer = tracer
        self._arguments = arguments

    def __enter__(self) -> otel_trace.Span:
        span = self._span = self._tracer.start_span(*self._arguments[:-1])
        self._token = attach(span)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        otel_context.detach(self._token)
        span = self._span
        *_, record_exception, set_status_on_exception, end_on_exit = self._arguments
        try:
            if isinstance(error, Exception) and span.is_recording():
                if record_exception:
                    span.record_exception(error)
                if set_status_on_exception:
                    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("the error of a span", problem)
        if end_on_exit:
            span.end()

    def __call__(self, function: T) -> T:
        """As a decorator it is the SDK's, for functions of either colour."""
        made = sdk.Tracer.start_as_current_span(self._tracer, *self._arguments)
        return made(function)


def attach(span: otel_trace.Span) -> Token[Context]:
    """Make a span the current one; what is given takes that back (:func:`opentelemetry.context.detach`)."""
    try:
        context = Context({**otel_context.get_current(), _CURRENT: span})
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("opening a span", error)
        context = otel_trace.set_span_in_context(span)
    return otel_context.attach(context)
