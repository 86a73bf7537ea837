"""A recorded trace as a cassette: payloads on spans, secrets masked, gaps listed."""

from __future__ import annotations

import subprocess
import traceback
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from timetracer_otel import __version__, ports, values
from timetracer_otel import attributes as names
from timetracer_otel.cassette import VERSION, Cassette, Gap, answers_with_errors
from timetracer_otel.config import Settings
from timetracer_otel.exporters.convert import Scopes, convert, convert_resource
from timetracer_otel.exporters.masking import Masking
from timetracer_otel.exporters.trace import Batch, CallPayload, EntryPayload, TraceRecording
from timetracer_otel.exporters.trace import Gap as RecordedGap
from timetracer_otel.exporters.value_events import value_events
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse, MailCommand, Request
from timetracer_otel.redaction import KnownSecrets, Redactor
from timetracer_otel.redaction.everywhere import mask_cassette
from timetracer_otel.span import Attributes, Event, Resource, Span, SpanKind, Status, StatusCode
from timetracer_otel.store import FolderStore

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource as SdkResource


M = TypeVar("M", bound="Request | Answer | Failure")

MOST_SECRETS: Final = 100
"""Secrets of a written trace that are remembered for what comes late."""

_OUTBOUND: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER})
"""Kinds of spans that instrumentations draw for a call or a poll, which alone say nothing."""


