"""What came in and is not written yet: traces that wait until they are quiet.

Spans of one trace come in any number of pieces. A trace is written when nothing of it came for a while; what
comes late has it written again, as long as it is remembered. Memory is bounded: when too much waits, the
oldest are written early, and when they cannot be written as fast as they come, no more is taken.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from timetracer_otel.converters.assembling import Assembled
from timetracer_otel.converters.reading import Piece
from timetracer_otel.converters.runs import Run
from timetracer_otel.converters.selecting import Selection
from timetracer_otel.converters.spilling import size_of
from timetracer_otel.converters.tasks import Store

QUIET: Final = 6.0
"""Seconds: SDKs send what ended every five."""
MEMORY: Final = 256 * 1024 * 1024
_REMEMBERED: Final = 600.0
"""Seconds for which what comes late finds its trace."""
_BATCH: Final = 2_000
"""Traces written at a time."""


class _Trace:
    """One trace, as far as it came.

    Attributes:
        runs: its spans.
        size: about how many bytes of memory they take.
        last: when something of it last came, by the inbox's clock.
        waits: it holds something that was not written.
    """

    __slots__ = ("last", "runs", "size", "waits")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.size = 0
        self.last = 0.0
        self.waits = False


class Received(msgspec.Struct):
    """What an inbox came to.

    Attributes:
        spans: that came.
        refused: requests that were told to come again later.
        written: what became of the traces; one that was written again counts again.
    """

    spans: int = 0
    refused: int = 0
    written: Assembled = msgspec.field(default_factory=Assembled)


class Inbox:
    """Takes spans in, from any thread; a thread of its own writes what is complete.

    Args:
        store: where cassettes go.
        selection: which ones.
        quiet: seconds without anything of a trace after which it is written.
        memory: bytes that may be held, about.
        problem: told of what could not be written.
        clock: seconds, never going back; for tests.
    """

    def __init__(
        self,
        store: Store,
        selection: Selection | None = None,
        *,
        quiet: float = QUIET,
        memory: int = MEMORY,
        problem: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.received = Received()
        self._store = store
        self._selection = selection or Selection()
        self._quiet = quiet
        self._memory = memory
        self._problem = problem or (lambda text: None)
        self._clock = clock
        self._traces: OrderedDict[str, _Trace] = OrderedDict()
        self._size = 0
        self._waiting = 0
        self._changed = threading.Condition()
        self._ends = False
        self._writer = threading.Thread(target=self._write_on, name="timetracer-collect", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def offer(self, piece: Piece) -> bool:
        """Take what one request brought; false when there is no room for it now."""
        now = self._clock()
        with self._changed:
            if self._waiting and self._waiting + piece.size > self._memory:
                self.received.refused += 1
                self._changed.notify()
                return False
            if self._size + piece.size > self._memory:
                self._forget(room=piece.size)
            for run in piece.runs:
                trace = self._traces.get(run.trace_id)
                if trace is None:
                    trace = self._traces[run.trace_id] = _Trace()
                self._traces.move_to_end(run.trace_id)
                size = size_of([run])
                self._waiting += size if trace.waits else trace.size + size
                self._size += size
                trace.size += size
                trace.runs.append(run)
                trace.last = now
                trace.waits = True
            self.received.spans += piece.spans
            if self._size > self._memory // 2:
                self._changed.notify()
        return True

    def close(self) -> Received:
        """Write all that waits, and end."""
        with self._changed:
            self._ends = True
            self._changed.notify()
        self._writer.join()
        return self.received

    def _write_on(self) -> None:
        while True:
            with self._changed:
                ends = self._ends
                due = self._due(everything=ends)
                if not due and not ends:
                    self._changed.wait(min(1.0, self._quiet / 4))
                    continue
            if not due:
                return
            self._write(due)

    def _due(self, *, everything: bool) -> list[str]:
        """The traces to write now: those that are quiet, the oldest where too much waits."""
        quiet_since = self._clock() - self._quiet
        early = self._size > self._memory // 2
        due: list[str] = []
        for trace_id, trace in self._traces.items():  # those of which something came last are last
            if not (everything or early or trace.last <= quiet_since) or len(due) == _BATCH:
                break
            if trace.waits:
                due.append(trace_id)
        self._forget(spare=frozenset(due))
        return due

    def _write(self, due: list[str]) -> None:
        with self._changed:
            runs: list[Run] = []
            for trace_id in due:
                trace = self._traces[trace_id]
                trace.waits = False
                self._waiting -= trace.size
                runs += trace.runs
        try:
            written = self._store.assembler(self._selection).write(runs)
        except OSError as error:
            self._problem(f"{self._store.path}: {len(due)} traces are lost: {error.strerror or error}")
            return
        for text in written.problems:
            self._problem(text)
        written.problems = []
        with self._changed:
            self.received.written.add(written)

    def _forget(self, *, room: int = 0, spare: frozenset[str] = frozenset()) -> None:
        """Forget what was written: long ago, and the oldest where memory is short.

        Args:
            room: bytes that are needed; half of all memory by default.
            spare: traces that are about to be written.
        """
        long_ago = self._clock() - _REMEMBERED
        most = self._memory - room if room else self._memory // 2
        for trace_id, trace in list(self._traces.items()):
            if trace.last > long_ago and self._size <= most:
                break
            if not trace.waits and trace_id not in spare:
                self._size -= trace.size
                del self._traces[trace_id]
