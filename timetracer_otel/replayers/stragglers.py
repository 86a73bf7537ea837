"""Calls that a request makes after it is over: by a task or a thread that nobody waits for.

They belong to its cassette. Who judges a replay as soon as the app has answered would miss them.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import threading
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from timetracer_otel.replayers.session import Session

LATER_SECONDS: Final = 2.0
"""How much later than they were recorded they are waited for."""
_LOOK_SECONDS: Final = 0.005
_LEAST: Final = 1e-9

_pending: dict[int, Callable[[], None]] = {}
"""What is to be done when the calls have come, by number."""
_numbers = itertools.count()


def outstanding(session: Session) -> float | None:
    """How many seconds after its end the recorded request made the last of the calls that did not come yet.

    Returns:
        0 when all came and one of them is not noted yet; ``None`` when none of those that did not come was
        made after the end, or the app was stopped by a miss.
    """
    if session.misses:
        return None
    over = session.cassettes[0].entry.end_time_unix_nano
    late = [
        began - over for call in session.unused if over and (began := call.span.start_time_unix_nano) >= over
    ]
    if late:
        return max(late) / 1e9
    # looked at last: a recorded call is used before the live one that it answers is noted
    return 0.0 if session.asking else None


class _Waiting:
    """Whether to go on waiting.

    Args:
        session: the replay, whose request is over.
        at_work: whether something goes on that the request started.
    """

    def __init__(self, session: Session, at_work: Callable[[], bool]) -> None:
        self._session = session
        self._at_work = at_work
        self._began = time.monotonic()
        self._latest = 0.0
        self.seconds = 0.0
        """How long it took so far; none where nothing was waited for."""

    def goes_on(self) -> bool:
        waited = time.monotonic() - self._began
        late = outstanding(self._session)
        if late is not None:
            self._latest = max(self._latest, late)
            more = waited < self._latest + LATER_SECONDS
        else:
            # as fast as this, and it may have made them before it was over
            may_come = bool(self._session.unused) and not self._session.misses
            more = may_come and waited < LATER_SECONDS and self._at_work()
        if more or self.seconds:
            self.seconds = max(waited, _LEAST)
        return more


async def wait_in_loop(session: Session, before: Collection[asyncio.Task[Any]]) -> float:
    """Let the tasks go on that the request started, while calls of theirs are to come; how long that took.

    Args:
        session: the replay, whose request is over.
        before: the tasks that there were before it.
    """
    current = asyncio.current_task()
    waiting = _Waiting(
        session, lambda: any(task is not current and task not in before for task in asyncio.all_tasks())
    )
    while waiting.goes_on():  # noqa: ASYNC110  # the app's tasks say nothing when they call
        await asyncio.sleep(_LOOK_SECONDS)
    return waiting.seconds


def wait(
    session: Session,
    before: Collection[threading.Thread],
    loop: Callable[[], Collection[asyncio.Task[Any]]] = tuple,
) -> float:
    """The same for the threads of a request.

    Args:
        session: the replay, whose request is over.
        before: the threads that there were before it, and those that serve the next one.
        loop: its tasks in a loop that one of those threads runs.
    """
    waiting = _Waiting(
        session, lambda: any(one not in before for one in threading.enumerate()) or bool(loop())
    )
    while waiting.goes_on():
        time.sleep(_LOOK_SECONDS)
    return waiting.seconds


def afterwards(session: Session, then: Callable[[], None]) -> None:
    """Do something when the calls that are to come have come: at once where there are none, and at the end
    of the process at the latest.

    Args:
        session: the replay, whose request is over.
        then: it never raises.
    """
    if outstanding(session) is None:
        then()
        return
    number = next(_numbers)
    _pending[number] = then

    def later() -> None:
        wait(session, threading.enumerate())
        _do(number)

    threading.Thread(target=later, name="timetracer-otel stragglers", daemon=True).start()


def _do(number: int) -> None:
    then = _pending.pop(number, None)
    if then is not None:
        then()


@atexit.register
def _all_that_come_have_come() -> None:
    for number in list(_pending):
        _do(number)
