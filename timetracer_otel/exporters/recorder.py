"""The recorder: what stands behind the ports while a process records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace

from timetracer_otel import __version__, ports
from timetracer_otel.config import Settings
from timetracer_otel.exporters import ending, owners
from timetracer_otel.exporters.bound import BoundEntry
from timetracer_otel.exporters.build import call_attributes
from timetracer_otel.exporters.exchange import SUPPRESSED, UNRECORDED, RecordedExchange
from timetracer_otel.exporters.incoming import IncomingRequests
from timetracer_otel.exporters.live_spans import OpenSpan, SaidSoFar
from timetracer_otel.exporters.lone_calls import LoneCalls
from timetracer_otel.exporters.outbox import Outbox
from timetracer_otel.exporters.sdk_spans import scope_name, span_name
from timetracer_otel.exporters.trace import CallPayload, TraceRecording
from timetracer_otel.messages import Request
from timetracer_otel.span import Attributes
from timetracer_otel.store import FolderStore

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span

SCOPE = "timetracer_otel"


class Recorder:
    """Gathers spans and payloads into cassettes and has them written.

    Implements :class:`~timetracer_otel.ports.Port`.

    Args:
        store: where cassettes go; ``None`` writes none (payloads travel on the spans).
        settings: see :mod:`timetracer_otel.config`.
        provider: makes the spans of calls that no instrumentation covers; the global one by default.

    Attributes:
        outbox: what becomes of traces that are complete.
        requests: takes those that come in.
    """

    replaying = False
    pace = False

    def __init__(
        self, store: FolderStore | None, settings: Settings, provider: otel_trace.TracerProvider | None = None
    ) -> None:
        self.settings = settings
        self._on_spans = settings.payloads == "span"
        self.body_limit = settings.max_body_kb * 1024
        self._provider = provider
        self._tracer: otel_trace.Tracer | None = None
        self.active = True
        self.exclusive = False
        """What begins while it stands behind the process's port is no other recorder's."""
        self.retired = False
        """It takes no new trace."""
        self.attach: Callable[[], bool] | None = None
        """Taps the provider, where that could not be done yet; called until it returns true."""
        self._lone = LoneCalls(settings.max_outside)
        self.outbox = Outbox(store, settings, self._new_root)
        self.assembler = self.outbox.assembler
        self._redactor = self.outbox.builder.redactor
        self.requests = IncomingRequests(self)
        ending.follow(self)
        owners.add(self)

    # spans, from the span processor

    def span_started(self, span: Span) -> None:
        """A span started."""
        if self.active:
            self.assembler.started(span)

    def span_ended(self, span: ReadableSpan) -> None:
        """A span ended."""
        self.assembler.ended(span)

    def _new_root(self, recording: TraceRecording, span: Span) -> None:
        rate = self.settings.sample_rate
        if rate < 1.0 and (recording.trace_id & 0xFFFFFFFFFFFFFF) >= rate * 2**56:
            recording.excluded = True
        if owners.is_anothers(span, self):
            recording.excluded = True
            return
        entry = ports.current_entry()
        if isinstance(entry, BoundEntry) and entry.recorder is self:
            if entry.recording is None:
                entry.excluded = entry.excluded or recording.excluded
            recording.excluded = entry.excluded
            entry.bind(recording, span)
        recording.excluded = recording.excluded or self._lone.is_one_too_many(span)

    # calls, from integrations

    def live(self, caller: ports.Caller) -> bool:
        """Every call goes out while recording."""
        return True

    def begin(self, caller: ports.Caller, request: Request, span: Any = None) -> ports.Exchange:
        """Start one dependency call; see :class:`~timetracer_otel.ports.Port`."""
        try:
            owner = self._owner(span)
            return self._begin(caller, request, span) if owner is self else owner.begin(caller, request, span)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{caller.name}: recording a call", error)
            return UNRECORDED

    def _owner(self, span: Any = None) -> Recorder:
        """Who records what is done here and now."""
        return owners.owner_of(span or otel_trace.get_current_span(), self)

    def _begin(self, caller: ports.Caller, request: Request, span: Any) -> ports.Exchange:
        here = otel_context.get_current()
        if not self.active or any(map(here.get, SUPPRESSED)):
            return UNRECORDED
        if self.attach is not None:
            self.ensure_attached()
        if span is None:
            span = otel_trace.get_current_span(here)
        scope = scope_name(span)
        own = None
        recording = None
        beside = None
        if scope is not None and scope in caller.scopes:
            trace_id, span_id, *_ = span.get_span_context()
            recording = self.assembler.find(trace_id, span_id)
            if recording is not None and span_id in recording.payloads:
                # another call's span: a retry or a redirect in a library's one span, an ORM statement in one
                recording = None
                if span.parent is not None:
                    beside = otel_trace.set_span_in_context(otel_trace.NonRecordingSpan(span.parent))
        if recording is not None and not self._takes(recording):
            recording = None
        if recording is None:
            entry = ports.current_entry()
            if isinstance(entry, BoundEntry) and entry.excluded:
                return UNRECORDED
            above = self._above() or beside
            standard = self.standard_attributes(request)
            own = self.tracer().start_span(
                span_name(request, standard), above, otel_trace.SpanKind.CLIENT, standard
            )
            if (
                isinstance(otel_trace.get_tracer_provider(), otel_trace.ProxyTracerProvider)
                and not self._provider
            ):
                # without a provider its context is that of the span above: the payload is not that one's
                ports.report(
                    f"{caller.name}: recording a call",
                    "no span for it: there is no global tracer"
                    " provider; give yours as tracer_provider to what records",
                )
                return UNRECORDED
            trace_id, span_id, *_ = own.get_span_context()
            recording = self.assembler.find(trace_id, span_id)
        if recording is None or recording.excluded:
            if own is not None:
                own.end()
            return UNRECORDED
        payload = CallPayload(caller.name, caller.family, request, recording.lanes.current())
        live = self.open_span(own or span, recording) if self._on_spans else None
        exchange = RecordedExchange(self.assembler, recording, span_id, payload, own, live)
        if live is not None:
            live.set(call_attributes(payload))
        return exchange

    def _takes(self, recording: TraceRecording) -> bool:
        """True when calls bound to a span of that recording are kept there."""
        return True

    def _above(self) -> otel_context.Context | None:
        """Where a call belongs that is made in a context of no recording."""
        return None

    def standard_attributes(self, request: Request) -> Attributes:
        """Those of a span of ours, without secrets: other exporters get it as well."""
        standard = request.span_attributes()
        redactor = self._redactor
        return standard if redactor is None else redactor.span_attributes(standard)

    def open_span(self, span: Any, recording: TraceRecording) -> OpenSpan | None:
        """The span, kept open for its payload, where payloads go on spans; else ``None``."""
        if not self._on_spans:
            return None
        with recording.lock:
            if recording.said is None:
                recording.said = SaidSoFar(self._redactor)
        return OpenSpan(span, recording.said)

    def recorded_requests(self, caller: ports.Caller) -> tuple[Request, ...]:
        """Nothing: this is no replay."""
        return ()

    def pending_requests(self, caller: ports.Caller, *, everywhere: bool = False) -> tuple[Request, ...]:
        """Nothing: this is no replay."""
        return ()

    async def await_cancellation(self, title: str) -> None:
        """Nothing: this is no replay."""

    def new_lane(self) -> Any:
        """A lane for work about to start in another thread."""
        trace_id, span_id, *_ = otel_trace.get_current_span().get_span_context()
        recording = self._owner().assembler.find(trace_id, span_id)
        return None if recording is None else recording.lanes.new()

    def lost(self, where: str, why: str) -> None:
        """List a failure as a gap of the trace under way; see :class:`~timetracer_otel.ports.Port`."""
        context = otel_trace.get_current_span().get_span_context()
        owner = self._owner()
        recording = owner.assembler.find(context.trace_id, context.span_id)
        entry = ports.current_entry()
        if recording is None and isinstance(entry, BoundEntry) and entry.recorder is owner:
            recording = entry.recording
        if recording is not None:
            recording.gap("recording failed", f"{where}: {why}" if why else where, context.span_id)

    def ensure_attached(self) -> None:
        """Tap the provider, where that is still to be done and there is one by now."""
        if self.attach is not None and self.attach():
            self.attach = None

    def tracer(self) -> otel_trace.Tracer:
        """The tracer of our own spans."""
        if self._tracer is None:
            provider = self._provider or otel_trace.get_tracer_provider()
            self._tracer = provider.get_tracer(SCOPE, __version__)
        return self._tracer

    # the life of it

    def flush(self, timeout: float = 10.0) -> bool:
        """Write every finished trace; true when all were written within ``timeout`` seconds."""
        return self.outbox.flush(timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Stop recording, and write what is finished."""
        self.active = False
        ending.release(self)
        owners.remove(self)
        return self.flush(timeout)

    def retire(self) -> bool:
        """Take no new trace, and write what is finished; true when no request is under way: it is closed."""
        self.retired = True
        self.flush()
        if self.assembler.serves():
            return False
        self.close()
        return True

    def wait_for_sent(self, timeout: float) -> None:
        """The process ends: wait for requests whose response is sent whole."""
        self.requests.wait_for_sent(timeout)

    def after_fork(self) -> None:
        """In a forked child: what was under way is the parent's."""
        ports.forget_failures()
        self.outbox.after_fork()
        self.requests.serving.clear()
