"""Two recordings of one request, what no two runs share set aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.asked import request_differences
from timetracer_otel.comparison.comparing import compare, with_outcome
from timetracer_otel.comparison.findings import Comparison, Finding
from timetracer_otel.comparison.outcomes import outcome_differences, plain
from timetracer_otel.comparison.parts import Difference, Words, differences
from timetracer_otel.comparison.runs import Made, Run, recorded_run
from timetracer_otel.comparison.structure import structural_findings, structural_run
from timetracer_otel.comparison.timing import Threshold
from timetracer_otel.durations import duration
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import Answer, Canonical, Failure, HttpRequest, Request, SqlStatement
from timetracer_otel.messages.http import split_url
from timetracer_otel.redaction import masked_equal
from timetracer_otel.volatile import Links, Origins, Rules, names_identifier, stands_for

_NO_RULES: Final = Rules()
SIDES: Final[Words] = ("A", "B")
_MOST_TRIED: Final = 200
_OF_THE_SERVER: Final = frozenset({"result.rowcount_after", "result.server"})


def compare_recordings(
    first: Cassette, second: Cassette, threshold: Threshold | None = None, rules: Rules = _NO_RULES
) -> Comparison:
    """What the second did otherwise than the first, beside time and values that no two runs share. Where one
    is a trace without payloads, both are compared by who was called.

    Args:
        first: the recording called A.
        second: the recording called B.
        threshold: how much slower B may be; by default no time is looked at.
        rules: what else may be another.

    Raises:
        CodecError: a message in one of them is malformed.
    """
    for cassette in (first, second):
        cassette.read_messages()
    if first.why_not is not None or second.why_not is not None:
        ours, theirs = structural_run(first), structural_run(second)
        by_structure = compare(ours, theirs, threshold=threshold, words=SIDES)
        return with_outcome(by_structure, list(structural_findings(first, second, SIDES)))
    links = Links(Origins, recorded=first.started / 1e9, now=second.started / 1e9)

    def equal(was: Any, now: Any) -> bool:
        return masked_equal(was, now) or stands_for(was, now, links)

    found = list(_of_requests(first.inbound_message, second.inbound_message, links))
    _learn_drawn(first, second, links)
    ours, theirs = recorded_run(first), recorded_run(second)
    was_answered = ours.outcome
    ours.outcome = _ruled_response(first, was_answered, theirs.outcome, rules)
    ruled = ours.outcome != was_answered
    known: dict[int, int] = {}
    for before, now in _same_calls(ours.calls, theirs.calls, links, rules):
        known[before] = now
        one, other = ours.calls[before].request, theirs.calls[now].request
        if rules and not ruled and one is not None and other is not None:
            ruled = not equal(one.canonical(), other.canonical())
        found += _of_answers(ours.calls[before], theirs.calls[now], before, now, links, rules)
    comparison = compare(ours, theirs, known=known, equal=equal, threshold=threshold, words=SIDES)
    if threshold is not None:
        found += _slower_calls(ours, theirs, known, threshold)
    if links.active:
        text = "values that no two runs share (ids, times, tokens) are others in B, wherever they flow"
        found.append(Finding("volatile", text, fails=False))
    if ruled:
        found.append(Finding("volatile", "what rules set aside is another in B", fails=False))
    return with_outcome(comparison, found)


def _of_requests(first: Request | None, second: Request | None, links: Links) -> Iterator[Finding]:
    """What came in, which gives what it holds to the app."""
    if first is None or second is None:
        if first is not second:
            yield Finding("request", "the request was recorded in one of both only")
        return

    def equal(was: Any, now: Any) -> bool:
        return masked_equal(was, now) or stands_for(was, now, links)

    for part in request_differences(_at_no_host(first), _at_no_host(second), equal):
        yield Finding("request", f"request {part.said(SIDES)}", parts=[part])
    links.learn(first.canonical(), second.canonical())


def _at_no_host(request: Request) -> Request:
    """The service may have been elsewhere."""
    if not isinstance(request, HttpRequest):
        return request
    parts = split_url(request.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HttpRequest(request.method, path, request.headers, request.body, request.complete)


def _learn_drawn(first: Cassette, second: Cassette, links: Links) -> None:
    """Values of clock and chance: the same draw gave one in each. So did who numbers traces and spans."""
    for name in ("trace_id", "span_id"):
        links.learn(getattr(first.entry, name), getattr(second.entry, name))
    drawn = [dict(_drawn(cassette)) for cassette in (first, second)]
    for place, value in drawn[0].items():
        if place in drawn[1]:
            links.learn(value, drawn[1][place])


def _drawn(cassette: Cassette) -> Iterator[tuple[tuple[str, int, int], Any]]:
    counts: dict[tuple[str, int], int] = {}
    for event in cassette.entry.events:
        text, lane = event.attributes.get("value"), event.attributes.get("lane")
        if event.name != names.EVENT_VALUE or not isinstance(text, str) or not isinstance(lane, int):
            continue
        place = str(event.attributes.get("source")), lane
        counts[place] = counts.get(place, 0) + 1
        try:
            yield (*place, counts[place]), values.loads(text)
        except CodecError:
            continue


def _ruled_response(
    cassette: Cassette, recorded: Answer | Failure | None, live: Answer | Failure | None, rules: Rules
) -> Answer | Failure | None:
    request = cassette.inbound_request if rules else None
    if request is None:
        return recorded
    path = split_url(request.url).path or "/"
    expected: Answer | Failure | None = rules.response(f"{request.method} {path}", recorded, live)
    return expected


def _same_calls(
    ours: list[Made], theirs: list[Made], links: Links, rules: Rules
) -> Iterator[tuple[int, int]]:
    """Pairs that ask the same, in order, so that what one is answered is known before what comes after."""
    left = dict(enumerate(theirs))
    forms = {at: rules.without(other.request) for at, other in left.items() if other.request is not None}
    for before, call in enumerate(ours):
        found = _same_call(call, left, forms, links, rules)
        if found is not None:
            del left[found]
            yield before, found


def _same_call(
    call: Made, left: dict[int, Made], forms: dict[int, Canonical], links: Links, rules: Rules
) -> int | None:
    if call.request is None:
        return None
    form = rules.without(call.request)
    candidates = [at for at, other in left.items() if other.family == call.family and at in forms]
    del candidates[_MOST_TRIED:]
    candidates.sort(key=lambda at: (left[at].path != call.path, left[at].lane != call.lane, at))
    for exactly in (True, False):
        for at in candidates:
            now = forms[at]
            if masked_equal(form, now) or (not exactly and stands_for(form, now, links)):
                return at
    return None


def _of_answers(
    one: Made, other: Made, before: int, now: int, links: Links, rules: Rules
) -> Iterator[Finding]:
    """What the world answered otherwise; what the app makes of it is no finding of its own."""
    if one.answer is None or other.answer is None or one.request is None:
        return
    was_answered = rules.answer(one.request, one.answer, other.answer)

    def equal(was: Any, is_now: Any) -> bool:
        return masked_equal(was, is_now) or stands_for(was, is_now, links)

    if isinstance(was_answered, Failure) or isinstance(other.answer, Failure):
        parts = list(differences(plain(was_answered), plain(other.answer), "answer", equal))
    else:
        parts = outcome_differences(was_answered, other.answer, equal, None)
    for part in parts:
        if part.part in _OF_THE_SERVER:
            continue
        made_there = _is_identifier(part, one)
        yield Finding(
            "volatile" if made_there else "answer",
            f"answer of {one.title[:120]}: {part.said(SIDES)}",
            fails=not made_there,
            parts=[part],
            recorded=before,
            live=now,
        )
    links.learn(_content(one), _content(other))


def _content(call: Made) -> Any:
    assert call.answer is not None
    return plain(call.answer)


def _is_identifier(part: Difference, call: Made) -> bool:
    """A number that the database gave to what it was told to keep."""
    name = part.part.rpartition(".")[2].partition("[")[0]
    inserted = isinstance(call.request, SqlStatement) and call.writes
    return name == "lastrowid" or names_identifier(name) or (inserted and part.part.startswith("result.rows"))


def _slower_calls(ours: Run, theirs: Run, known: dict[int, int], threshold: Threshold) -> Iterator[Finding]:
    for before, now in known.items():
        one, other = ours.calls[before], theirs.calls[now]
        if one.took is not None and other.took is not None and threshold.exceeded(one.took, other.took):
            text = f"slower: {one.title[:120]}: A {duration(one.took)}, B {duration(other.took)}"
            yield Finding("slower", text, recorded=before, live=now)
