"""A thread that writes, so that the app never waits for a disk."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from timetracer_otel import ports
from timetracer_otel.exporters import native

T = TypeVar("T")
MAX_QUEUED = 10_000
"""Recordings that may wait to be written; more are dropped and counted."""


GATHER_SECONDS = 0.02
"""How long the writer lets more come before it starts: to switch threads for each costs the app more, with
every system call that one of the two makes while the other one computes.
"""
GATHER_MOST = 100
"""It starts at so many."""


TURN_SECONDS = 0.002
"""How long :meth:`Writer.let_write` waits at most."""
MAX_IN_VAIN = 8
"""It waits at least once in two to the power of so many items written."""


class WriterThread(threading.Thread):
    """Started by whichever request comes first, yet part of none: nothing of its context is passed on."""


class _NativeThread:
    """The same where :mod:`threading` makes greenlets."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._alive = False

    def start(self) -> None:
        self._alive = True
        native.start_new_thread(self._live, ())

    def is_alive(self) -> bool:
        return self._alive

    def _live(self) -> None:
        try:
            self._run()
        finally:
            self._alive = False


class Writer(Generic[T]):
    """Hands items to ``write`` one after the other, in a daemon thread of its own.

    Survives ``fork``: the child starts with an empty queue and a thread of its own, since what
    waited belongs to the parent.

    Args:
        write: does the work, and says whether anything was written that was not there before; what it
            raises is reported once and counted.
        grace: seconds an item given to :meth:`wait` stays before it is written all the same.
    """

    def __init__(self, write: Callable[[T], bool], grace: float) -> None:
        self._write = write
        self._grace = grace
        self.reset()
        _writers.add(self)

    def reset(self) -> None:
        """In a forked child: begin with nothing, what waited is the parent's."""
        self._condition = native.Condition()
        self._queue: deque[T] = deque()
        self._waiting: dict[int, tuple[float, T]] = {}
        self._busy = False
        self._idle = False
        self._gathering = False
        self._flushing = 0
        self._turns = native.Condition()
        self._waiting_turns = 0
        self._done = 0
        self._in_vain = 0
        self._resume_at = 0
        self._ident = 0
        self._thread: threading.Thread | _NativeThread | None = None
        self.dropped = 0
        self.failed = 0
        self.written = 0

    @property
    def waiting(self) -> int:
        """Items that are not yet written."""
        return len(self._queue) + len(self._waiting) + self._busy

    def submit(self, item: T) -> bool:
        """Queue an item; false when it is dropped: the queue is full, or the interpreter is at its end."""
        if sys.is_finalizing():
            # a response that nobody closed is collected: no thread starts now, and locks are not given back
            return False
        with self._condition:
            self._waiting.pop(id(item), None)
            full = len(self._queue) >= MAX_QUEUED
            if not full:
                self._queue.append(item)
                self._ensure_thread()
                if self._idle or (self._gathering and len(self._queue) >= GATHER_MOST):
                    self._condition.notify_all()
        if full:
            self.refuse("the disk is too slow; cassettes are dropped")
        return not full

    def refuse(self, why: str) -> None:
        """Count an item that is not taken, and say why, once."""
        with self._condition:
            self.dropped += 1
        ports.report("writing cassettes", why)

    def let_write(self) -> None:
        """Give the processor away until the writer wrote one item, for two milliseconds at most.

        A thread that computes keeps the interpreter's lock for five milliseconds; one that writes files
        gives it away with every system call. So a writer falls behind that could keep up, where the
        processor is busy and the disk is not slow. Where the disk is, waiting would not help: each time
        it was in vain, more items must be written before it is tried again.
        """
        if self._thread is None or self._done < self._resume_at or native.get_ident() == self._ident:
            return
        with self._turns:
            done = self._done
            self._waiting_turns += 1
            try:
                if self._turns.wait(TURN_SECONDS) or self._done > done:
                    self._in_vain = 0
                else:
                    self._in_vain = min(self._in_vain + 1, MAX_IN_VAIN)
                    self._resume_at = done + 2**self._in_vain
            finally:
                self._waiting_turns -= 1

    def forget(self, item: T) -> None:
        """Do not write an item given to :meth:`wait`."""
        if sys.is_finalizing():
            return
        with self._condition:
            self._waiting.pop(id(item), None)

    def wait(self, item: T) -> None:
        """Write the item when the grace period is over, unless it is submitted before."""
        if sys.is_finalizing():
            return
        with self._condition:
            self._waiting[id(item)] = (time.monotonic() + self._grace, item)
            self._ensure_thread()
            self._condition.notify_all()

    def flush(self, timeout: float) -> bool:
        """Write everything, what waits for its grace period included.

        Args:
            timeout: seconds to wait at most.

        Returns:
            True when all of it was written in that time.
        """
        deadline = time.monotonic() + timeout
        with self._condition:
            self._queue.extend(item for _, item in self._waiting.values())
            self._waiting.clear()
            if self._queue:
                self._ensure_thread()
                self._condition.notify_all()
            self._flushing += 1
            try:
                while self._queue or self._busy:
                    left = deadline - time.monotonic()
                    if left <= 0 or (self._thread is not None and not self._thread.is_alive()):
                        return False
                    self._condition.wait(min(left, 0.5))
            finally:
                self._flushing -= 1
        return True

    def _ensure_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            if native.is_replaced():
                self._thread = _NativeThread(self._run)
            else:
                self._thread = WriterThread(target=self._run, name="timetracer-otel-writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        condition = self._condition
        self._ident = native.get_ident()
        while True:
            with condition:
                try:
                    if not self._queue:
                        self._await_items(condition)
                except Exception as error:  # noqa: BLE001  # the next item starts another thread
                    ports.report("waiting for cassettes to write", error)
                    self._thread, self._idle, self._gathering, self._busy = None, False, False, False
                    condition.notify_all()
                    return
                item = self._queue.popleft()
                self._busy = True
            try:
                self.written += self._write(item)
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                self.failed += 1
                ports.report("writing a cassette", error)
            del item
            self._done += 1
            if self._waiting_turns:
                with self._turns:
                    self._turns.notify_all()

    def _await_items(self, condition: native.Condition) -> None:
        self._busy = False
        if self._flushing:
            condition.notify_all()
        self._idle = True
        while not self._queue:
            self._expire()
            if self._queue:
                break
            first = min((deadline for deadline, _ in self._waiting.values()), default=None)
            condition.wait(None if first is None else max(0.0, first - time.monotonic()))
        self._idle = False
        if not self._flushing and len(self._queue) < GATHER_MOST:
            self._gathering = True
            condition.wait(GATHER_SECONDS)
            self._gathering = False

    def _expire(self) -> None:
        try:
            now = time.monotonic()
            for key in [key for key, (deadline, _) in self._waiting.items() if deadline <= now]:
                self._queue.append(self._waiting.pop(key)[1])
        except Exception as error:  # noqa: BLE001  # the thread goes on; a flush writes what waits
            ports.report("writing what waited", error)
            self._queue.extend(item for _, item in self._waiting.values())
            self._waiting.clear()


_writers: weakref.WeakSet[Writer[Any]] = weakref.WeakSet()
"""Every writer of this process."""


def _reset_in_child() -> None:
    for writer in list(_writers):
        writer.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
