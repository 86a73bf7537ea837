"""An inbound message that is no HTTP request while it is recorded: a task, a message of a topic, an RPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry import trace as otel_trace

from timetracer_otel.exporters.bound import BoundEntry
from timetracer_otel.exporters.sizes import size_of
from timetracer_otel.exporters.trace import EntryPayload
from timetracer_otel.messages import Answer, Request, label_of

if TYPE_CHECKING:
    from timetracer_otel.exporters.recorder import Recorder


class RecordedMessage(BoundEntry):
    """Keeps what came in and what came of it; see :class:`~timetracer_otel.ports.Inbound`."""

    def __init__(
        self,
        recorder: Recorder,
        framework: str,
        message: Request,
        *,
        traced: bool,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(recorder, EntryPayload(framework, message), traced=traced, excluded=False)
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._answer: Answer | None = None
        self._closed = False
        self._gaps: list[tuple[str, str]] = []

    def _open_span(self) -> otel_trace.Span:
        message = self._payload.request
        kind = otel_trace.SpanKind.SERVER if message.family == "grpc" else otel_trace.SpanKind.CONSUMER
        return self.recorder.tracer().start_span(
            label_of(message),
            context=propagate.extract(self._headers, context=otel_context.Context()),
            kind=kind,
            attributes=self.recorder.standard_attributes(message),
        )

    def answered(self, answer: Answer) -> None:
        """What came of it."""
        self._answer = answer

    def failed(self, error: BaseException) -> None:
        """Note what the app raised."""
        self._payload.failure = error

    def gap(self, kind: str, detail: str) -> None:
        """List something of it that could not be recorded."""
        self._gaps.append((kind, detail))

    def close(self) -> None:
        """Put the payload together and let the trace complete; again does nothing."""
        if self._closed:
            return
        self._closed = True
        self.recorder.requests.serving.discard(self)
        self._finish_payload()
        if self._own is not None:
            error = self._payload.failure
            if error is not None:
                self._own.record_exception(error)
                self._own.set_status(otel_trace.StatusCode.ERROR, f"{type(error).__name__}: {error}")
            self._own.end()
        self._settle()
        self._headers, self._answer = {}, None

    def _finish_payload(self) -> None:
        recording, payload = self._recording, self._payload
        if recording is None:
            return
        if not recording.reserve(size_of(payload.request)):
            recording.entry_payload = None
            self._gaps.append(("over limit", f"payload of {payload.request.title()[:200]}"))
        elif self._answer is not None and recording.reserve(size_of(self._answer)):
            payload.response = self._answer
        elif self._answer is not None:
            self._gaps.append(("over limit", f"answer of {payload.request.title()[:200]}"))
        for kind, detail in self._gaps:
            recording.gap(kind, detail, recording.entry_id)
