"""Which recorded call answers a live one.

By content first: the canonical message must be equal, secrets set aside; else equal but for values
that cannot be the same in two runs (:mod:`timetracer_otel.volatile`). Among equal calls by place: the path
of spans from the entry down, then the lane (task or thread), then order.
"""

from __future__ import annotations

import enum
import threading
from difflib import SequenceMatcher
from typing import Final

import msgspec

from timetracer_otel.cassette import Call
from timetracer_otel.comparison import Difference, differences
from timetracer_otel.messages import Answer, Failure, HttpRequest, Request
from timetracer_otel.messages.unordered import in_order_of, unordered
from timetracer_otel.redaction import Redactor, masked_equal
from timetracer_otel.replayers.cookies import as_recorded
from timetracer_otel.replayers.normalising import Answered, ByShape, Normalised
from timetracer_otel.replayers.recorded import Place, RecordedCalls, Unused, not_recorded
from timetracer_otel.volatile import Links, Rules

MAX_COMPARED = 500
"""Recorded calls a miss is compared with to find the nearest."""
_NO_RULES: Final = Rules()

__all__ = [
    "MAX_COMPARED",
    "Difference",
    "Grade",
    "Match",
    "Matcher",
    "Nearest",
    "RecordedCalls",
    "differences",
]


class Grade(enum.StrEnum):
    """How exactly a recorded call matched."""

    EXACT = "exact"
    MOVED = "moved"
    NORMALISED = "normalised"
    ELSEWHERE = "elsewhere"


class Match(msgspec.Struct, frozen=True):
    """A recorded call that answers a live one."""

    call: Call
    grade: Grade
    asked: Request | None = None
    """The live request, where it asks the same in another order."""

    def fresh_answer(self) -> Answer | Failure | None:
        """What was answered, read anew; ``None`` when that was not recorded."""
        answer, was = self.call.fresh_answer(), self.call.request
        if self.asked is None or was is None or answer is None:
            return answer
        return in_order_of(answer, was, self.asked)


class Nearest(msgspec.Struct, frozen=True):
    """The recorded call most like a live one that nothing matched."""

    call: Call
    differences: list[Difference]
    used: bool


