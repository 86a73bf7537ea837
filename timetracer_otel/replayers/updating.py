"""Accepting what an app does now: the live outcome takes the place of the recorded one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import Answer, Failure
from timetracer_otel.redaction import KnownSecrets, Redactor, secrets_in
from timetracer_otel.redaction.everywhere import mask_cassette
from timetracer_otel.replayers.capture import Captured, span_of
from timetracer_otel.replayers.livecalls import Outcome, is_live
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.verdict import Ended, Verdict
from timetracer_otel.span import Span
from timetracer_otel.store import FolderStore

_OLD_ANSWER: Final = (
    names.HTTP_RESPONSE_HEADER, names.HTTP_RESPONSE_BODY, names.HTTP_RESPONSE_STATUS_CODE,
    "timetracer.http.response.", names.EXCEPTION,
)  # fmt: skip


def update(verdict: Verdict, session: Session, ended: Ended, redactor: Redactor) -> None:
    """Write the live outcome of a replay that was different into its cassette, and say so in the verdict.

    Left as it is where a call found no answer: what it would be answered is not known.

    Args:
        verdict: what the replay came to; told what was done.
        session: the session that answered its calls.
        ended: what the app made of it.
        redactor: masks the live response as recording would.

    Raises:
        CassetteError: the file cannot be read any more.
        OSError: it cannot be written.
    """
    failing = [finding for finding in verdict.findings if finding.fails]
    if verdict.outcome != "different" or all(finding.kind == "slower" for finding in failing):
        return  # a time is no outcome
    if any(call.outcome is Outcome.MISSED for call in session.calls) and session.settings.on_miss != "record":
        verdict.notes.append(
            "not updated: it makes a call that nothing recorded answers; start what it calls, and give"
            " --on-miss record as well"
        )
        return
    if ended.outcome is None and ended.raised is None:
        verdict.notes.append("not updated: the app gave no answer")
        return
    path = Path(verdict.path)
    FolderStore(path.parent).replace(path, updated(session, ended, redactor))
    verdict.updated = True


def updated(session: Session, ended: Ended, redactor: Redactor) -> Cassette:
    """The cassette of a session as it would be, had the app been recorded as it is now.

    Times, and the spans between the calls, stay as they were recorded.

    Args:
        session: the session that answered its calls.
        ended: what the app made of it.
        redactor: masks the live response as recording would.
    """
    cassette = Cassette.load(session.cassettes[0].dump())
    entry = cassette.entry
    captured = session.take_captured()
    secrets = session.secrets(captured) | _put_outcome(entry, ended, redactor)
    made, new = _live_order(session, captured)
    spans: list[Span] = []
    order = itertools.count(len(made) + len(captured) + 1)
    for span in cassette.spans:
        integration = span.attributes.get(names.CALL_INTEGRATION)
        family = str(span.attributes.get(names.CALL_FAMILY, ""))
        if span is not entry and integration is not None:
            place = made.get(span.span_id)
            if place is not None:
                span.attributes[names.CALL_INDEX], span.attributes[names.CALL_LANE] = place
            elif is_live(session.settings, str(integration), family):
                span.attributes[names.CALL_INDEX] = next(order)
            else:
                _raise_children(span, cassette)
                continue
        spans.append(span)
    kept = {span.span_id for span in spans}
    gaps = [gap for gap in cassette.gaps if not gap.span_id or gap.span_id in kept]
    entry.attributes.pop(names.GAPS, None)
    result = Cassette.from_spans(spans, entry_id=entry.span_id)
    result.append(span_of(entry, call, place, redactor) for call, place in zip(captured, new, strict=True))
    result.add_gaps(gaps)
    if secrets:
        mask_cassette(result, KnownSecrets(secrets))
    return result


def _live_order(session: Session, captured: list[Captured]) -> tuple[dict[str, tuple[int, int]], list[int]]:
    """The place and the lane of each recorded call that answered, by the id of its span; the places of the
    captured ones.
    """
    order: dict[str, tuple[int, int]] = {}
    new = {id(call.request): 0 for call in captured}
    places = itertools.count(1)
    for call in session.calls:
        if call.recorded is not None and call.recorded.span.span_id not in order:
            order[call.recorded.span.span_id] = (next(places), call.lane)
        elif new.get(id(call.request)) == 0:
            new[id(call.request)] = next(places)
    return order, [new[id(call.request)] for call in captured]


def _raise_children(span: Span, cassette: Cassette) -> None:
    """What was below a call that is gone is below what it was below."""
    for child in cassette.children(span.span_id):
        child.parent_span_id = span.parent_span_id


def _put_outcome(entry: Span, ended: Ended, redactor: Redactor) -> set[str]:
    """Put what the app made of it in place of what was recorded; what was masked in it."""
    secrets: set[str] = set()
    outcome: Answer | Failure | None = ended.outcome
    for name in [name for name in entry.attributes if name.startswith(_OLD_ANSWER)]:
        del entry.attributes[name]
    if outcome is not None:
        clean = redactor.message(outcome, [])
        secrets = secrets_in(outcome, clean)
        entry.attributes.update(clean.attributes())
        if "http.status_code" in entry.attributes:
            entry.attributes["http.status_code"] = getattr(outcome, "status", 0)
    error = ended.raised
    exceptions = [event for event in entry.events if event.name == "exception"]
    if error is None:
        entry.events = [event for event in entry.events if event.name != "exception"]
    elif exceptions:
        exceptions[-1].attributes |= {
            "exception.type": type(error).__name__, "exception.message": str(error)
        }  # fmt: skip
    return secrets
