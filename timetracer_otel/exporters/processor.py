"""Where the OpenTelemetry SDK hands us its spans."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from timetracer_otel import config, ports
from timetracer_otel.config import Settings
from timetracer_otel.exporters.placing import watch
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.exporters.statistics import Statistics
from timetracer_otel.light_spans import OwnProcessor
from timetracer_otel.opening import store_for

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span


_tapping = threading.Lock()


def _renew() -> None:
    """Another thread may have held it when this process was forked."""
    global _tapping  # one process, one lock
    _tapping = threading.Lock()


os.register_at_fork(after_in_child=_renew)


class SpanTap(OwnProcessor):
    """Passes spans on to the recorder of the moment. Added once to a provider, which cannot
    remove processors.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.recorder = recorder
        self._blocks: tuple[Recorder, ...] = ()

    def begin_block(self, recorder: Recorder) -> None:
        """Pass them on to that one as well, from now on."""
        with _tapping:
            self._blocks = (*self._blocks, recorder)

    def end_block(self, recorder: Recorder) -> None:
        """The block is over; what began with its recorder is passed on to it until it is done."""
        if recorder.retire():
            self._leave(recorder)

    def _leave(self, recorder: Recorder) -> None:
        with _tapping:
            self._blocks = tuple(one for one in self._blocks if one is not recorder)

    def _recorders(self) -> list[Recorder]:
        return [one for one in (self.recorder, *self._blocks) if one is not None]

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span started."""
        try:
            if self.recorder is not None:
                self.recorder.span_started(span)
            for block in self._blocks:
                block.span_started(span)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("taking a span", error)

    def on_end(self, span: ReadableSpan) -> None:
        """A span ended."""
        try:
            if self.recorder is not None:
                self.recorder.span_ended(span)
            for block in self._blocks:
                block.span_ended(span)
                if block.retired and not block.assembler.serves():
                    self._leave(block)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("taking a span", error)

    def shutdown(self) -> None:
        """Write what is finished, and stop."""
        try:
            for recorder in self._recorders():
                recorder.close()
                recorder.outbox.sum_up()
        except Exception as error:  # noqa: BLE001  # the processors after this one are shut down, too
            ports.report("writing what is finished", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write what is finished; false when that takes longer."""
        try:
            flushed = [recorder.flush(timeout_millis / 1000) for recorder in self._recorders()]
            return all(flushed)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("writing what is finished", error)
            return True  # at false the SDK would not flush the processors after this one

    def statistics(self) -> Statistics:
        """How many cassettes were written, and what was lost."""
        return Statistics() if self.recorder is None else self.recorder.outbox.statistics()


_taps: weakref.WeakKeyDictionary[TracerProvider, SpanTap] = weakref.WeakKeyDictionary()


def tap(provider: TracerProvider) -> SpanTap:
    """The one tap of that provider, added now if it has none."""
    found = _taps.get(provider)
    if found is None:
        found = _taps[provider] = SpanTap()
        provider.add_span_processor(found)
    return found


class CassetteSpanProcessor(SpanTap):
    """Writes every trace of a provider into cassettes as it completes.

    Payloads are captured when :func:`timetracer_otel.install` was or is called; without it the
    cassettes hold the structure only. It writes nothing where ``TIMETRACER_MODE`` is ``off`` or
    ``replay``, or the process is replayed already.

    Args:
        dir: the store, a folder; ``TIMETRACER_DIR`` by default.
        settings: everything else; read from the environment and pyproject.toml by default.
        tracer_provider: the provider it is added to, where that is not the global one.

    Raises:
        ConfigurationError: a setting is malformed.
    """

    def __init__(
        self,
        dir: str | Path | None = None,  # noqa: A002  # the name of the setting
        *,
        settings: Settings | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        if settings is None:
            settings = config.load()
        super().__init__()
        if recording_is_wanted():
            self.recorder = Recorder(store_for(settings, dir), settings, tracer_provider)
            make_current(self.recorder)

    def shutdown(self) -> None:
        """Write what is finished, and stop recording."""
        super().shutdown()
        if self.recorder is not None:
            release(self.recorder)


def recording_is_wanted() -> bool:
    """False where the process was told to do otherwise than its own code says: it is a replay of it,
    say. Whoever replays stays behind the ports then, or the app would go live.
    """
    mode = os.environ.get("TIMETRACER_MODE", "").strip().lower()
    return mode not in ("off", "replay") and not ports.replays()


def make_current(recorder: Recorder) -> tuple[ports.Port | None, ports.EntryPort | None]:
    """Put the recorder behind the ports of this process; returns who stood there."""
    reference = weakref.ref(recorder)

    def in_child() -> None:
        if (found := reference()) is not None:
            found.after_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)
    return ports.set_process_ports(recorder, recorder.requests)


