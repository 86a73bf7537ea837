"""Spans as they start and end, gathered into the trace recordings they belong to."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from timetracer_otel.exporters.trace import State, TraceRecording

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span

LATE_SECONDS = 60.0
"""How long after its entry ended a trace still takes spans that start late."""

_ASGI_SCOPES = frozenset(f"opentelemetry.instrumentation.{name}" for name in ("asgi", "fastapi", "starlette"))
MAX_REMEMBERED = 2_048
"""Written traces that are remembered for late spans."""
MAX_OPEN = 10_000
"""Traces under way at once; of more, the oldest are given up: spans that nobody ends must not pile up."""


class Assembler:
    """Finds the recording of each span, and says when one is complete.

    Args:
        deliver: called once per completed (part of a) recording, on the thread that completed it.
        wait: called when a recording is over but has stragglers; it delivers after the grace period.
        new_root: called for each new recording, before its first span is kept.
        give_up: called for a recording that is dropped because too many are under way.
        max_open: how many may be.
    """

    def __init__(
        self,
        deliver: Callable[[TraceRecording], None],
        wait: Callable[[TraceRecording], None],
        new_root: Callable[[TraceRecording, Span], None],
        give_up: Callable[[TraceRecording], None],
        max_open: int = MAX_OPEN,
    ) -> None:
        self._deliver = deliver
        self._wait = wait
        self._new_root = new_root
        self._give_up = give_up
        self._max_open = max_open
        self._open: dict[int, TraceRecording] = {}
        self._index: dict[tuple[int, int], TraceRecording] = {}
        self._written: OrderedDict[int, TraceRecording] = OrderedDict()
        self._lock = threading.RLock()

    def started(self, span: Span) -> None:
        """A span started."""
        context = span.get_span_context()
        parent = span.parent
        recording = None
        if parent is not None and not parent.is_remote:
            recording = self._index.get((parent.trace_id, parent.span_id))
        if recording is None or self._too_late(recording):
            recording = self._begin(span)
        elif _is_protocol_message(span):
            # known, so that what is below it finds its trace, and not kept
            self._index[context.trace_id, context.span_id] = recording
            recording.span_ids.add(context.span_id)
            return
        self._index[context.trace_id, context.span_id] = recording
        recording.span_started(context.span_id, span)

    def _begin(self, span: Span) -> TraceRecording:
        context = span.get_span_context()
        recording = TraceRecording(context.trace_id, context.span_id)
        self._new_root(recording, span)
        oldest = None
        with self._lock:
            self._open[id(recording)] = recording
            if len(self._open) > self._max_open:
                oldest = self._open.pop(next(iter(self._open)))
        if oldest is not None:
            self._give_up(oldest)
        return recording

    def ended(self, span: ReadableSpan) -> None:
        """A span ended."""
        context = span.get_span_context()
        if context is None:
            return
        recording = self._index.get((context.trace_id, context.span_id))
        if recording is not None:
            recording.span_ended(context.span_id, span)
            self.settle(recording)

    def find(self, trace_id: int, span_id: int) -> TraceRecording | None:
        """The recording that holds that span."""
        return self._index.get((trace_id, span_id))

    def settle(self, recording: TraceRecording) -> None:
        """Deliver the recording if it is complete; have it waited for if it is over."""
        with recording.lock:
            if recording.state is State.DROPPED or not recording.over():
                return
            if recording.over_at is None:
                recording.over_at = time.monotonic()
            if recording.complete():
                if recording.state is State.QUEUED or not (recording.ended or recording.payloads):
                    return
                recording.state = State.QUEUED
                act = self._deliver
            elif recording.state in (State.OPEN, State.WRITTEN):
                recording.state = State.WAITING
                act = self._wait
            else:
                return
        act(recording)

    def forget(self, recording: TraceRecording, *, written: bool) -> None:
        """The recording was written or dropped: keep it for late spans a while, then not at all."""
        gone: list[TraceRecording] = []
        with self._lock:
            self._open.pop(id(recording), None)
            if written:
                self._written[id(recording)] = recording
                self._written.move_to_end(id(recording))
                while self._written and (
                    len(self._written) > MAX_REMEMBERED or self._too_late(next(iter(self._written.values())))
                ):
                    gone.append(self._written.popitem(last=False)[1])
            else:
                self._written.pop(id(recording), None)
                gone.append(recording)
        for old in gone:
            for span_id in old.span_ids:
                self._index.pop((old.trace_id, span_id), None)

    def clear(self) -> None:
        """Forget everything: in a forked child all of it is the parent's."""
        self._lock = threading.RLock()
        self._index = {}
        self._open = {}
        self._written = OrderedDict()

    @staticmethod
    def _too_late(recording: TraceRecording) -> bool:
        over_at = recording.over_at
        return over_at is not None and time.monotonic() - over_at > LATE_SECONDS


def _is_protocol_message(span: Span) -> bool:
    """One of the spans that contrib draws for each message of the ASGI protocol: noise."""
    scope = span.instrumentation_scope
    return (
        scope is not None
        and scope.name in _ASGI_SCOPES
        and span.name.endswith((" http send", " http receive"))
    )