class CassetteBuilder:
    """Builds cassettes and writes them.

    Args:
        settings: what to keep and how to write it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.redactor = Redactor.from_settings(settings) if settings.redact else None
        self._resources: dict[int, tuple[Any, Resource]] = {}
        self._scopes = Scopes(None if self.redactor is None else self.redactor.texts)

    def write(self, recording: TraceRecording, batch: Batch, store: FolderStore) -> bool:
        """Write what was taken of a recording; false when it is not one to keep.

        A recording that was written before is appended to: late spans join their cassette.

        Raises:
            OSError: the store cannot be written.
        """
        known = recording.secrets
        spans = self._spans(recording, batch)
        if recording.path is not None:
            earlier = store.load(recording.path)
            if new := set(recording.secrets).difference(known):
                mask_cassette(earlier, KnownSecrets(new))
            self._append(earlier, spans, batch)
            store.write(earlier)
            return True
        entry_id = f"{recording.entry_id:016x}"
        entry = _found(spans, entry_id)
        if entry is None:
            return False
        drew = recording.values is not None and recording.values.events()
        if not batch.payloads and not drew and _says_nothing(entry, spans, batch):
            return False
        if self._settings.errors_only and not _has_error(entry, spans):
            return False
        cassette = Cassette.from_spans(spans, entry_id=entry_id)
        cassette.add_gaps(self._gaps(recording, batch))
        recording.path = store.add(cassette)
        return True

    def _append(self, cassette: Cassette, spans: list[Span], batch: Batch) -> None:
        for span in spans:
            span.resource = cassette.resource
        cassette.append(spans)
        cassette.add_gaps(_listed(batch))

    def _spans(self, recording: TraceRecording, batch: Batch) -> list[Span]:
        sdk_spans = [*batch.ended, *(span._readable_span() for span in batch.never_ended)]
        bodies = self._bodies_kept(batch)
        masking = Masking(self.redactor, batch.gaps)
        spans: list[Span] = []
        sdk_resource = resource = None
        for sdk_span in sdk_spans:
            if resource is None or sdk_span.resource is not sdk_resource:
                sdk_resource = sdk_span.resource
                resource = self._resource(sdk_resource)
            span = convert(sdk_span, resource, self._scopes)
            if "asgi.event.type" in span.attributes:
                continue  # one span a message of the ASGI protocol: noise
            _, span_id, *_ = sdk_span.get_span_context()
            try:
                if self.redactor is not None:
                    span.attributes = self.redactor.span_attributes(span.attributes)
                if span_id == recording.entry_id and batch.entry is not None:
                    self._add_entry(span, batch, masking, bodies)
                if (payload := batch.payloads.get(span_id)) is not None:
                    self._add_call(span, span_id, payload, masking, bodies)
                if not values.all_supported():
                    batch.gaps.extend(_unsupported(span, span_id))
            except Exception as error:  # noqa: BLE001  # one bad payload must not cost the cassette
                ports.report("encoding a payload", error)
                recording.gap("unencodable payload", f"{span.name}: {type(error).__name__}: {error}", span_id)
            if self.redactor is not None and (
                span.events or span.links or span.status.message or "=" in span.name or "://" in span.name
            ):
                self.redactor.span_texts(span)
            spans.append(span)
        try:
            recording.secrets = tuple(sorted(masking.finish(spans, recording.secrets), key=len))[
                -MOST_SECRETS:
            ]
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("masking a trace", error)
            recording.gap("recording failed", f"secrets may stand elsewhere: {type(error).__name__}", 0)
        if recording.values is not None:
            entry = _found(spans, f"{recording.entry_id:016x}")
            if entry is not None:
                entry.events.extend(value_events(recording.values, masking))
        spans.sort(key=lambda span: span.start_time_unix_nano)
        return spans

    def _bodies_kept(self, batch: Batch) -> bool:
        mode = self._settings.capture_bodies
        if mode == "on_error":
            return batch_has_error(batch)
        return mode == "always"

    def _add_entry(self, span: Span, batch: Batch, masking: Masking, bodies: bool) -> None:
        payload = batch.entry
        assert payload is not None
        span.attributes.update(payload.marks())
        if payload.route:  # the framework's own word; some instrumentations put a method there, or no slash
            span.attributes[names.HTTP_ROUTE] = payload.route
        response = payload.response
        for message in (payload.request, response):
            if message is not None:
                if not bodies:
                    message = _without_body(message, masking)
                span.attributes.update(masking.attributes(message, "inbound ", int(span.span_id, 16)))
        if payload.failure is not None:
            _add_exception(span, payload)
        if isinstance(response, HttpResponse) and not response.complete and payload.failure is None:
            batch.gaps.append(
                RecordedGap("incomplete response", "the client or the app stopped before the end")
            )

    def _add_call(
        self, span: Span, span_id: int, payload: CallPayload, masking: Masking, bodies: bool
    ) -> None:
        span.attributes.update(call_attributes(payload))
        if not bodies:
            payload.request = _without_body(payload.request, masking)
            payload.answer = None if payload.answer is None else _without_body(payload.answer, masking)
        span.attributes.update(masking.attributes(payload.request, "", span_id))
        if payload.answer is None and not any(gap.span_id == span_id for gap in masking.gaps):
            masking.gaps.append(RecordedGap("no answer", payload.request.title()[:200], span_id))
        if payload.answer is not None:
            span.attributes.update(masking.attributes(payload.answer, "", span_id, payload.request))

    def _resource(self, resource: SdkResource) -> Resource:
        known = self._resources.get(id(resource))
        if known is None or known[0] is not resource:
            extra: Attributes = {
                names.CASSETTE_VERSION: VERSION,
                "timetracer.version": __version__,
            }
            if revision := git_revision():
                extra[names.GIT_REVISION] = revision
            converted = convert_resource(resource, extra)
            if self.redactor is not None:
                converted.attributes = self.redactor.texts(converted.attributes)
            known = (resource, converted)
            self._resources[id(resource)] = known
        return known[1]

    def _gaps(self, recording: TraceRecording, batch: Batch) -> list[Gap]:
        gaps = _listed(batch)
        if recording.values is not None and recording.values.dropped:
            gaps.append(Gap("values not kept", f"{recording.values.dropped} of the clock and random sources"))
        if recording.dropped_spans:
            gaps.append(Gap("too many spans", f"{recording.dropped_spans} spans were not kept"))
        if self._settings.capture_bodies == "never":
            gaps.append(Gap("bodies not captured", "TIMETRACER_CAPTURE_BODIES=never"))
        return gaps


def _found(spans: list[Span], span_id: str) -> Span | None:
    """The span of that id; the entry, which is looked for, ended last."""
    return next((span for span in reversed(spans) if span.span_id == span_id), None)


def call_attributes(payload: CallPayload) -> Attributes:
    """What says that a span is a dependency call, and its place among the others."""
    return {
        names.CALL_INTEGRATION: payload.integration,
        names.CALL_FAMILY: payload.family,
        names.CALL_LANE: payload.lane,
        names.CALL_INDEX: payload.index,
    }


def _unsupported(span: Span, span_id: int) -> list[RecordedGap]:
    """Values of payloads in whose place there is only what they were called."""
    found = []
    for name, text in span.attributes.items():
        if type(text) is str and name.startswith("timetracer.") and '"$unsupported"' in text:
            types = dict.fromkeys(values.unsupported_in(text))
            if types:
                found.append(RecordedGap("unsupported value", f"{', '.join(types)} in {name}"[:500], span_id))
    return found


def _listed(batch: Batch) -> list[Gap]:
    gaps = [Gap(gap.kind, gap.detail, f"{gap.span_id:016x}" if gap.span_id else "") for gap in batch.gaps]
    gaps.extend(
        Gap("span never ended", span.name, f"{span.get_span_context().span_id:016x}")
        for span in batch.never_ended
    )
    return gaps


def _without_body(message: M, masking: Masking) -> M:
    """The message without its body; the secrets in that are still looked for elsewhere."""
    if isinstance(message, MailCommand):
        if not (message.carries and message.message):
            return message
        masking.learn(message)
        return msgspec.structs.replace(message, message=None)
    if not (isinstance(message, HttpRequest | HttpResponse) and message.body):
        return message
    masking.learn(message)
    return msgspec.structs.replace(message, body=None)


def _add_exception(span: Span, payload: EntryPayload) -> None:
    """The ``exception`` event of semantic conventions, unless an instrumentation wrote it."""
    error = payload.failure
    assert error is not None
    if not any(event.name == "exception" for event in span.events):
        kind = type(error)
        text = (
            f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__
        )
        span.events.append(
            Event(
                name="exception",
                time_unix_nano=span.end_time_unix_nano or span.start_time_unix_nano,
                attributes={
                    "exception.type": text,
                    "exception.message": str(error),
                    "exception.stacktrace": "".join(traceback.format_exception(error)),
                },
            )
        )
    if span.status.code is StatusCode.UNSET:
        span.status = Status(StatusCode.ERROR, f"{type(error).__name__}: {error}")


def _says_nothing(entry: Span, spans: list[Span], batch: Batch) -> bool:
    """A start-up that said nothing to anybody, a driver's span of its own."""
    return _is_startup(entry, batch) or _is_lone_call(entry, spans, batch)


