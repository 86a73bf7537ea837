"""An inbound request while it is recorded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec
from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry import trace as otel_trace

from timetracer_otel import attributes as names
from timetracer_otel import ports
from timetracer_otel.exporters.bound import BoundEntry
from timetracer_otel.exporters.trace import EntryPayload
from timetracer_otel.messages import PIECE_BYTES, HttpRequest, HttpResponse
from timetracer_otel.messages.http import split_url
from timetracer_otel.nondeterminism import StartRecorder, drawing_from

if TYPE_CHECKING:
    from timetracer_otel.exporters.recorder import Recorder


class RecordedEntry(BoundEntry):
    """Copies what an inbound request and its response said; see :class:`~timetracer_otel.ports.Entry`."""

    def __init__(
        self,
        recorder: Recorder,
        framework: str,
        head: HttpRequest,
        route: str | None,
        *,
        traced: bool,
        excluded: bool,
    ) -> None:
        super().__init__(
            recorder, EntryPayload(framework, head, route=route), traced=traced, excluded=excluded
        )
        self._head = head
        self._answer: HttpResponse | None = None
        self._began = time.monotonic_ns()
        self._request = BodyCopy(recorder.body_limit, pieces=False)
        self._response = BodyCopy(recorder.body_limit, pieces=True)
        self._ended = False
        self._request_ended = not _announces_body(head)

    def _open_span(self) -> otel_trace.Span:
        head = self._head
        parent = propagate.extract({name.lower(): value for name, value in head.headers})
        parts = split_url(head.url)
        return self.recorder.tracer().start_span(
            f"{head.method} {self._payload.route or parts.path}",
            context=parent,
            kind=otel_trace.SpanKind.SERVER,
            attributes={
                "http.request.method": head.method,
                "url.scheme": parts.scheme,
                "url.path": parts.path,
                "server.address": parts.hostname or "",
            },
        )

    def start(self, body: bytes | None) -> HttpResponse | None:
        """Recording never answers for the app."""
        return None

    def request_body(self, chunk: bytes) -> None:
        """Copy a piece of the request's body."""
        self._copy(self._request, chunk)

    def request_ended(self) -> None:
        """The request's body is whole."""
        self._request_ended = True
        if self._live is not None and self._request.kept:
            self._live.learn(msgspec.structs.replace(self._head, body=self._request.body()))

    def routed(self, route: str) -> None:
        """Note the route template."""
        self._payload.route = route
        if self._own is not None:
            self._own.update_name(f"{self._head.method} {route}")
            self._own.set_attribute(names.HTTP_ROUTE, route)

    def response_started(self, response: HttpResponse) -> None:
        """Note status and headers."""
        self._payload.response = self._answer = response

    def response_body(self, chunk: bytes) -> None:
        """Copy a piece of the response's body."""
        if chunk:
            self._copy(self._response, chunk, time.monotonic_ns() - self._began)

    def response_ended(self) -> None:
        """The response is whole."""
        self._ended = True

    def failed(self, error: BaseException) -> None:
        """Note what the app raised."""
        self._payload.failure = error

    def sent(self) -> bool:
        """The app gave its whole response away, as far as can be told before it returns."""
        response = self._answer
        if self._ended or response is None:
            return self._ended
        length = response.header("content-length")
        bodiless = self._head.method == "HEAD" or response.status in (204, 304)
        return bodiless or (length is not None and length.isdecimal() and self._response.size >= int(length))

    def close(self) -> None:
        """Put the copies together and let the trace complete."""
        own = self._own
        self.recorder.requests.serving.discard(self)
        self._finish_payload()
        if own is not None:
            if self._answer is not None:
                own.set_attribute("http.response.status_code", self._answer.status)
                if self._answer.status >= 500:
                    own.set_status(otel_trace.StatusCode.ERROR)
            own.end()
        self._settle()
        self._head, self._answer = HttpRequest(self._head.method, "", []), None
        self._request = self._response = _OVER

    def _finish_payload(self) -> None:
        recording = self._recording
        self._head.body = self._request.body()
        self._head.complete = self._request_ended
        if recording is not None and self._request.cut:
            recording.gap("body over limit", f"request body, {self._request.size} bytes", recording.entry_id)
        response = self._answer
        if response is None:
            return
        response.body = self._response.body()
        response.complete = self._ended
        if len(self._response.chunks) > 1:
            response.chunks = self._response.chunks
        if recording is not None and self._response.cut:
            recording.gap(
                "body over limit", f"response body, {self._response.size} bytes", recording.entry_id
            )

    def _copy(self, copy: BodyCopy, chunk: bytes, at: int = 0) -> None:
        if self.excluded:
            return
        counted = copy.kept
        copy.add(chunk, at)
        recording = self._recording
        if recording is None:
            return
        if copy.cut:
            recording.give_back(counted)
        elif copy.kept > counted and not recording.reserve(copy.kept - counted):
            copy.drop()
            recording.give_back(counted)


