"""A dependency call while it is recorded."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

from timetracer_otel import ports
from timetracer_otel.exporters.live_spans import OpenSpan
from timetracer_otel.exporters.trace import CallPayload, TraceRecording
from timetracer_otel.light_spans import attach
from timetracer_otel.messages import Answer, Failure

if TYPE_CHECKING:
    from timetracer_otel.exporters.assembler import Assembler


class RecordedExchange:
    """One live call being recorded.

    A stream that nobody reads to its end or closes is never finished: its trace is written after the grace
    period, with what was read of it until then.
    """

    __slots__ = (
        "_assembler", "_done", "_live", "_own", "_recording", "_so_far", "_span_id", "_tokens", "payload"
    )  # fmt: skip
    recorded: Answer | Failure | None = None

    def __init__(
        self,
        assembler: Assembler,
        recording: TraceRecording,
        span_id: int,
        payload: CallPayload,
        own: otel_trace.Span | None,
        live: OpenSpan | None,
    ) -> None:
        self._live = live
        self._assembler = assembler
        self._recording = recording
        self._span_id = span_id
        self._own = own
        self._done = False
        self._so_far: Callable[[], Answer | None] | None = None
        self._tokens: tuple[Any, Any] | None = None
        self.payload = payload
        if not recording.call_began(span_id, payload):
            recording.gap("over limit", f"payload of {payload.request.title()[:200]}", span_id)

    def __enter__(self) -> RecordedExchange:
        try:
            token = None
            if self._own is not None:
                token = attach(self._own)
            self._tokens = (ports.inside_variable.set(True), token)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("recording a call", error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave()
            own, self._own = self._own, None
            if own is not None:
                if isinstance(error, Exception):
                    own.record_exception(error)
                    own.set_status(otel_trace.StatusCode.ERROR, f"{type(error).__name__}: {error}")
                own.end()
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            self._leave()
            ports.report("recording a call", problem)

    def _leave(self) -> None:
        """Back to where the call was made: a thread that stayed in it would record nothing more."""
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            inside, token = tokens
            if token is not None:
                otel_context.detach(token)
            ports.leave(inside)

    def finish(self, answer: Answer | Failure | None) -> None:
        """The call was answered; only the first report counts. Never raises."""
        try:
            self._finish(answer)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("recording an answer", error)

    def _finish(self, answer: Answer | Failure | None) -> None:
        if self._done:
            return
        self._done = True
        self._so_far = self.payload.give_up = None
        try:
            if self._live is not None:
                self._live.add(self.payload.request)  # only now: a streamed body is read meanwhile
                if answer is not None:
                    self._live.add(answer, self.payload.request)
                self._live.release()
        finally:
            recording = self._recording
            if not recording.call_answered(self.payload, answer):
                self.gap("over limit", f"answer of {self.payload.request.title()[:200]}")
            if not recording.entry_open:  # else it cannot be complete
                self._assembler.settle(recording)

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        """The answer is what was read of it, should nobody finish."""
        self._so_far = so_far
        self.payload.give_up = self._give_up

    def _give_up(self) -> None:
        """The grace period is over."""
        so_far = self._so_far
        if so_far is not None:
            try:
                answer = so_far()
            except Exception as error:  # noqa: BLE001  # the trace would never be written
                ports.report("taking what was read of an answer", error)
                answer = None
            if answer is not None:
                self.gap("read in part", f"answer of {self.payload.request.title()[:200]}, never closed")
            self.finish(answer)

    def gap(self, kind: str, detail: str) -> None:
        """List something of this call that could not be recorded."""
        self._recording.gap(kind, detail, self._span_id)

    def forget(self) -> None:
        """It was no dependency call after all: its span stays, its payload does not."""
        self._recording.payloads.pop(self._span_id, None)
        self.payload.kept = False


class _Unrecorded:
    """A live call that nobody records."""

    recorded: Answer | Failure | None = None

    def __enter__(self) -> _Unrecorded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def finish(self, answer: Answer | Failure | None) -> None:
        """Nothing to do."""

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        """Nothing to do."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to do."""


UNRECORDED = _Unrecorded()


def _suppressing() -> tuple[str, ...]:
    with suppress_instrumentation():
        return tuple(otel_context.get_current())


SUPPRESSED = contextvars.Context().run(_suppressing)
"""What a context has in which nothing is to be instrumented: ``is_instrumentation_enabled`` asks for each."""
