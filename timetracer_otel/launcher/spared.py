"""Work that is spared where cassettes are all that becomes of the spans.

contrib draws one span for each message of the ASGI protocol, and the SDK queues every span for the
exporter that the launcher was given. Cassettes keep no such message, and ours takes traces from a
processor of its own. And the SDK makes measurements that no reader of metrics gets. What others might want
to see comes back as soon as there is another.
"""

from __future__ import annotations

import dataclasses
import os
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt
from opentelemetry import metrics
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from timetracer_otel import ports
from timetracer_otel.exporters.placing import watch
from timetracer_otel.exporters.processor import SpanTap
from timetracer_otel.light_spans import lighten

_HOOKS = ("client_request_hook", "client_response_hook")
_spared: weakref.WeakSet[Any] = weakref.WeakSet()
"""The middlewares that draw no span of a message, because of us."""
_alone = False


def leave_out(exporter: type[Any]) -> None:
    """Add no processor to a provider that would only feed an exporter of that (inert) class."""

    def placed(processors: Any, processor: SpanProcessor) -> bool:
        if isinstance(getattr(processor, "span_exporter", None), exporter):
            processor.shutdown()
            return False
        if not isinstance(processor, SpanTap):
            _join()
        return True

    watch(placed)


def spare(provider: TracerProvider) -> None:
    """Have light spans made, and no measurements, until somebody else looks; and draw no spans of single ASGI
    messages, if the launcher was asked for no exporter but ours.

    Args:
        provider: makes the spans.
    """
    global _alone  # once a process
    lighten(provider)
    _spare_measurements(metrics.get_meter_provider())
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip() == "timetracer" and not _alone:
        _alone = True
        wrapt.register_post_import_hook(_wrap, "opentelemetry.instrumentation.asgi")


def _spare_measurements(provider: Any) -> None:
    """Switch meters off until there is a reader, in an SDK that can."""
    if not hasattr(provider, "add_metric_reader") or not hasattr(provider, "_set_meter_configurator"):
        return
    if provider._measurement_consumer._reader_storages:
        return
    configure, before = provider._set_meter_configurator, provider._meter_configurator

    def off(scope: InstrumentationScope) -> Any:
        return dataclasses.replace(before(scope), is_enabled=False)

    def added(wrapped: Callable[..., None], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            if provider._meter_configurator is off:
                configure(meter_configurator=before)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("switching meters on", error)
        wrapped(*args, **kwargs)

    configure(meter_configurator=off)
    wrapt.wrap_function_wrapper(provider, "add_metric_reader", added)


def _join() -> None:
    """Somebody else sees the spans from now on."""
    global _alone  # as above
    _alone = False
    for middleware in list(_spared):
        middleware.exclude_send_span = middleware.exclude_receive_span = False
    _spared.clear()


def _wrap(module: ModuleType) -> None:
    wrapt.wrap_function_wrapper(module, "OpenTelemetryMiddleware.__init__", _made)


def _made(
    wrapped: Callable[..., None], middleware: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    wrapped(*args, **kwargs)
    try:
        _spare(middleware)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("sparing the spans of messages", error)


def _spare(middleware: Any) -> None:
    if not _alone or any(getattr(middleware, hook, None) for hook in _HOOKS):
        return
    if getattr(middleware, "exclude_send_span", True) or getattr(middleware, "exclude_receive_span", True):
        return  # the app's own choice, or a version that offers none
    middleware.exclude_send_span = middleware.exclude_receive_span = True
    _spared.add(middleware)