def _announces_body(head: HttpRequest) -> bool:
    for name, value in head.headers:
        lower = name.lower()
        if lower == "transfer-encoding" or (lower == "content-length" and value.strip() != "0"):
            return True
    return False


class RecordedStartup:
    """The start-up of an app, as an entry of its own: a service that needs its database to start
    needs these calls answered in replay.
    """

    def __init__(self, recorder: Recorder, framework: str) -> None:
        self._span = recorder.tracer().start_span(
            names.STARTUP, context=otel_context.Context(), attributes={names.ENTRY_FRAMEWORK: framework}
        )
        context = self._span.get_span_context()
        self._assembler = recorder.assembler
        recording = recorder.assembler.find(context.trace_id, context.span_id)
        self._values = None
        if recording is not None:
            self._values = recording.values = StartRecorder(recording.lanes.current)

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """Calls in this context are part of the start-up."""
        token = otel_context.attach(otel_trace.set_span_in_context(self._span))
        try:
            with ports.entered(self), drawing_from(self._values):
                yield
        finally:
            otel_context.detach(token)

    def done(self) -> None:
        """The app is ready."""
        if self._values is not None:
            self._values.over = True
        context = self._span.get_span_context()
        self._assembler.ended_entry(context.trace_id, context.span_id)
        if self._span.is_recording():
            self._span.end()


class BodyCopy:
    """A copy of a body up to a limit of bytes; over it nothing is kept but the size.

    Args:
        limit: bytes kept.
        pieces: size and time of each piece matter.
    """

    def __init__(self, limit: int, *, pieces: bool) -> None:
        self._limit = limit
        self._pieces = pieces
        self._parts: list[bytes | bytearray] = []
        self.size = 0
        self.kept = 0
        """Bytes that the copy counts for."""
        self.cut = False
        self.chunks: list[list[int]] = []

    def add(self, chunk: bytes, at: int) -> None:
        """Keep a piece."""
        if not chunk:
            return
        self.size += len(chunk)
        if self.cut:
            return
        kept = self.kept + len(chunk) + (PIECE_BYTES if self._pieces and self._parts else 0)
        if kept > self._limit:
            self.drop()
            return
        self.kept = kept
        if self._pieces:
            self._parts.append(bytes(chunk))
            self.chunks.append([len(chunk), at])
        elif self._parts:
            self._parts[0] += chunk
        else:
            self._parts.append(bytearray(chunk))

    def drop(self) -> None:
        """Keep nothing from here on: a limit was reached."""
        self.cut = True
        self.kept = 0
        self._parts.clear()
        self.chunks.clear()

    def body(self) -> bytes | None:
        """The whole body; ``None`` when it was over the limit."""
        return None if self.cut else b"".join(self._parts)


class _Over(BodyCopy):
    """In the place of a copy when the request is over: what still comes is kept nowhere."""

    def add(self, chunk: bytes, at: int) -> None:
        pass


_OVER: Final = _Over(0, pieces=False)
