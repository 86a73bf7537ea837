"""What every inbound request or message has while it is recorded: its trace and its span."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace

from timetracer_otel import ports
from timetracer_otel.exporters.live_spans import OpenSpan
from timetracer_otel.exporters.trace import EntryPayload, TraceRecording
from timetracer_otel.messages import HttpRequest
from timetracer_otel.nondeterminism import ValueRecorder, drawing_from

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from timetracer_otel.exporters.recorder import Recorder

_SAID: Final = HttpRequest("", "", [])
"""In the place of what a request said that is over."""


class BoundEntry(ABC):
    """An entry bound to the span that an instrumentation opens for it; where none will, it opens one.

    Args:
        recorder: who records it.
        payload: what it received, and will have answered.
        traced: an instrumentation will open its span.
        excluded: it is not to be recorded, nor what it calls.
    """

    def __init__(self, recorder: Recorder, payload: EntryPayload, *, traced: bool, excluded: bool) -> None:
        self.recorder = recorder
        self.excluded = excluded
        self._traced = traced
        self._payload = payload
        self._recording: TraceRecording | None = None
        self._span: Span | None = None
        self._own: otel_trace.Span | None = None
        self._live: OpenSpan | None = None
        self._lane = _Lane()
        self._values = ValueRecorder(self._lane)

    @property
    def recording(self) -> TraceRecording | None:
        """The trace of this entry, once it has one."""
        return self._recording

    def bind(self, recording: TraceRecording, span: Span) -> bool:
        """Take the recording for this entry's; false when it already has one."""
        if self._recording is not None:
            return False
        self._recording = recording
        self._span = span
        recording.entry_open = True
        self._live = None if self.excluded else self.recorder.open_span(span, recording)
        if self._live is not None:
            self._live.learn(self._payload.request)
        recording.entry_payload = self._payload
        recording.values = self._values
        self._lane.recording = recording
        if not self.excluded:
            self.recorder.requests.serving.add(self)
        return True

    def activate(self) -> contextlib.AbstractContextManager[None]:
        """Make this entry current; its span as well where that would otherwise be lost."""
        return _Activation(self, None if self.excluded else self._values)

    def span_to_attach(self) -> otel_trace.Span | None:
        """The span that work in this entry belongs to, where it is not current by itself."""
        if self._recording is None and not self._traced and not self.excluded:
            try:
                self._own = self._open_span()
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report("opening a request's span", error)
        return self._own or (self._span if self._ended_span_matters() else None)

    def _ended_span_matters(self) -> bool:
        """A streamed body is made after its SERVER span was detached: calls in it have no parent."""
        return self._span is not None and not otel_trace.get_current_span().get_span_context().is_valid

    @abstractmethod
    def _open_span(self) -> otel_trace.Span:
        """A span of its own."""

    def sent(self) -> bool:
        """Everything was given away, as far as can be told before the app returns."""
        return False

    @abstractmethod
    def _finish_payload(self) -> None:
        """Put together what was copied so far."""

    def cut_off(self) -> None:
        """The process ends before the app returned: write what there is."""
        recording = self._recording
        if recording is not None:
            self._finish_payload()
            recording.gap("cut off", "the process ended after the response was sent", recording.entry_id)
            self.recorder.outbox.writer.wait(recording)

    def _settle(self) -> None:
        """Put the payload on the live span where it goes there, and let the trace complete."""
        recording = self._recording
        if self._live is not None:
            self._live.set(self._payload.marks())
            self._live.add(self._payload.request, came_in=True)
            if self._payload.response is not None:
                self._live.add(self._payload.response, self._payload.request)
            if recording is not None:
                self._live.add_values(recording)
            self._live.release()
        if recording is not None:
            with recording.lock:
                recording.entry_open = False
            self.recorder.assembler.settle(recording)
        # what the request started may outlive it for long, and holds this: a connection that a pool keeps
        self._payload = EntryPayload(self._payload.framework, _SAID)


class _Activation:
    """What :meth:`BoundEntry.activate` gives. No generator: it runs for every request."""

    __slots__ = ("_drawing", "_entered", "_entry", "_token")

    def __init__(self, entry: BoundEntry, values: ValueRecorder | None) -> None:
        self._entry = entry
        self._entered = ports.entered(cast("ports.Inbound", entry))
        self._drawing = drawing_from(values)
        self._token: Any = None

    def __enter__(self) -> None:
        self._entered.__enter__()
        try:
            span = self._entry.span_to_attach()
            self._drawing.__enter__()
        except BaseException:
            # a server's thread that stayed in this request would record none after it
            self._entered.__exit__(None, None, None)
            raise
        if span is not None:
            self._token = otel_context.attach(otel_trace.set_span_in_context(span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._token is not None:
                otel_context.detach(self._token)
            self._drawing.__exit__(kind, error, trace)
        finally:
            self._entered.__exit__(kind, error, trace)


class _Lane:
    """The lane that runs now. Apart from the entry, which would be a cycle for the garbage collector."""

    __slots__ = ("recording",)

    def __init__(self) -> None:
        self.recording: TraceRecording | None = None

    def __call__(self) -> int:
        return 0 if self.recording is None else self.recording.lanes.current()
