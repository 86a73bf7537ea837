"""What a session makes of a call: the recorded answer, or leave to go out."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from timetracer_otel import ports
from timetracer_otel.messages import Answer, Failure, HttpRequest, Request
from timetracer_otel.replayers.answers import answer_content
from timetracer_otel.replayers.capture import Captured
from timetracer_otel.replayers.linking import unmasked

if TYPE_CHECKING:
    from timetracer_otel.blocks import Arrivals
    from timetracer_otel.replayers.session import Session


class ReplayedExchange:
    """A call answered from the recording."""

    __slots__ = ("delay", "recorded")

    def __init__(self, recorded: Answer | Failure, delay: float = 0.0) -> None:
        self.recorded: Answer | Failure | None = recorded
        self.delay = delay

    def __enter__(self) -> ReplayedExchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def finish(self, answer: Answer | Failure | None) -> None:
        """Nothing to report."""

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        """Nothing to report."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to report."""


class LiveExchange:
    """A call let through during a replay; what it does below is part of it."""

    recorded: Answer | Failure | None = None

    def __enter__(self) -> LiveExchange:
        self._inside = ports.inside()
        self._inside.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.__exit__(None, None, None)

    def finish(self, answer: Answer | Failure | None) -> None:
        """Nothing to report."""

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        """Nothing to report."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to report."""


class LinkedExchange(LiveExchange):
    """A call that goes out in a hybrid replay: what it is answered now stands for what it was answered then.

    Args:
        session: whose call it is.
        request: what it asks; its body may be read on the way out.
        lane: the task or thread that calls.
    """

    def __init__(self, session: Session, request: Request, lane: int) -> None:
        self._session = session
        self._request = request
        self._lane = lane

    def finish(self, answer: Answer | Failure | None) -> None:
        """Learn what became of the recorded answer."""
        try:
            recorded = None if answer is None else self._session.of_live(self._request, self._lane)
            if recorded is not None:
                then = answer_content(recorded.answer, recorded.request)
                self._session.links.learn(unmasked(then), answer_content(answer, self._request))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("following a live answer", error)


class DoubtfulExchange(LiveExchange):
    """A call to this process that nothing recorded answers: a request to the application under test, if that
    turns out to serve it, else a miss.
    """

    def __init__(
        self,
        session: Session,
        arrivals: Arrivals,
        caller: ports.Caller,
        request: HttpRequest,
        path: tuple[str, ...] | None,
    ) -> None:
        self._session = session
        self._arrivals = arrivals
        self._caller = caller
        self._request = request
        self._path = path
        self._before = arrivals.of(request)

    def finish(self, answer: Answer | Failure | None) -> None:
        """See who served it."""
        if self._arrivals.of(self._request) <= self._before:
            self._session.miss(self._caller, self._request, self._path)


class CapturedExchange(LiveExchange):
    """A missed call let through, kept for a copy of the cassette."""

    def __init__(self, session: Session, call: Captured) -> None:
        self._session = session
        self._call = call

    def finish(self, answer: Answer | Failure | None) -> None:
        """Keep what was answered."""
        self._call.answer = answer
        self._call.ended = time.time_ns()
        self._session.captured.append(self._call)
