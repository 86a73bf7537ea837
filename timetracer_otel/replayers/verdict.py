"""What a replay did, against what was recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison import (
    Comparison,
    Finding,
    Made,
    Row,
    Run,
    Threshold,
    compare,
    made,
    recorded_exception,
)
from timetracer_otel.errors import CodecError, ReplayError
from timetracer_otel.messages import Answer, Failure
from timetracer_otel.messages.http import split_url
from timetracer_otel.redaction import MASK, Redactor, masked_equal
from timetracer_otel.replayers.caches import held_by_caches
from timetracer_otel.replayers.explaining import MADE_OF_A_MASK
from timetracer_otel.replayers.faults import times
from timetracer_otel.replayers.livecalls import LiveCall, Outcome, is_live
from timetracer_otel.replayers.livetree import entry_of
from timetracer_otel.replayers.session import Session
from timetracer_otel.volatile import stands_for


class Verdict(msgspec.Struct):
    """One cassette's replay.

    Attributes:
        title: the request: ``POST /checkout``.
        path: where the cassette is.
        outcome: ``same``; ``different``; or ``error`` when it could not be replayed.
        differences: one line each, causes only: what the app did otherwise, then what it answered.
        follows: one line each: what is most likely due to a call that found no answer, or to an exception
            that is no longer raised; nothing here without something in ``differences``.
        notes: one line each: what is worth knowing and makes nothing different, as calls that moved.
        calls: how many the app made.
        moved: how many of them were answered from another place in the tree.
        normalised: how many were answered by one that asked the same but for values that cannot repeat.
        elsewhere: how many were answered from another cassette, as a cache was warm while recording.
        held: how many recorded reads did not come again, as an earlier request of the run had asked the same.
        missing, extra, changed: recorded calls that did not happen; calls that were not recorded; calls
            that are others now. By their titles.
        missed: the explanations of calls that nothing answered.
        status: the live HTTP status, where there is one.
        seconds, recorded_seconds: how long it took now, and then.
        faults: how often each that was asked for happened.
        findings: differences and notes with their parts.
        rows: both trees as one.
        trace_id: of the recording.
        updated: the cassette now holds the live outcome.
        other_kind: the app takes messages of another kind, so this says nothing about it.
    """

    title: str
    path: str
    outcome: Literal["same", "different", "error"]
    differences: list[str] = msgspec.field(default_factory=list)
    follows: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    calls: int = 0
    moved: int = 0
    normalised: int = 0
    elsewhere: int = 0
    held: int = 0
    missing: list[str] = msgspec.field(default_factory=list)
    extra: list[str] = msgspec.field(default_factory=list)
    changed: list[str] = msgspec.field(default_factory=list)
    missed: list[str] = msgspec.field(default_factory=list)
    status: int | None = None
    seconds: float = 0.0
    recorded_seconds: float = 0.0
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    findings: list[Finding] = msgspec.field(default_factory=list)
    rows: list[Row] = msgspec.field(default_factory=list)
    trace_id: str = ""
    updated: bool = False
    other_kind: bool = False

    def note_faults(self, happened: Mapping[str, int]) -> None:
        """Say which faults happened, and how often."""
        self.faults = dict(happened)
        self.notes += [f"fault {text}: {times(count)}" for text, count in happened.items()]

    def text(self) -> str:
        """All of it in lines, the title first, for a test that fails or a log."""
        lines = [f"{self.title}: {self.outcome}", *self.differences]
        lines += [f"(follows) {line}" for line in self.follows]
        lines += [f"(note) {line}" for line in self.notes]
        return "\n  ".join(lines)


class Ended(msgspec.Struct):
    """What an app made of a request or a message.

    Attributes:
        outcome: the response or result; ``None`` where there is none.
        raised: what it raised; may stand beside an outcome.
        seconds: how long it took.
        began_ns: when it began, by :func:`time.perf_counter_ns`; 0 where that is not known.
    """

    outcome: Answer | Failure | None = None
    raised: BaseException | None = None
    seconds: float = 0.0
    began_ns: int = 0


_REFUSALS: Final = frozenset({400, 401, 403, 422})
_MASKS_NAMED: Final = 5
_TOLD: Final = re.compile("inbound request |SQL column |Redis |response |MongoDB ")


def judge(
    session: Session, path: str, ended: Ended, redactor: Redactor, threshold: Threshold | None = None
) -> Verdict:
    """Compare a replay with its cassette.

    Args:
        session: the session that answered its calls.
        path: where the cassette came from.
        ended: what the app made of it.
        redactor: masks the live response as the recorded one was.
        threshold: how much slower is too slow; by default no time is.
    """
    comparison = compare_replay(session, ended, redactor, threshold)
    cassette = session.cassettes[0]
    verdict = verdict_of(
        comparison,
        cassette,
        path,
        calls=len(session.calls),
        missed=[call.explanation for call in session.misses],
        status=getattr(ended.outcome, "status", None),
        seconds=ended.seconds,
    )
    verdict.note_faults(session.faulted)
    if verdict.outcome == "different" and (
        (verdict.status in _REFUSALS and cassette.status != verdict.status)
        or any(map(_names_a_mask, verdict.differences))
    ):
        verdict.notes += _masks(cassette)
    elif any(MADE_OF_A_MASK in call.explanation for call in session.misses):
        verdict.notes += _masks(cassette, MADE_OF_A_MASK)
    return verdict


def _names_a_mask(difference: str) -> bool:
    """True where the app looked a mask up, in a dict of keys say."""
    return difference.startswith("the app raised ") and MASK in difference


def _masks(cassette: Cassette, effect: str = "an app that checks it refuses the mask") -> list[str]:
    """What the app was told is masked in the recording, where it may have refused the mask."""
    places = [gap.detail for gap in cassette.gaps if gap.kind == "masked" and _TOLD.match(gap.detail)]
    if not places:
        return []
    listed = ", ".join(dict.fromkeys(places[:_MASKS_NAMED])) + (", ..." if len(places) > _MASKS_NAMED else "")
    return [
        f"masked in the recording: {listed}; {effect}"
        " (--header gives another header, in pytest timetracer_headers; record --no-redact masks nothing)"
    ]


def verdict_of(
    comparison: Comparison,
    cassette: Cassette,
    path: str,
    *,
    calls: int,
    missed: list[str],
    status: int | None,
    seconds: float,
) -> Verdict:
    """The verdict that a comparison comes to.

    Args:
        comparison: what was found.
        cassette: the recording.
        path: where it came from.
        calls: how many the app made.
        missed: the explanations of those that nothing answered.
        status: the live HTTP status.
        seconds: how long the replay took.
    """
    findings, rows = comparison.findings, comparison.rows
    return Verdict(
        title=cassette.title,
        path=path,
        outcome="same" if comparison.same else "different",
        differences=[one.text for one in findings if one.fails and not one.follows],
        follows=[one.text for one in findings if one.fails and one.follows],
        notes=[one.text for one in findings if not one.fails],
        calls=calls,
        moved=sum(row.grade == "moved" for row in rows),
        normalised=sum(row.grade == "normalised" for row in rows),
        elsewhere=sum(row.mark == "elsewhere" for row in rows),
        held=sum(row.mark == "held" for row in rows),
        missing=[row.title for row in rows if row.mark == "missing"],
        extra=[row.title for row in rows if row.mark == "extra"],
        changed=[row.title for row in rows if row.mark == "changed"],
        missed=missed,
        status=status if isinstance(status, int) else None,
        seconds=seconds,
        recorded_seconds=cassette.duration / 1e9,
        findings=findings,
        rows=rows,
        trace_id=cassette.entry.trace_id,
    )


def compare_replay(
    session: Session, ended: Ended | None, redactor: Redactor, threshold: Threshold | None = None
) -> Comparison:
    """What a replay did otherwise than its cassette.

    Args:
        session: the session that answered its calls.
        ended: what the app made of it; ``None`` to compare the calls alone.
        redactor: masks the live response as the recorded one was.
        threshold: how much slower is too slow; by default no time is.
    """
    recorded, live, known = _runs(session, ended)

    def equal(was: Any, now: Any) -> bool:
        return masked_equal(was, now) or stands_for(was, now, session.links)

    return compare(
        recorded,
        live,
        known=known,
        equal=equal,
        redactor=redactor,
        threshold=threshold,
        only_calls=ended is None,
    )


def call_differences(session: Session) -> list[str]:
    """One line for each call that is not as recorded."""
    comparison = compare_replay(session, None, Redactor.from_settings(session.settings))
    return [finding.detail or finding.text for finding in comparison.findings if finding.fails]


def with_rules(session: Session, live: Answer | Failure | None) -> Answer | Failure | None:
    """What the cassette was answered, with the live values where rules allow any.

    Raises:
        CodecError: it is malformed.
    """
    cassette = session.cassettes[0]
    recorded = cassette.inbound_answer
    request = cassette.inbound_request if session.rules else None
    if request is None:
        return recorded
    path = split_url(request.url).path or "/"
    expected: Answer | Failure | None = session.rules.response(f"{request.method} {path}", recorded, live)
    return expected


def _runs(session: Session, ended: Ended | None) -> tuple[Run, Run, dict[int, int]]:
    """Both sides, and which recorded call answered which live one."""
    cassette = session.cassettes[0]
    places: dict[int, int] = {}
    held = held_by_caches(session)
    ours: list[Made] = []
    for call in session.recorded_calls:
        if not is_live(session.settings, call.integration, call.family) and _readable(call):
            places[id(call)] = len(ours)
            ours.append(made(call, cassette.started, with_answer=False))
            ours[-1].held_since = held.get(id(call), "")
    known: dict[int, int] = {}
    theirs: list[Made] = []
    for live in session.calls:
        if live.outcome is Outcome.LIVE:
            continue
        place = None if live.recorded is None else places.get(id(live.recorded))
        if live.recorded is not None and place is None:
            continue  # answered by what was recorded outside requests
        if place is not None and place not in known:
            known[place] = len(theirs)
        began = live.began - ended.began_ns if ended is not None and ended.began_ns else None
        # a replay waits for no answer, unless it was told to
        waited = ours[place].took if place is not None and session.pace else 0
        theirs.append(_made(live, began, waited, answered=session.settings.misses_go_out))
    outcome = None
    if ended is not None:
        try:
            outcome = with_rules(session, ended.outcome)
        except CodecError:
            outcome = None  # whoever replays it says so
    recorded = Run(outcome, ours, recorded_exception(cassette), cassette.duration or None)
    if ended is None:
        return recorded, Run(None, theirs), known
    raised = raised_in(session, ended, recorded)
    return recorded, Run(ended.outcome, theirs, raised, int(ended.seconds * 1e9)), known


def _readable(call: object) -> bool:
    """A call of a family that is not known here is answered by nobody, and asked by nobody."""
    try:
        return getattr(call, "request", None) is not None
    except CodecError:
        return False


def _made(call: LiveCall, began: int | None, took: int | None, *, answered: bool) -> Made:
    return Made(
        request=call.request,
        title=call.title[:300],
        family=call.request.family,
        integration=call.integration,
        writes=call.writes,
        path=call.path,
        lane=call.lane,
        began=began,
        took=took if began is not None else None,
        explanation="" if answered else call.explanation,
        grade="" if call.grade is None else str(call.grade),
        elsewhere=call.elsewhere,
    )


def raised_in(session: Session, ended: Ended, recorded: Run) -> str:
    """What went through the app: what it raised, else what its entry span says, as the recording does.

    Args:
        session: the session that answered its calls.
        ended: what the app made of it.
        recorded: what was recorded.
    """
    error = ended.raised
    if error is not None:
        if isinstance(error, ReplayError) and session.misses:
            return f"{type(error).__name__}: a call found no answer"
        text = str(error)
        return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
    span = entry_of(session)
    if span is None:  # not known: the same, unless the answer says otherwise
        unlike = getattr(recorded.outcome, "status", None) != getattr(ended.outcome, "status", None)
        return "" if unlike else recorded.raised
    for event in span.events:
        if event.name == "exception":
            attributes = event.attributes or {}
            kind = str(attributes.get("exception.type", "exception")).rpartition(".")[2]
            message = str(attributes.get("exception.message", ""))
            return f"{kind}: {message}"[:300] if message else kind
    return ""
