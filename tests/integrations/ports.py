"""The two ports, in memory: what an integration records and what it is asked to answer.

Everything passes through attributes and the value codec, so a test sees what a cassette carries.
Matching is the simplest that is right: the first unused recorded call with an equal canonical form.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import msgspec
from opentelemetry import trace

from timetracer_otel import ports, values
from timetracer_otel.errors import MissError
from timetracer_otel.messages import Answer, Failure, Request, read_answer, read_request
from timetracer_otel.ports import Caller


class Recorded(msgspec.Struct):
    """One dependency call as a cassette carries it."""

    family: str
    request: str
    answer: str | None = None
    gaps: list[tuple[str, str]] = msgspec.field(default_factory=list)

    @property
    def asked(self) -> Request:
        """The request, read back."""
        request = read_request(self.family, values.loads(self.request))
        assert request is not None
        return request

    @staticmethod
    def write(message: Request | Answer | Failure) -> str:
        """A message as a cassette carries it."""
        return values.dumps(message.attributes())

    @property
    def answered(self) -> Answer | Failure | None:
        """The answer, read back."""
        return None if self.answer is None else read_answer(self.family, values.loads(self.answer))


class RecordingPort:
    """Keeps what integrations report, in the order in which the calls began."""

    replaying = False
    pace = False

    def __init__(self, body_limit: int = 1024 * 1024) -> None:
        self.body_limit = body_limit
        self.calls: list[Recorded] = []
        self.scopes: list[str | None] = []
        """The instrumentation scope of the span that was current when each call began."""

    def live(self, caller: Caller) -> bool:
        return True

    def begin(self, caller: Caller, request: Request, span: Any = None) -> LiveExchange:
        call = Recorded(request.family, "")
        self.calls.append(call)
        scope = getattr(trace.get_current_span(), "instrumentation_scope", None)
        self.scopes.append(scope and scope.name)
        return LiveExchange(call, request)

    def recorded_requests(self, caller: Caller) -> list[Request]:
        return []

    def pending_requests(self, caller: Caller, *, everywhere: bool = False) -> list[Request]:
        return []

    async def await_cancellation(self, title: str) -> None:
        raise AssertionError("nothing waits while recording")

    def new_lane(self) -> None:
        return None


class LiveExchange:
    """A call that goes out; its request is read when its answer is known, as streams fill it in."""

    recorded = None

    def __init__(self, call: Recorded, request: Request) -> None:
        self._call = call
        self._request = request
        self._inside = contextlib.ExitStack()

    def __enter__(self) -> LiveExchange:
        self._inside.enter_context(ports.inside())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.close()

    def finish(self, answer: Answer | Failure | None) -> None:
        assert self._call.request == "", "an answer is reported once"
        self._call.request = Recorded.write(self._request)
        self._call.answer = None if answer is None else Recorded.write(answer)

    def reading(self, so_far: Callable[[], Answer | None]) -> None: ...

    def gap(self, kind: str, detail: str) -> None:
        self._call.gaps.append((kind, detail))


class ReplayPort:
    """Answers from recorded calls."""

    replaying = True

    def __init__(
        self, calls: Sequence[Recorded], *, pace: bool = False, body_limit: int = 1024 * 1024
    ) -> None:
        self.unused = list(calls)
        self._lock = threading.Lock()
        self._recorded = [call.asked for call in calls]
        self.pace = pace
        self.body_limit = body_limit

    def live(self, caller: Caller) -> bool:
        return False

    def begin(self, caller: Caller, request: Request, span: Any = None) -> Answered:
        wanted = request.canonical()
        with self._lock:  # a list that another thread shortens meanwhile skips calls
            for call in self.unused:
                if call.family == request.family and _equal(call.asked.canonical(), wanted):
                    self.unused.remove(call)
                    answer = call.answered
                    assert answer is not None, "recorded without an answer"
                    return Answered(answer)
        raise MissError(f"no recorded call answers {request.title()}")

    def recorded_requests(self, caller: Caller) -> list[Request]:
        return self._recorded

    def pending_requests(self, caller: Caller, *, everywhere: bool = False) -> list[Request]:
        return [call.asked for call in self.unused]

    async def await_cancellation(self, title: str) -> None:
        await asyncio.sleep(20)

    def new_lane(self) -> None:
        return None


class Answered:
    """A call that was recorded."""

    def __init__(self, answer: Answer | Failure) -> None:
        self.recorded: Answer | Failure | None = answer

    def __enter__(self) -> Answered:
        raise AssertionError("a recorded call does not go out")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def finish(self, answer: Answer | Failure | None) -> None:
        raise AssertionError("a recorded call has its answer")

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        raise AssertionError("a recorded call has its answer")

    def gap(self, kind: str, detail: str) -> None:
        raise AssertionError("a recorded call has its gaps")


@contextlib.contextmanager
def using(port: Any) -> Iterator[Any]:
    """That port stands behind every call made here."""
    token = ports.session.set(port)
    try:
        yield port
    finally:
        ports.session.reset(token)


def _equal(recorded: dict[str, Any], live: dict[str, Any]) -> bool:
    """Equal, a body that was not recorded set aside."""
    if "body" in recorded and recorded["body"] is None:
        recorded = recorded | {"body": live.get("body")}
    return recorded == live


class LettingThrough(ReplayPort):
    """Lets through what was not recorded, and keeps it."""

    def __init__(self, calls: list[Recorded]) -> None:
        super().__init__(calls)
        self.passed: list[Recorded] = []

    def begin(self, caller: Caller, request: Request, span: Any = None) -> Any:
        try:
            return super().begin(caller, request, span)
        except MissError:
            self.passed.append(Recorded(request.family, ""))
            return LiveExchange(self.passed[-1], request)
