"""One trace being recorded: an entry span, what is below it, and the payloads of its calls."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.exporters import native
from timetracer_otel.exporters.budget import Budget
from timetracer_otel.exporters.sizes import TRACE_BYTES, size_of, size_of_span
from timetracer_otel.lanes import LaneTable
from timetracer_otel.messages import Answer, Failure, HttpRequest, Request, label_of
from timetracer_otel.span import Attributes

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span

MAX_SPANS = 20_000
"""Spans kept of one trace; more are counted and listed as a gap."""
WEIGHED_TOGETHER = 64
"""Ended spans of a trace under way that are counted at once; the rest when it is over."""


class CallPayload(msgspec.Struct):
    """What one dependency call asked and was answered, until it is written."""

    integration: str
    family: str
    request: Request
    lane: int
    index: int = 0
    """Its number, in the order in which calls begin."""
    answer: Answer | Failure | None = None
    answered: bool = False
    kept: bool = False
    """Its recording has it, and it was not taken to be written."""
    give_up: Callable[[], None] | None = None
    """Takes what was read of the answer for all of it."""


class EntryPayload(msgspec.Struct):
    """What the entry received and answered, until it is written."""

    framework: str
    request: Request
    response: Answer | None = None
    failure: BaseException | None = None
    route: str | None = None

    def marks(self) -> Attributes:
        """What says that a span is an entry, and of which kind."""
        marks: Attributes = {names.ENTRY_FRAMEWORK: self.framework}
        if not isinstance(self.request, HttpRequest):
            marks |= {names.ENTRY_FAMILY: self.request.family, names.ENTRY_TITLE: label_of(self.request)}
        return marks


class Gap(msgspec.Struct):
    """Something that could not be recorded."""

    kind: str
    detail: str
    span_id: int = 0


class Batch(msgspec.Struct):
    """Part of a trace, ready to be written."""

    ended: list[Any]
    never_ended: list[Any]
    payloads: dict[int, CallPayload]
    entry: EntryPayload | None
    gaps: list[Gap]
    bytes: int
    """What was counted for it."""


class State(enum.Enum):
    """How far a trace has come."""

    OPEN = "open"
    WAITING = "waiting"
    QUEUED = "queued"
    WRITTEN = "written"
    DROPPED = "dropped"
    REMEMBERED = "remembered"


DONE = frozenset({State.DROPPED, State.REMEMBERED})
"""States in which a recording takes nothing more."""


Remembered: TypeAlias = "tuple[int, int, tuple[int, ...], str | None, int, int, tuple[str, ...], float]"
"""What late spans need of a written trace: trace id, entry id, span ids, path (``None``: not kept), numbers
of calls and lanes so far, what was masked in it, when it was over. A plain tuple of plain values costs the
garbage collector nothing, and thousands are kept.
"""


class TraceRecording:
    """Collects one trace. Everything that changes it holds ``lock``.

    Attributes:
        open: live spans that have not ended, by span id.
        ended: spans that have.
        unkept: live spans that are not kept: known, so that what is below them finds its trace.
        entry_open: the inbound request is still being served (its span may have ended).
        holds: reasons to wait beside open spans: calls whose answer is not read to its end.
        secrets: what was masked in what was written of it, to be looked for in what comes late.
        said: masks what goes onto live spans, where payloads do.
        bytes: payload bytes kept so far.
        weight: bytes counted for the trace itself and its ended spans.
    """

    __slots__ = (
        "_budget",
        "_full",
        "bytes",
        "calls",
        "dropped_spans",
        "ended",
        "entry_id",
        "entry_open",
        "entry_payload",
        "excluded",
        "gaps",
        "holds",
        "lanes",
        "lock",
        "open",
        "over_at",
        "path",
        "payloads",
        "said",
        "secrets",
        "span_ids",
        "state",
        "trace_id",
        "unkept",
        "values",
        "weighed",
        "weight",
    )  # fmt: skip

    def __init__(self, trace_id: int, entry_id: int, budget: Budget) -> None:
        self._budget = budget
        self._full = False
        self.trace_id = trace_id
        self.entry_id = entry_id
        self.lock = native.RLock()  # a collected stream may report while this thread holds it
        self.open: dict[int, Span] = {}
        self.ended: list[ReadableSpan] = []
        self.span_ids: set[int] = set()
        self.unkept: set[int] = set()
        self.payloads: dict[int, CallPayload] = {}
        self.entry_payload: EntryPayload | None = None
        self.gaps: list[Gap] = []
        self.said: Any = None
        self.secrets: tuple[str, ...] = ()
        self.lanes = LaneTable()
        self.values: Any = None
        self.calls = 0
        self.entry_open = False
        self.holds = 0
        self.bytes = 0
        self.weight = 0
        self.weighed = 0
        self.dropped_spans = 0
        self.excluded = False
        self.state = State.OPEN
        self.over_at: float | None = None
        self.path: Path | None = None

    @classmethod
    def revived(cls, remembered: Remembered, budget: Budget) -> Self:
        """A trace that was remembered, for what comes late."""
        trace_id, entry_id, span_ids, path, calls, lanes, secrets, over_at = remembered
        recording = cls(trace_id, entry_id, budget)
        recording.span_ids.update(span_ids)
        recording.path = None if path is None else Path(path)
        recording.excluded = path is None
        recording.calls = calls
        recording.lanes = LaneTable(lanes)
        recording.secrets = secrets
        recording.state = State.WRITTEN
        recording.over_at = over_at
        return recording

    def remember(self) -> Remembered | None:
        """What to keep of it once written, when nothing began meanwhile; it takes nothing more then."""
        with self.lock:
            if self.open or self.ended or self.payloads or self.over_at is None:
                return None
            self.state = State.REMEMBERED
            # counted while it was written, for what was not kept
            left, self.bytes, self.weight = self.bytes + self.weight, 0, 0
            self._budget.give(left)
            path = None if self.path is None or self.excluded else str(self.path)
            span_ids = tuple(self.span_ids)
            lanes = self.lanes.count()
            return self.trace_id, self.entry_id, span_ids, path, self.calls, lanes, self.secrets, self.over_at

    def span_started(self, span_id: int, span: Span | None) -> bool:
        """A span of this trace began (one that is not kept: ``None``); false when it takes no more."""
        with self.lock:
            if self.state is State.REMEMBERED:
                return False
            self.span_ids.add(span_id)
            if span is None:
                self.unkept.add(span_id)
            elif len(self.span_ids) > MAX_SPANS or (self._full and self._budget.crowded):
                self.unkept.add(span_id)
                self.dropped_spans += 1
            else:
                self.open[span_id] = span
            return True

    def span_ended(self, span_id: int, span: ReadableSpan) -> bool:
        """A span of this trace ended; false when it is not kept and need not be known any more."""
        with self.lock:
            if span_id in self.unkept:  # a trace may have any number of them
                self.unkept.discard(span_id)
                self.span_ids.discard(span_id)
                return False
            if self.open.pop(span_id, None) is not None:
                self.ended.append(span)
                if len(self.ended) - self.weighed >= WEIGHED_TOGETHER:
                    self._full = not self._weigh(under_way=True)  # a trace may go on for days
            return True

    def weigh(self) -> bool:
        """It is over: count what is not counted yet; false when there is no room for it.

        One that went on for long is counted for the most part, and not given up for its last spans.
        """
        return self._weigh(under_way=False)

    def _weigh(self, *, under_way: bool) -> bool:
        with self.lock:
            if self.state in DONE:
                return True  # nobody would give it back
            weight = sum(size_of_span(span) for span in self.ended[self.weighed :])
            if not self.weight:
                weight += TRACE_BYTES
            if not self._budget.take(weight, under_way=under_way):
                if under_way or not self.weight:
                    return False
                self._budget.add(weight)
            self.weight += weight
            self.weighed = len(self.ended)
            return True

    def call_began(self, span_id: int, payload: CallPayload) -> bool:
        """A call is under way, and the trace waits for its answer; false when there is no room for what it
        asks, which is not kept then.
        """
        size = size_of(payload.request)
        room = self._budget.take(size)
        with self.lock:
            self.holds += 1
            self.calls += 1
            payload.index = self.calls
            if room and self._has_room(size):
                self.bytes += size
                self.payloads[span_id] = payload
                payload.kept = True
                return True
        return self._refuse(size, counted=room)

    def call_answered(self, payload: CallPayload, answer: Answer | Failure | None) -> bool:
        """The trace waits for that call no longer; false when there is no room for its answer.

        The answer to a call that was taken without it is nobody's: its cassette says so.
        """
        with self.lock:
            self.holds -= 1
            payload.answered = True
            if answer is None or not payload.kept:
                return True
            size = size_of(answer)
            room = self._budget.take(size)
            if room and self._has_room(size):
                self.bytes += size
                payload.answer = answer
                return True
        return self._refuse(size, counted=room)

    def over(self) -> bool:
        """The entry span ended and its request was served: only stragglers are left to wait for."""
        return not self.entry_open and self.entry_id not in self.open

    def complete(self) -> bool:
        """Nothing of the trace is under way."""
        return not self.open and self.holds <= 0 and not self.entry_open

    def still_read(self) -> list[Callable[[], None]]:
        """How to end the calls whose answers are still being read."""
        with self.lock:
            return [call.give_up for call in self.payloads.values() if call.give_up is not None]

    def take(self) -> Batch:
        """What there is to write now.

        Work that began after the trace was complete (a thread, say) is left to be taken when it
        has ended; after the grace period everything is taken as it is.
        """
        payloads: dict[int, CallPayload] = {}
        ended: list[ReadableSpan] = []
        opened: dict[int, Span] = {}
        gaps: list[Gap] = []
        with self.lock:
            as_it_is = self.state is not State.QUEUED
            # nothing is made while they change hands: what a collection ends in this very thread would be
            # counted here and lost there
            payloads, self.payloads = self.payloads, payloads
            ended, self.ended = self.ended, ended
            gaps, self.gaps = self.gaps, gaps
            if as_it_is:
                opened, self.open = self.open, opened
            size = self.bytes + self.weight
            self.bytes = self.weight = self.weighed = 0
            self._full = False
            if self.state not in DONE:
                self.state = State.WRITTEN
            if not as_it_is:
                late = {span_id: call for span_id, call in payloads.items() if not call.answered}
                if late:
                    self.payloads.update(late)
                    self.ended.extend(span for span in ended if span.context.span_id in late)
                    ended = [span for span in ended if span.context.span_id not in late]
                    payloads = {span_id: call for span_id, call in payloads.items() if span_id not in late}
            for call in payloads.values():
                call.kept = False
            return Batch(ended, list(opened.values()), payloads, self.entry_payload, gaps, size)

    def reserve(self, size: int) -> bool:
        """Count payload bytes; false when a limit is reached, or nobody will take them: do not keep them."""
        room = self._budget.take(size)
        if room:
            with self.lock:
                if self._has_room(size):
                    self.bytes += size
                    return True
        return self._refuse(size, counted=room)

    def _has_room(self, size: int) -> bool:
        return self.state not in DONE and self.bytes + size <= self._budget.trace_limit

    def _refuse(self, size: int, *, counted: bool) -> bool:
        if counted:
            self._budget.give(size)
        self._budget.refuse()
        return False

    def give_back(self, size: int) -> None:
        """Payload bytes that were counted are not kept after all."""
        with self.lock:
            given = min(size, self.bytes)  # the others were taken to be written
            self.bytes -= given
        self._budget.give(given)

    def gap(self, kind: str, detail: str, span_id: int = 0) -> None:
        """List something that could not be recorded (a bounded number of them)."""
        with self.lock:
            if len(self.gaps) < 1000:
                self.gaps.append(Gap(kind, detail, span_id))
