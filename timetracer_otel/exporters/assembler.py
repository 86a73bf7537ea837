"""Spans as they start and end, gathered into the trace recordings they belong to."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from timetracer_otel.exporters import native
from timetracer_otel.exporters.budget import Budget
from timetracer_otel.exporters.lone_calls import CALLS
from timetracer_otel.exporters.sdk_spans import scope_name
from timetracer_otel.exporters.trace import DONE, Remembered, State, TraceRecording
from timetracer_otel.light_spans import LightSpan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from opentelemetry.trace import SpanContext

LATE_SECONDS = 60.0
"""How long after its entry ended a trace still takes spans that start late."""

_ASGI_SCOPES = frozenset(f"opentelemetry.instrumentation.{name}" for name in ("asgi", "fastapi", "starlette"))
MAX_REMEMBERED = 2_048
"""Written traces that are remembered for late spans."""
MAX_OVER = 100
"""Start-ups whose jobs are known."""
MAX_OPEN = 10_000
"""Traces under way at once; of more, the oldest are given up: spans that nobody ends must not pile up."""


class Assembler:
    """Finds the recording of each span, and says when one is complete.

    Args:
        deliver: called once per completed (part of a) recording, on the thread that completed it.
        wait: called when a recording is over but has stragglers; it delivers after the grace period.
        new_root: called for each new recording, before its first span is kept.
        give_up: called for a recording that is dropped because too many are under way.
        budget: counts what recordings hold.
        max_open: how many may be.
    """

    def __init__(
        self,
        deliver: Callable[[TraceRecording], None],
        wait: Callable[[TraceRecording], None],
        new_root: Callable[[TraceRecording, Span], None],
        give_up: Callable[[TraceRecording], None],
        budget: Budget,
        max_open: int = MAX_OPEN,
    ) -> None:
        self._deliver = deliver
        self._wait = wait
        self._new_root = new_root
        self._give_up = give_up
        self._budget = budget
        self._max_open = max_open
        self._open: dict[int, TraceRecording] = {}
        self._index: dict[tuple[int, int], TraceRecording | Remembered] = {}
        self._written: deque[Remembered] = deque()
        self._revived: dict[int, tuple[float, TraceRecording]] = {}
        self._over: dict[tuple[int, int], None] = {}
        self._lock = native.RLock()

    def ended_entry(self, trace_id: int, span_id: int) -> None:
        """A start-up is over: spans that begin right below its own from here on are entries, but for calls.

        Args:
            trace_id: of its span.
            span_id: the same.
        """
        self._over[trace_id, span_id] = None
        if len(self._over) > MAX_OVER:  # tests start an app thousands of times in one process
            self._over.pop(next(iter(self._over)), None)

    def started(self, span: Span) -> None:
        """A span started."""
        context = span.get_span_context()
        if type(span) is LightSpan and self._join_quickly(span, context):
            return
        kept = not _is_protocol_message(span)
        while not self._join(span, context, kept=kept):
            pass  # its trace was remembered meanwhile

    def _join_quickly(self, span: LightSpan, context: SpanContext) -> bool:
        """The span is one more of a trace that is under way, as most are; false where it may be another."""
        parent = span._parent
        found = None if parent is None or parent.is_remote else self._index.get(parent[:2])
        if type(found) is not TraceRecording or found.over_at is not None or _is_protocol_message(span):
            return False
        joined = found.span_started(context[1], span)
        if joined:
            self._index[context[:2]] = found
        return joined

    def _join(self, span: Span, context: SpanContext, *, kept: bool) -> bool:
        parent = span.parent
        found = None
        if parent is not None and not parent.is_remote:
            found = self._index.get(parent[:2])
            if self._over and parent[:2] in self._over and span.kind not in CALLS:
                found = None  # a run of a job that the start-up began
        recording = self._revive(found) if isinstance(found, tuple) else found
        if recording is None or (recording.over_at is not None and _too_late(recording.over_at)):
            recording, kept = self._begin(span, context), True
        # a message is known, so that what is below it finds its trace, and not kept
        key = context[:2]
        joined = recording.span_started(key[1], span if kept else None)
        if joined:
            self._index[key] = recording
        return joined

    def _begin(self, span: Span, context: SpanContext) -> TraceRecording:
        recording = TraceRecording(context.trace_id, context.span_id, self._budget)
        self._new_root(recording, span)
        self._add_open(recording)
        return recording

    def _add_open(self, recording: TraceRecording) -> None:
        oldest = None
        with self._lock:
            self._open[id(recording)] = recording
            if len(self._open) > self._max_open:
                oldest = self._open.pop(next(iter(self._open)))
        if oldest is not None:
            self._give_up(oldest)

    def _revive(self, remembered: Remembered) -> TraceRecording | None:
        """A written trace gets a span after all."""
        trace_id, entry_id, *_, over_at = remembered
        if _too_late(over_at):
            return None
        with self._lock:
            found = self._index.get((trace_id, entry_id))
            if found is not remembered:
                return None if isinstance(found, tuple) else found
            recording = TraceRecording.revived(remembered, self._budget)
            self._written.remove(remembered)
            for span_id in recording.span_ids:
                self._index[trace_id, span_id] = recording
            self._revived[id(recording)] = time.monotonic(), recording
        self._add_open(recording)
        return recording

    def ended(self, span: ReadableSpan) -> None:
        """A span ended."""
        context = span.get_span_context()
        if context is None:
            return
        key = context[:2]
        recording = self._index.get(key)
        if isinstance(recording, TraceRecording):
            if not recording.span_ended(key[1], span):
                self._index.pop(key, None)
            if not recording.entry_open:  # else it is not over
                self.settle(recording)

    def find(self, trace_id: int, span_id: int) -> TraceRecording | None:
        """The recording that holds that span, while it is under way."""
        found = self._index.get((trace_id, span_id))
        return found if isinstance(found, TraceRecording) else None

    def serves(self) -> bool:
        """True while a request or a message is under way, or what it left behind."""
        with self._lock:
            return any(
                recording.entry_payload is not None and not recording.excluded
                for recording in self._open.values()
            )

    def settle(self, recording: TraceRecording) -> None:
        """Deliver the recording if it is complete; have it waited for if it is over."""
        if not recording.over():  # for most spans; whoever ends the last of what is open comes here, too
            return
        with recording.lock:
            if recording.state in DONE or not recording.over():
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
        if recording.state is State.QUEUED:  # bounded by the writer from here on
            with self._lock:
                self._open.pop(id(recording), None)
        act(recording)

    def settle_late(self) -> None:
        """Have it waited for what came late to a written trace and does not end."""
        while True:
            with self._lock:
                since, recording = next(iter(self._revived.values()), (0.0, None))
                if recording is None or not _too_late(since):
                    return
                del self._revived[id(recording)]
            self.settle(recording)
            if recording.state is State.WRITTEN:  # nothing of it is kept
                self.forget(recording, written=True)

    def forget(self, recording: TraceRecording, *, written: bool) -> None:
        """The recording was written or dropped: remember it for late spans a while, or not at all."""
        with self._lock:
            if not written:
                self._open.pop(id(recording), None)
                self._revived.pop(id(recording), None)
                self._unlist(recording.trace_id, recording.span_ids)
                return
            remembered = recording.remember()
            if remembered is None:
                self._open[id(recording)] = recording  # something began meanwhile
                return
            self._open.pop(id(recording), None)
            self._revived.pop(id(recording), None)
            for span_id in recording.span_ids:
                self._index[recording.trace_id, span_id] = remembered
            self._written.append(remembered)
            while len(self._written) > MAX_REMEMBERED or (self._written and _too_late(self._written[0][-1])):
                trace_id, _, span_ids, *_ = self._written.popleft()
                self._unlist(trace_id, span_ids)

    def _unlist(self, trace_id: int, span_ids: Iterable[int]) -> None:
        for span_id in span_ids:
            self._index.pop((trace_id, span_id), None)

    def clear(self) -> None:
        """Forget everything: in a forked child all of it is the parent's."""
        self._lock = native.RLock()
        self._index = {}
        self._open = {}
        self._over = {}
        self._written = deque()
        self._revived = {}


def _too_late(over_at: float) -> bool:
    return time.monotonic() - over_at > LATE_SECONDS


def _is_protocol_message(span: Span) -> bool:
    """One of the spans that contrib draws for each message of the ASGI protocol: noise."""
    return span.name.endswith((" http send", " http receive")) and scope_name(span) in _ASGI_SCOPES
