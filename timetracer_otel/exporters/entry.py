"""An inbound request while it is recorded."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from fnmatch import translate
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry import trace as otel_trace

from timetracer_otel import attributes as names
from timetracer_otel import ports
from timetracer_otel.exporters.live_spans import OpenSpan
from timetracer_otel.exporters.trace import EntryPayload, TraceRecording
from timetracer_otel.messages import PIECE_BYTES, HttpRequest, HttpResponse
from timetracer_otel.nondeterminism import ValueRecorder, drawing_from

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from timetracer_otel.exporters.recorder import Recorder


class RecordedEntry:
    """Copies what an inbound request and its response said; see :class:`~timetracer_otel.ports.Entry`.

    It is bound to the SERVER span that the framework's instrumentation opens; where none will, it
    opens one.
    """

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
        self.recorder = recorder
        self.excluded = excluded
        self._traced = traced
        self._payload = EntryPayload(framework, head, route=route)
        self._recording: TraceRecording | None = None
        self._span: Span | None = None
        self._own: otel_trace.Span | None = None
        self._began = time.monotonic_ns()
        self._request = BodyCopy(recorder.body_limit, pieces=False)
        self._response = BodyCopy(recorder.body_limit, pieces=True)
        self._ended = False
        self._request_ended = not _announces_body(head)
        self._live: OpenSpan | None = None
        self._lane = _Lane()
        self._values = ValueRecorder(self._lane)

    @property
    def recording(self) -> TraceRecording | None:
        """The trace of this request, once it has one."""
        return self._recording

    def bind(self, recording: TraceRecording, span: Span) -> bool:
        """Take the recording for this request's; false when it already has one."""
        if self._recording is not None:
            return False
        self._recording = recording
        self._span = span
        recording.entry_open = True
        self._live = self.recorder.open_span(span)
        recording.entry_payload = self._payload
        recording.values = self._values
        self._lane.recording = recording
        if not self.excluded:
            self.recorder.serving.add(self)
        return True

    def activate(self) -> contextlib.AbstractContextManager[None]:
        """Make this entry current; its span as well where that would otherwise be lost."""
        return _Activation(self, None if self.excluded else self._values)

    def span_to_attach(self) -> otel_trace.Span | None:
        """The span that work in this entry belongs to, where it is not current by itself."""
        if self._recording is None and not self._traced and not self.excluded:
            try:
                self._own = self._open_span()
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report("opening a request's span", error)
        return self._own or (self._span if self._ended_span_matters() else None)

    def _ended_span_matters(self) -> bool:
        """A streamed body is made after its SERVER span was detached: calls in it have no parent."""
        return self._span is not None and not otel_trace.get_current_span().get_span_context().is_valid

    def _open_span(self) -> otel_trace.Span:
        head = self._payload.request
        parent = propagate.extract({name.lower(): value for name, value in head.headers})
        parts = urlsplit(head.url)
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

    def routed(self, route: str) -> None:
        """Note the route template."""
        self._payload.route = route
        if self._own is not None:
            self._own.update_name(f"{self._payload.request.method} {route}")
            self._own.set_attribute(names.HTTP_ROUTE, route)

    def response_started(self, response: HttpResponse) -> None:
        """Note status and headers."""
        self._payload.response = response

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
        response = self._payload.response
        if self._ended or response is None:
            return self._ended
        length = response.header("content-length")
        bodiless = self._payload.request.method == "HEAD" or response.status in (204, 304)
        return bodiless or (length is not None and length.isdecimal() and self._response.size >= int(length))

    def cut_off(self) -> None:
        """The process ends before the app returned: write what there is."""
        recording = self._recording
        if recording is not None:
            self._finish_payload()
            recording.gap("cut off", "the process ended after the response was sent", recording.entry_id)
            self.recorder.writer.wait(recording)

    def close(self) -> None:
        """Put the copies together and let the trace complete."""
        own, recording = self._own, self._recording
        self.recorder.serving.discard(self)
        self._finish_payload()
        if own is not None:
            if self._payload.response is not None:
                own.set_attribute("http.response.status_code", self._payload.response.status)
                if self._payload.response.status >= 500:
                    own.set_status(otel_trace.StatusCode.ERROR)
            own.end()
        if self._live is not None:
            self._live.set({names.ENTRY_FRAMEWORK: self._payload.framework})
            self._live.add(self._payload.request)
            if self._payload.response is not None:
                self._live.add(self._payload.response)
            self._live.release()
        if recording is not None:
            with recording.lock:
                recording.entry_open = False
            self.recorder.assembler.settle(recording)

    def _finish_payload(self) -> None:
        payload, recording = self._payload, self._recording
        payload.request.body = self._request.body()
        payload.request.complete = self._request_ended
        if recording is not None and self._request.cut:
            recording.gap("body over limit", f"request body, {self._request.size} bytes", recording.entry_id)
        response = payload.response
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
            self.recorder.give_back(recording, counted)
        elif copy.kept > counted and not self.recorder.reserve(recording, copy.kept - counted):
            copy.drop()
            self.recorder.give_back(recording, counted)


class _Activation:
    """What :meth:`RecordedEntry.activate` gives. No generator: it runs for every request."""

    __slots__ = ("_drawing", "_entered", "_entry", "_token")

    def __init__(self, entry: RecordedEntry, values: ValueRecorder | None) -> None:
        self._entry = entry
        self._entered = ports.entered(entry)
        self._drawing = drawing_from(values)
        self._token: Any = None

    def __enter__(self) -> None:
        self._entered.__enter__()
        try:
            span = self._entry.span_to_attach()
            self._drawing.__enter__()
        except BaseException:
            # a server's thread that stayed in this request would record none after it
            self._entered.__exit__(None, None, None)
            raise
        if span is not None:
            self._token = otel_context.attach(otel_trace.set_span_in_context(span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._token is not None:
                otel_context.detach(self._token)
            self._drawing.__exit__(kind, error, trace)
        finally:
            self._entered.__exit__(kind, error, trace)


class _Lane:
    """The lane that runs now. Apart from the entry, which would be a cycle for the garbage collector."""

    __slots__ = ("recording",)

    def __init__(self) -> None:
        self.recording: TraceRecording | None = None

    def __call__(self) -> int:
        return 0 if self.recording is None else self.recording.lanes.current()


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

    def __init__(self, tracer: otel_trace.Tracer, framework: str) -> None:
        self._span = tracer.start_span(
            "startup", context=otel_context.Context(), attributes={"timetracer.entry.framework": framework}
        )

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """Calls in this context are part of the start-up."""
        token = otel_context.attach(otel_trace.set_span_in_context(self._span))
        try:
            with ports.entered(self):
                yield
        finally:
            otel_context.detach(token)

    def done(self) -> None:
        """The app is ready."""
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


def path_excluded(url: str, globs: tuple[str, ...]) -> bool:
    """True when the path of the URL matches one of the globs."""
    return bool(globs) and _any_of(globs).match(urlsplit(url).path) is not None


@cache
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs))
