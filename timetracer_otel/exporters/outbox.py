"""What becomes of finished traces: they wait for the writer's thread or are dropped, and are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from timetracer_otel import ports
from timetracer_otel.config import Settings
from timetracer_otel.exporters.assembler import Assembler
from timetracer_otel.exporters.budget import Budget
from timetracer_otel.exporters.build import CassetteBuilder
from timetracer_otel.exporters.statistics import Statistics
from timetracer_otel.exporters.trace import DONE, State, TraceRecording
from timetracer_otel.exporters.writer import Writer
from timetracer_otel.store import FolderStore

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

MANY_WAITING = 500
"""Finished traces that wait for the writer before those who bring more let it go first."""


class Outbox:
    """Takes traces as they complete, and has them written.

    Args:
        store: where cassettes go; ``None`` writes none (payloads travel on the spans).
        settings: see :mod:`timetracer_otel.config`.
        new_root: called for each new recording, before its first span is kept.

    Attributes:
        assembler: tells which traces are complete.
        builder: makes their cassettes.
        budget: the bytes that they may hold.
        writer: has the queue, and the thread.
    """

    def __init__(
        self,
        store: FolderStore | None,
        settings: Settings,
        new_root: Callable[[TraceRecording, Span], None],
    ) -> None:
        self.store = store
        self.budget = Budget(settings.max_pending_mb * 1024 * 1024, settings.max_trace_kb * 1024)
        self.builder = CassetteBuilder(settings)
        self.writer: Writer[TraceRecording] = Writer(self._write, settings.grace_seconds)
        self.assembler = Assembler(self._deliver, self._wait, new_root, self._give_up, self.budget)
        self._given_up = 0
        self._not_kept = 0
        self._summed_up = Statistics()

    def _deliver(self, recording: TraceRecording) -> None:
        if recording.excluded or self.store is None:
            self._drop(recording)
        elif not recording.weigh():
            self._crowded_out(recording)
        elif not self.writer.submit(recording):
            self._drop(recording)
        elif self.writer.waiting > MANY_WAITING or self.budget.crowded:
            self.writer.let_write()

    def _wait(self, recording: TraceRecording) -> None:
        if recording.weigh():
            self.writer.wait(recording)
        else:
            self._crowded_out(recording)

    def _crowded_out(self, recording: TraceRecording) -> None:
        """What waits for the disk leaves no room for it."""
        self.writer.refuse("too many bytes wait for the disk; cassettes are dropped")
        self._drop(recording)

    def _give_up(self, recording: TraceRecording) -> None:
        self._given_up += not recording.excluded
        ports.report("recording", "too many traces are under way at once; the oldest are dropped")
        self._drop(recording)

    def _drop(self, recording: TraceRecording) -> None:
        with recording.lock:
            batch = recording.take()
            recording.state = State.DROPPED
        self.writer.forget(recording)
        self.budget.give(batch.bytes)
        self.assembler.forget(recording, written=False)

    def _write(self, recording: TraceRecording) -> bool:
        """Write what there is of a recording; true when there is a new cassette."""
        if recording.state in DONE:
            return False  # flushed while it waited, it was queued once more when it was complete
        if recording.state is State.WAITING:
            for give_up in recording.still_read():
                give_up()
            if recording.state is not State.WAITING:
                return False  # that was all it waited for: it is in the queue now
        batch = recording.take()
        store = self.store
        try:
            if store is None or recording.excluded:
                return False
            is_new = recording.path is None
            if self.builder.write(recording, batch, store):
                return is_new
            recording.excluded = True  # not kept (no error in it, say): what comes late is not either
            self._not_kept += 1
            return False
        finally:
            recording.entry_payload = recording.values = None
            self.budget.give(batch.bytes)
            self.assembler.forget(recording, written=True)
            self.assembler.settle(recording)  # what began meanwhile
            self.assembler.settle_late()

    def flush(self, timeout: float = 10.0) -> bool:
        """Write every finished trace; true when all were written within ``timeout`` seconds."""
        return self.writer.flush(timeout)

    def statistics(self) -> Statistics:
        """What was written, and what was lost."""
        writer = self.writer
        return Statistics(
            written=writer.written,
            not_kept=self._not_kept,
            waiting=writer.waiting,
            failed=writer.failed,
            dropped=writer.dropped + self._given_up,
            cut=self.budget.refused,
            faults=ports.failures(),
        )

    def sum_up(self) -> None:
        """Log the statistics on one line, as a warning where something was lost; not twice the same."""
        counted = self.statistics()
        if counted != self._summed_up:
            self._summed_up = counted
            ports.logger.log(counted.level, "timetracer-otel: %s", counted)

    def after_fork(self) -> None:
        """In a forked child: what was under way is the parent's."""
        self._given_up = self._not_kept = 0
        self.budget.reset()
        self.assembler.clear()