def release(recorder: Recorder) -> None:
    """Take the recorder from behind the ports, if it still stands there."""
    port, entry = ports.set_process_ports(None, None)
    if port is not recorder:
        ports.set_process_ports(port, entry)


MAX_HELD = 10_000
"""Spans an exporter without a tap keeps while it waits for their root."""


def _trace_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    return 0 if context is None else context.trace_id


class CassetteSpanExporter(SpanExporter):
    """An exporter that writes cassettes, for ``BatchSpanProcessor(CassetteSpanExporter(dir))``.

    A batch comes too late and without starts to tell when a trace is complete, so the exporter
    also has a tap added beside its processor, or where that cannot be seen to the global provider
    as soon as there is one. Prefer :class:`CassetteSpanProcessor` where you can. It writes nothing where that
    does not.

    Args:
        dir: the store, a folder; ``TIMETRACER_DIR`` by default.
        settings: everything else; read from the environment and pyproject.toml by default.
        tracer_provider: the provider it is added to, where that is not the global one.
    """

    def __init__(
        self,
        dir: str | Path | None = None,  # noqa: A002  # the name of the setting
        *,
        settings: Settings | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        if settings is None:
            settings = config.load()
        wanted = recording_is_wanted()
        self.recorder = Recorder(store_for(settings, dir) if wanted else None, settings, tracer_provider)
        self._provider = tracer_provider
        self._tap: SpanTap | None = None
        self._held: list[ReadableSpan] = []
        self._attached_at: int | None = None
        if not wanted:
            self.recorder.close()
            return
        watch(_placed)
        make_current(self.recorder)
        if not self.attach():
            self.recorder.attach = self.attach

    def attach(self) -> bool:
        """Tap the provider if there is one yet."""
        provider = self._provider or otel_trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            return False
        self._tap = tap(provider)
        self._tap.recorder = self.recorder
        self._attached_at = self._attached_at or time.time_ns()
        return True

    def attach_beside(self, processors: Any) -> None:
        """A provider got the processor of this exporter: take its spans from their start."""
        if self._tap is not None:
            self._tap.recorder = None
        self._tap = SpanTap(self.recorder)
        self._attached_at = self._attached_at or time.time_ns()
        self.recorder.attach = None
        processors.add_span_processor(self._tap)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take the spans that the tap did not see, if there was none when they started."""
        try:
            for span in spans if self.recorder.outbox.store is not None else ():
                if self._attached_at is None or (span.start_time or 0) < self._attached_at:
                    self._held.append(span)
            for root in [span for span in self._held if span.parent is None or span.parent.is_remote]:
                self._take(root)
            del self._held[:-MAX_HELD]
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("taking spans", error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def _take(self, root: ReadableSpan) -> None:
        """The root of a trace ends last: hand over all of the trace that was held for it."""
        assembler = self.recorder.assembler
        trace_id = _trace_id(root)
        mine = sorted(
            (span for span in self._held if _trace_id(span) == trace_id),
            key=lambda span: (span is not root, span.start_time or 0),
        )
        self._held = [span for span in self._held if _trace_id(span) != trace_id]
        for span in mine:
            assembler.started(span)  # type: ignore[arg-type]  # an ended span can be read as a live one
        for span in reversed(mine):
            assembler.ended(span)

    def shutdown(self) -> None:
        """Write what is finished, and stop recording."""
        try:
            self.recorder.close()
            self.recorder.outbox.sum_up()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("writing what is finished", error)
        release(self.recorder)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write what is finished."""
        try:
            return self.recorder.flush(timeout_millis / 1000)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("writing what is finished", error)
            return False

    def statistics(self) -> Statistics:
        """How many cassettes were written, and what was lost."""
        return self.recorder.outbox.statistics()


def _placed(processors: Any, processor: SpanProcessor) -> bool:
    """Tell an exporter of ours beside which processors its own is."""
    exporter = getattr(processor, "span_exporter", None)
    if isinstance(exporter, CassetteSpanExporter) and exporter.recorder.outbox.store is not None:
        exporter.attach_beside(processors)
    return True
