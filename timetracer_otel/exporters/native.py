"""Threads and locks of the operating system, also where gevent puts greenlets in their place.

Greenlets take turns in one thread: a writer that is one of them would write on the app's event loop. And
gevent replaces them in the middle of a process's life (a worker of gunicorn, after it was forked), when
ours are already in use. So they are taken here, before.
"""

from __future__ import annotations

import _thread
import sys
from collections import deque
from types import TracebackType
from typing import Any


def _original(name: str) -> Any:
    """What ``_thread`` means by a name, whoever replaced it before this is imported."""
    monkey = sys.modules.get("gevent.monkey")
    return getattr(_thread, name) if monkey is None else monkey.get_original("_thread", name)


start_new_thread = _original("start_new_thread")
allocate_lock = _original("allocate_lock")
get_ident = _original("get_ident")
RLock = _thread.RLock  # gevent leaves this one


def is_replaced() -> bool:
    """True where somebody's threads are in the place of the operating system's."""
    return _thread.start_new_thread is not start_new_thread


class Condition:
    """What :class:`threading.Condition` is, with a lock that its holder can take again."""

    def __init__(self) -> None:
        self._lock: Any = RLock()
        self._waiters: deque[Any] = deque()

    def __enter__(self) -> Condition:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait, with the lock given back meanwhile, until notified; false after ``timeout`` seconds."""
        waiter = allocate_lock()
        waiter.acquire()
        self._waiters.append(waiter)
        held = self._lock._release_save()
        notified = False
        try:
            notified = bool(waiter.acquire(True, -1 if timeout is None else max(0.0, timeout)))
        finally:
            self._lock._acquire_restore(held)
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def notify_all(self) -> None:
        """Wake everybody who waits."""
        while self._waiters:
            self._waiters.popleft().release()
