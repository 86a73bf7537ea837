"""Capture on miss (``TIMETRACER_ON_MISS=record``): unmatched calls go out and join a copy of the cassette."""

from __future__ import annotations

import itertools
import secrets as random
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.redaction import KnownSecrets, Redactor, secrets_in
from timetracer_otel.redaction.everywhere import mask_cassette
from timetracer_otel.span import Span, SpanKind
from timetracer_otel.store import FolderStore


class Captured(msgspec.Struct):
    """One call that nothing recorded answered, and what it was answered live."""

    integration: str
    family: str
    lane: int
    request: Request
    answer: Answer | Failure | None
    recorded_ago: int
    """Nanoseconds since the recording that it joins, by which its times are shifted into it."""
    started: int = msgspec.field(default_factory=time.time_ns)
    ended: int = 0


def recorded_in(settings: Settings) -> str:
    """The folder that is replayed; a file alone lies in the one for recordings, as far as is known."""
    replayed = settings.cassette
    folder = replayed if replayed and Path(replayed).is_dir() else settings.dir
    return "cassettes" if "://" in folder else folder


def folder_beside(store: str | Path) -> Path:
    """Where copies go: beside the store, so that a replay of the store does not meet both."""
    path = Path(store).absolute()
    return path.with_name(f"{path.name}-captured")


def save_copy(
    cassette: Cassette, calls: list[Captured], redactor: Redactor, secrets: set[str], store: FolderStore
) -> Path:
    """Write the cassette with those calls added, as children of its entry.

    Args:
        cassette: it is not changed.
        calls: to add.
        redactor: masks them.
        secrets: what is masked in all that was said in this replay.
        store: where to.

    Raises:
        OSError: the store cannot be written.
    """
    copy = Cassette.load(cassette.dump())
    entry = copy.entry
    index = itertools.count(max((call.index for call in copy.calls()), default=0) + 1)
    copy.append(span_of(entry, call, next(index), redactor) for call in calls)
    if secrets:
        mask_cassette(copy, KnownSecrets(secrets))
    return store.write(copy)


def secrets_of(requests: Iterable[Request | None], calls: Iterable[Captured], redactor: Redactor) -> set[str]:
    """What is masked in the messages of a replay: the same values may stand where no name gives them away.

    Args:
        requests: that the app was sent and that it sent itself.
        calls: that were captured.
        redactor: masks.
    """
    found: set[str] = set()
    for request in requests:
        if request is not None:
            found |= secrets_in(request, redactor.message(request, []))
    for call in calls:
        if call.answer is not None:
            found |= secrets_in(call.answer, redactor.message(call.answer, [], call.request))
    return found


def span_of(entry: Span, call: Captured, index: int, redactor: Redactor) -> Span:
    """The call as a child of the entry, its secrets masked.

    Args:
        entry: the entry of the cassette that it joins.
        call: the call.
        index: its place among the calls.
        redactor: masks it.
    """
    request = redactor.message(call.request, [])
    answer = None if call.answer is None else redactor.message(call.answer, [], call.request)
    return Span(
        trace_id=entry.trace_id,
        span_id=random.token_hex(8),
        parent_span_id=entry.span_id,
        name=request.title()[:80],
        kind=SpanKind.CLIENT,
        start_time_unix_nano=call.started - call.recorded_ago,
        end_time_unix_nano=call.ended - call.recorded_ago,
        attributes={
            **request.span_attributes(),
            names.CALL_INTEGRATION: call.integration,
            names.CALL_FAMILY: call.family,
            names.CALL_LANE: call.lane,
            names.CALL_INDEX: index,
            **request.attributes(),
            **({} if answer is None else answer.attributes()),
        },
        scope=entry.scope,
        resource=entry.resource,
    )
