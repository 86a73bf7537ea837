"""The end of a process: what is finished is written first, however the process ends.

``atexit`` is not run by a child that multiprocessing or billiard forked, nor by ``os._exit``, nor where
a signal kills: each has a way of its own here. Every one is bounded, so that a slow disk delays the end of
a process and never prevents it.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any, Final, NoReturn, Protocol

import wrapt

from timetracer_otel import ports
from timetracer_otel.integrations import wrapping

END_SECONDS: Final = 10.0
"""How long the end of a process waits for what is not yet written."""
ABRUPT_SECONDS: Final = 2.0
"""How long it does where somebody wanted it to end at once: ``os._exit``, a signal."""
SENT_SECONDS: Final = 0.5
"""How much of that for requests whose response is sent and whose app is about to return."""


class Ending(Protocol):
    """What has work to finish at the end of the process."""

    def wait_for_sent(self, timeout: float) -> None:
        """Wait for requests whose response is sent whole, and take them as they are after that."""
        ...

    def flush(self, timeout: float) -> bool:
        """Write everything that is finished; true when that took no longer than ``timeout`` seconds."""
        ...

    def after_fork(self) -> None:
        """In a forked child: what was under way is the parent's."""
        ...


_recorders: weakref.WeakSet[Ending] = weakref.WeakSet()
"""Every one of this process."""
_active: weakref.WeakSet[Ending] = weakref.WeakSet()
"""Those that record."""
_exit_wrapped: tuple[Any, Any] | None = None
_lock = threading.RLock()


def follow(recorder: Ending) -> None:
    """Have what that recorder finishes written at the end of this process."""
    with _lock:
        _recorders.add(recorder)
        _active.add(recorder)
    install()


def release(recorder: Ending) -> None:
    """That recorder takes nothing new; ``os._exit`` is given back with the last one."""
    with _lock:
        _active.discard(recorder)
        if not _active:
            uninstall()


def install() -> None:
    """Wrap ``os._exit`` if anybody records. Again does nothing."""
    global _exit_wrapped  # one process, one os._exit
    with _lock:
        if _exit_wrapped is None and len(_active):
            _exit_wrapped = wrapping.insert_beneath(os, "_exit", os._exit, _before_exit)


def uninstall() -> None:
    """Give ``os._exit`` back."""
    global _exit_wrapped  # one process, one os._exit
    with _lock:
        if _exit_wrapped is not None:
            wrapping.take_out(os, "_exit", *_exit_wrapped)
            _exit_wrapped = None


def finish(timeout: float) -> None:
    """Write what is finished, of every recorder of this process.

    Args:
        timeout: seconds to take at most.
    """
    deadline = time.monotonic() + timeout
    sent = deadline - timeout + SENT_SECONDS
    try:
        recorders = list(_recorders)
        for recorder in recorders:
            recorder.wait_for_sent(sent - time.monotonic())
        for recorder in recorders:
            recorder.flush(deadline - time.monotonic())
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("writing at the end of the process", error)


def watch_sigterm() -> None:
    """Write what is finished when SIGTERM is about to kill this process.

    Only where nothing else would run: the signal has its default disposition, in the main thread. Whoever
    sets a handler later replaces this one. The process dies of the signal as it would have, so its exit
    status is the same; a program that is executed in its place or as a child starts with the default.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, frame: FrameType | None) -> None:
    try:
        finish(ABRUPT_SECONDS)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    # still alive: the first process of a container ignores signals that have no handler
    signal.signal(signal.SIGTERM, _terminated)


def _before_exit(
    wrapped: Callable[..., NoReturn], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> NoReturn:
    try:
        finish(ABRUPT_SECONDS)
    finally:
        wrapped(*args, **kwargs)


def _at_end() -> None:
    finish(END_SECONDS)


def _after_fork() -> None:
    global _lock  # another thread of the parent may have held it
    _lock = threading.RLock()
    for recorder in list(_recorders):
        recorder.after_fork()


def _follow_multiprocessing(util: ModuleType) -> None:
    """A child that multiprocessing, or Celery's billiard, forked ends without ``atexit``, yet calls
    finalizers of its own.
    """
    # last of all: the app's own finalizers may still make spans
    util.register_after_fork(_recorders, lambda _: util.Finalize(None, _at_end, exitpriority=-1_000))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_end)
for _module in ("multiprocessing.util", "billiard.util"):
    wrapt.register_post_import_hook(_follow_multiprocessing, _module)
