"""One run against another: a replay against its recording, or one recording against another."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import groupby
from typing import Final

from timetracer_otel import values
from timetracer_otel.comparison.alignment import Pairs, align, out_of_order
from timetracer_otel.comparison.asked import request_differences
from timetracer_otel.comparison.findings import Comparison, Finding, Mark, Row
from timetracer_otel.comparison.outcomes import exception_change, outcome_differences
from timetracer_otel.comparison.parts import REPLAY, Difference, Equal, Words
from timetracer_otel.comparison.runs import Made, Run
from timetracer_otel.comparison.timing import Threshold, slower
from timetracer_otel.messages import SqlStatement
from timetracer_otel.redaction import Redactor, masked_equal

_PARTS: Final = 4
"""Parts of a changed call that its line names."""


def compare(
    recorded: Run,
    live: Run,
    *,
    known: dict[int, int] | None = None,
    key: Callable[[Made], Hashable] | None = None,
    equal: Equal = masked_equal,
    redactor: Redactor | None = None,
    threshold: Threshold | None = None,
    only_calls: bool = False,
    words: Words = REPLAY,
) -> Comparison:
    """What one run did otherwise than another.

    Args:
        recorded: what was recorded.
        live: what happened now.
        known: which recorded call answered which live one, by their places; found out by default.
        key: equal for two calls that ask the same; by default the whole request.
        equal: whether two values say the same; masks stand for anything by default.
        redactor: masks the live response as the recorded one may have been.
        threshold: how much slower is too slow; by default no time is.
        only_calls: the outcomes are compared elsewhere.
        words: what the two are called.
    """
    pairs = align(recorded.calls, live.calls, known or {}, key or call_key)
    calls = _Calls(recorded.calls, live.calls, pairs, equal, words)
    about_calls = calls.findings()
    comparison = Comparison(about_calls, calls.rows(about_calls))
    found = [] if only_calls else outcome_findings(recorded, live, equal, redactor, words)
    if threshold is not None:
        found += slower(recorded, live, pairs.of, threshold, words)
    return with_outcome(comparison, found)


def with_outcome(calls: Comparison, outcome: list[Finding]) -> Comparison:
    """What was found of the calls, and then of the outcome; what is due to something else comes last.

    Args:
        calls: of the calls.
        outcome: of response, exception and time.
    """
    if any(finding.detail and finding.kind in ("extra", "changed") for finding in calls.findings):
        # a call found no answer, and what comes after may be due to that alone
        for finding in outcome:
            finding.follows = finding.follows or finding.kind in ("response", "exception")
    both = [*calls.findings, *outcome]
    order = sorted(range(len(both)), key=lambda at: (both[at].follows, not both[at].fails))
    place = {at: number for number, at in enumerate(order)}
    for row in calls.rows:
        row.findings = sorted(place[at] for at in row.findings)
    return Comparison([both[at] for at in order], calls.rows)


def call_key(call: Made) -> Hashable:
    """The whole request, for calls of any family."""
    if call.request is None:
        return call.family, call.title
    return call.family, values.canonical(call.request.canonical())


def outcome_findings(
    recorded: Run, live: Run, equal: Equal, redactor: Redactor | None, words: Words = REPLAY
) -> list[Finding]:
    """What is to be said of response, result and exception.

    Args:
        recorded: what was recorded.
        live: what happened now.
        equal: whether two values say the same.
        redactor: masks the live response as the recorded one may have been.
        words: what the two are called.
    """
    found: list[Finding] = []
    change = exception_change(recorded.raised, live.raised, words)
    if change:
        found.append(Finding("exception", change))
    parts = outcome_differences(recorded.outcome, live.outcome, equal, redactor)
    # another exception, or none, is why the response is another
    follows = bool(change)
    return [*found, *(Finding("response", part.said(words), follows=follows, parts=[part]) for part in parts)]


class _Calls:
    """The calls of both sides and what is to be said of them."""

    def __init__(
        self, recorded: list[Made], live: list[Made], pairs: Pairs, equal: Equal, words: Words
    ) -> None:
        self._recorded = recorded
        self._live = live
        self._pairs = pairs
        self._equal = equal
        self._was, self._now = self._words = words
        self._there = "" if words == REPLAY else f" in {words[1]}"
        self._back = {now: before for before, now in pairs.of.items()}
        self._marks: dict[tuple[int | None, int | None], Mark] = {}

    def findings(self) -> list[Finding]:
        """What was missing, extra, changed, moved; each once."""
        found = [*self._changed(), *self._extra(), *self._reordered(), *self._elsewhere(), *self._loose()]
        return [*found, *self._missing(self._dead_end())]

    def _dead_end(self) -> int | None:
        """The recorded place that a live call without an answer stands for; what comes after may not have
        happened because of it.
        """
        unanswered = next((at for at, call in enumerate(self._live) if call.explanation), None)
        if unanswered is None:
            return None
        if unanswered in self._back:
            return self._back[unanswered]
        return max((before for now, before in self._back.items() if now < unanswered), default=-1)

    def _changed(self) -> list[Finding]:
        found = []
        for before, now in self._pairs.of.items():
            one, other = self._recorded[before], self._live[now]
            if before in self._pairs.equal:
                if other.explanation:  # it was recorded, and its answer was not
                    text = f"not answered: {other.title}"
                    found.append(
                        Finding("changed", text, detail=other.explanation, recorded=before, live=now)
                    )
                    self._marks[before, now] = "changed"
                continue
            parts = self._parts(one, other)
            write = one.writes or other.writes
            said = "; ".join(part.said(self._words) for part in parts[:_PARTS])
            said = said or f"{self._was} {one.title}, {self._now} {other.title}"
            more = f"; and {len(parts) - _PARTS} more" if len(parts) > _PARTS else ""
            where = "" if any(part.part in _WHOLE for part in parts) else f" in {_short(one.title)}"
            found.append(
                Finding(
                    "changed", f"changed{' write' * write}: {said}{more}{where}", write=write,
                    detail=other.explanation, parts=parts, recorded=before, live=now,
                )
            )  # fmt: skip
            self._marks[before, now] = "changed"
        return found

    def _parts(self, one: Made, other: Made) -> list[Difference]:
        if one.request is None or other.request is None:
            return []
        return request_differences(one.request, other.request, self._equal)

    def _missing(self, dead_end: int | None) -> list[Finding]:
        found = []
        for at, call in enumerate(self._recorded):
            if at in self._pairs.of:
                continue
            if call.held_since:
                self._marks[at, None] = "held"
                text = (
                    f"not asked again: {call.title} ({call.held_since} asked it before in this process, which"
                    " most likely holds the answer in a cache)"
                )
                found.append(Finding("held", text, fails=False, recorded=at))
            else:
                self._marks[at, None] = "missing"
                follows = dead_end is not None and at > dead_end
                text = f"missing{' write' * call.writes}{self._there}: {call.title}"
                found.append(Finding("missing", text, write=call.writes, follows=follows, recorded=at))
        return found

    def _extra(self) -> list[Finding]:
        found = []
        for at, call in enumerate(self._live):
            if at in self._back:
                continue
            if call.elsewhere and not call.explanation:
                self._marks[None, at] = "elsewhere"
                where, why = call.elsewhere, "a cache was warm while recording"
                text = f"answered from {where}: {call.title} (asked there, not here; {why})"
                found.append(Finding("elsewhere", text, fails=False, live=at))
            else:
                self._marks[None, at] = "extra"
                text = f"extra{' write' * call.writes}{self._there}: {call.title}"
                if call.elsewhere:
                    text += f" (asked in {call.elsewhere})"
                found.append(Finding("extra", text, write=call.writes, detail=call.explanation, live=at))
        return found

    def _reordered(self) -> list[Finding]:
        """Calls of one task or thread in another order; the writes among them fail."""
        found: list[Finding] = []
        for pairs in self._sequences():
            writes = [pair for pair in pairs if self._recorded[pair[0]].writes]
            data = [pair for pair in writes if not _ends_transaction(self._recorded[pair[0]])]
            turned = _turned(data) or _turned(self._with_ends_in_order(writes))
            for (before, now), (other, _) in turned:
                first, second = self._recorded[before].title, self._recorded[other].title
                text = (
                    f"re-ordered write: {_short(first)}: {self._now} {_side(before, other)} {_short(second)}"
                )
                found.append(Finding("reordered", text, write=True, recorded=before, live=now))
                self._marks[before, now] = "reordered"
            if turned:
                continue
            for (before, now), (other, _) in _turned(pairs):
                if not self._recorded[before].writes:
                    first, second = self._recorded[before].title, self._recorded[other].title
                    text = f"moved: {_short(first)}: {self._now} {_side(before, other)} {_short(second)}"
                    found.append(Finding("moved", text, fails=False, recorded=before, live=now))
                    self._marks.setdefault((before, now), "moved")
        return found

    def _with_ends_in_order(self, writes: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The same with transactions that end one right after the other in their recorded order.

        Those of several databases, which SQLAlchemy's session ends together, end in no certain one.
        """
        runs = groupby(writes, key=lambda pair: _ends_transaction(self._recorded[pair[0]]))
        return [pair for ends, run in runs for pair in (sorted(run) if ends else run)]

    def _sequences(self) -> list[list[tuple[int, int]]]:
        """Pairs that one task or thread made on both sides, in live order."""

        def lanes(pair: tuple[int, int]) -> tuple[int, int]:
            return self._recorded[pair[0]].lane, self._live[pair[1]].lane

        pairs = sorted(self._pairs.of.items(), key=lambda pair: (lanes(pair), pair[1]))
        return [list(group) for _, group in groupby(pairs, key=lanes)]

    def _elsewhere(self) -> list[Finding]:
        found = []
        for before, now in self._pairs.of.items():
            one, other = self._recorded[before], self._live[now]
            if one.path is None or other.path is None or one.path == other.path:
                continue
            if before in self._pairs.equal:
                text = f"moved: {_short(one.title)}: {self._was} {_place(one)}, {self._now} {_place(other)}"
                found.append(Finding("moved", text, fails=False, write=one.writes, recorded=before, live=now))
                self._marks.setdefault((before, now), "moved")
        return found

    def _loose(self) -> list[Finding]:
        found = []
        for before, now in self._pairs.of.items():
            one, other = self._recorded[before], self._live[now]
            if other.grade not in ("", "exact", "moved"):
                text = f"matched loosely ({other.grade}): {other.title}"
                parts = self._parts(one, other)
                found.append(Finding("loose", text, fails=False, parts=parts, recorded=before, live=now))
        return found

    def rows(self, findings: list[Finding]) -> list[Row]:
        """Both trees as one: the live calls in order, and the missing ones where they had been."""
        about: dict[tuple[int | None, int | None], list[int]] = {}
        for number, finding in enumerate(findings):
            if finding.recorded is not None or finding.live is not None:
                about.setdefault((finding.recorded, finding.live), []).append(number)
        order: list[tuple[int | None, int | None]] = [
            (self._back.get(now), now) for now in range(len(self._live))
        ]
        for at in range(len(self._recorded)):
            if at not in self._pairs.of:
                order.insert(_after_earlier(order, at), (at, None))
        return [self._row(before, now, about.get((before, now), [])) for before, now in order]

    def _row(self, before: int | None, now: int | None, findings: list[int]) -> Row:
        one = None if before is None else self._recorded[before]
        other = None if now is None else self._live[now]
        shown = other or one
        assert shown is not None
        return Row(
            mark=self._marks.get((before, now), "same"),
            title=shown.title,
            recorded_title=one.title if one is not None and one.title != shown.title else "",
            integration=shown.integration or (one.integration if one is not None else ""),
            path=shown.places if shown.path is not None or one is None else one.places,
            write=shown.writes,
            grade=other.grade if other is not None else "",
            recorded_ns=None if one is None else one.took,
            live_ns=None if other is None else other.took,
            findings=findings,
        )


_WHOLE: Final = frozenset({"SQL statement", "HTTP URL", "function"})
"""Parts that name the call already."""


def _turned(pairs: list[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Which of the pairs, in live order, are in another order than recorded, and one that each has passed."""
    places = [before for before, _ in pairs]
    found = []
    for at in out_of_order(places):
        before = places[at]
        passed = next(
            (
                other
                for other in range(len(pairs))
                if (other < at) == (places[other] > before) and other != at
            ),
            at,
        )
        found.append((pairs[at], pairs[passed]))
    return found


def _after_earlier(order: list[tuple[int | None, int | None]], at: int) -> int:
    """Where a missing call had been: after the last of those that came before it in the recording."""
    for index in range(len(order) - 1, -1, -1):
        before = order[index][0]
        if before is not None and before < at:
            return index + 1
    return 0


def _side(before: int, other: int) -> str:
    return "after" if before < other else "before"


def _ends_transaction(call: Made) -> bool:
    return isinstance(call.request, SqlStatement) and call.request.controls_transaction


def _place(call: Made) -> str:
    return f"below {' > '.join(call.places)}" if call.places else "below the request itself"


def _short(title: str) -> str:
    return title if len(title) <= 120 else f"{title[:119]}…"