def _is_startup(entry: Span, batch: Batch) -> bool:
    return batch.entry is None and names.ENTRY_FRAMEWORK in entry.attributes


def _is_lone_call(entry: Span, spans: list[Span], batch: Batch) -> bool:
    """Spans of calls that nobody recorded: a broker's, say."""
    if batch.entry is not None:
        return False
    if len(spans) == 1:
        return entry.kind in _OUTBOUND
    return all(span.kind is SpanKind.CLIENT for span in spans)


def batch_has_error(batch: Batch) -> bool:
    """True when any span failed, the app raised, or it answered with a server error."""
    entry = batch.entry
    if entry is not None and (
        entry.failure is not None
        or (isinstance(entry.response, HttpResponse) and entry.response.status >= 500)
    ):
        return True
    return any(span.status.status_code.value == 2 for span in batch.ended)


def _has_error(entry: Span, spans: list[Span]) -> bool:
    return answers_with_errors(entry) or any(
        span.status.code is StatusCode.ERROR
        or (isinstance(status := span.attributes.get(names.HTTP_RESPONSE_STATUS_CODE), int) and status >= 500)
        for span in spans
    )


@cache
def git_revision() -> str | None:
    """The commit checked out in the working directory, where there is one."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607  # whichever git the user has
            capture_output=True, text=True, timeout=2, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    except TypeError:  # gevent's subprocess, which only its own thread may use: see the launcher
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