class Matcher:
    """The recorded calls of one session. Safe to use from several threads.

    Args:
        recorded: the recorded calls.
        redactor: masks live requests as the recorded ones were, so that masked parts are equal.
        reuse: a recorded call may answer any number of live ones (calls outside requests, which
            every start of a process makes again).
        links: what became of the recorded values in this replay; without them nothing is set aside but
            masks.
        rules: what else may be anything, with links.
    """

    def __init__(
        self,
        recorded: RecordedCalls,
        redactor: Redactor,
        *,
        reuse: bool = False,
        links: Links | None = None,
        rules: Rules = _NO_RULES,
    ) -> None:
        self._recorded = recorded
        self._calls = recorded.calls
        self._redactor = redactor
        self._reuse = reuse
        self._unused = Unused(recorded)
        used = self._unused.used
        # what may be answered again and again is used up by nothing
        self._answered = Answered(set(), set()) if reuse else Answered(used, used)
        self._links = links
        self._by_shape = None if links is None else ByShape(recorded, links, rules)
        self._lock = threading.Lock()

    def match(self, request: Request, path: tuple[str, ...] | None, lane: int) -> Match | None:
        """The recorded call that answers, now used up; ``None`` when none does.

        Args:
            request: the live request.
            path: names of the spans above the call, ``None`` when not known.
            lane: the task or thread that calls.
        """
        place = Place(path, getattr(request, "namespace", None), lane)
        with self._lock:
            found = self._literal(request, place)
            if found is not None:
                return self._answer(*found)
        forms = self.forms(request)
        with self._lock:
            # where a value is known to be another one now, that comes before what is equal by chance
            active = self._active
            found = self._normalised(forms, place) if active else None
            found = found or self._equal(forms, place)
            if found is None and not active:
                found = self._normalised(forms, place)
            found = found or self._with_their_cookies(forms, place)
            if found is None and (reordered := self._in_another_order(forms, place)) is not None:
                return reordered
            if found is None:
                loosely = self._incomplete(forms[-1])
                found = None if loosely is None else (loosely, Grade.NORMALISED)
            return None if found is None else self._answer(*found)

    @property
    def _active(self) -> bool:
        """A recorded value is known to be another one now."""
        return self._links is not None and self._links.active

    def _answer(self, chosen: int, grade: Grade) -> Match:
        """That recorded call, which is used up from here on."""
        self._answered.all.add(chosen)
        if grade is not Grade.NORMALISED:
            self._answered.unchanged.add(chosen)
        return Match(self._calls[chosen], grade)

    def _literal(self, request: Request, place: Place) -> tuple[int, Grade] | None:
        """The first call at this very place that says literally the same: none is nearer."""
        if self._active or not isinstance(request, HttpRequest):
            return None
        equal = self._recorded.by_literal.get(request.literal())
        nearest = None if equal is None else equal.nearest(place, self._unused)
        return None if nearest is None or nearest.distance else (nearest.at, Grade.EXACT)

    def _equal(self, forms: list[Request], place: Place) -> tuple[int, Grade] | None:
        """The nearest call that asked exactly this."""
        index = self._recorded.by_key
        found = [
            nearest
            for form in forms
            if (equal := index.get((form.family, form.key()))) is not None
            and (nearest := equal.nearest(place, self._unused)) is not None
        ]
        if not found:
            return None
        best = min(found)
        return best.at, Grade.MOVED if best.moved else Grade.EXACT

    def _normalised(self, forms: list[Request], place: Place) -> tuple[int, Grade] | None:
        """The nearest call that asked this, volatile values set aside."""
        if self._links is None or self._by_shape is None:
            return None
        best: Normalised | None = self._by_shape.find(forms, place, self._unused.used, self._answered)
        if best is None:
            return None
        self._links.commit(best.trial)
        if best.trial.differs:
            return best.at, Grade.NORMALISED
        return best.at, Grade.MOVED if place.path is not None and best.distance >= 4 else Grade.EXACT

    def _with_their_cookies(self, forms: list[Request], place: Place) -> tuple[int, Grade] | None:
        """The nearest call that asked this, but for what a client keeps of other requests."""
        for form in forms:
            for other in as_recorded(form, self._recorded.cookies, self._unused.used):
                found = self._equal([other], place) or self._normalised([other], place)
                if found is not None:
                    return found[0], Grade.NORMALISED
        return None

    def _in_another_order(self, forms: list[Request], place: Place) -> Match | None:
        """The nearest call that asked this in another order, where the order says nothing."""
        if self._links is None:
            return None
        for form in forms:
            key = unordered(form)
            equal = None if key is None else self._recorded.by_unordered.get(key)
            nearest = None if equal is None else equal.nearest(place, self._unused)
            if nearest is None:
                continue
            match = Match(self._calls[nearest.at], Grade.NORMALISED, form)
            if match.call.answer is None or match.fresh_answer() is not None:
                self._answer(nearest.at, Grade.NORMALISED)
                return match
        return None

    def unused(self) -> list[Call]:
        """Recorded calls that no live one asked for."""
        with self._lock:
            used = self._unused.used
            return [call for index, call in enumerate(self._calls) if index not in used]

    def was_asked(self, form: Request) -> bool:
        """A recorded call asked exactly this, used up or not."""
        return (form.family, form.key()) in self._recorded.by_key

    def nearest(self, request: Request) -> Nearest | None:
        """The recorded call of the same family most like that request."""
        forms = [form.canonical() for form in self.forms(request)]
        best: tuple[float, Nearest] | None = None
        for index, call in enumerate(self._calls[:MAX_COMPARED]):
            if call.family != request.family or call.request is None:
                continue
            used = index in self._unused.used
            recorded = call.request.canonical()
            found = min((list(differences(recorded, form)) for form in forms), key=len)
            title = SequenceMatcher(None, call.request.title()[:300], request.title()[:300]).ratio()
            score = title - len(found) * 0.2 - (0.1 if used else 0.0)
            if best is None or score > best[0]:
                best = (score, Nearest(call, found, used))
        return None if best is None else best[1]

    def forms(self, request: Request) -> list[Request]:
        """The request as it is and, where that is another, masked: whether the recorded one was
        masked is not known.
        """
        masked = self._redactor.message(request, [])
        return [request] if masked is request else [request, masked]

    def _incomplete(self, request: Request) -> int | None:
        """The first call that lacks something in its recorded form, and is equal beside that."""
        canonical = None
        for index, recorded in self._unused.incomplete(request.family):
            if canonical is None:
                canonical = request.canonical()
            missing = not_recorded(recorded)
            if missing:
                recorded = {**recorded, **{part: canonical[part] for part in missing}}
            if masked_equal(recorded, canonical):
                return index
        return None
