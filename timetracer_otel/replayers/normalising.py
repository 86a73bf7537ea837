"""The recorded call that a live one is, once the values are set aside that cannot be the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Final, NamedTuple

from timetracer_otel.messages import Canonical, Request
from timetracer_otel.replayers.recorded import Place, RecordedCalls, distance
from timetracer_otel.volatile import Atom, Linked, Links, Rules, Trial, shape

MAX_TRIED: Final = 500
"""Recorded calls of one shape that are tried for one live call."""


class Normalised(NamedTuple):
    """A recorded call whose values may stand for the live one's; the least is the best.

    Attributes:
        new: how many values it would bind.
        distance: how little its place has in common with the live call's.
        at: its place among all calls.
        trial: what :meth:`~timetracer_otel.volatile.Links.commit` makes true.
    """

    new: int
    distance: int
    at: int
    trial: Trial


class Answered(NamedTuple):
    """Calls that were answered, by their places among all calls.

    Attributes:
        all: each of them.
        unchanged: what these asked is what it was.
    """

    all: set[int]
    unchanged: set[int]


class _Shaped(NamedTuple):
    at: int
    atoms: list[Atom]


class ByShape:
    """The calls of a recording by what is left of their requests when volatile values are set aside.

    Args:
        recorded: the recording.
        links: what became of its values in this replay.
        rules: what else may be anything.
    """

    def __init__(self, recorded: RecordedCalls, links: Links, rules: Rules) -> None:
        self._recorded = recorded
        self._links = links
        self._rules = rules
        self._linked: Linked | None = None
        self._index: dict[Hashable, list[_Shaped]] | None = None

    def find(
        self, forms: Sequence[Request], place: Place, used: set[int], answered: Answered
    ) -> Normalised | None:
        """The best recorded call that is not used up.

        Args:
            forms: the live request, as it is and masked.
            place: where it was made.
            used: calls that are used up.
            answered: calls that were answered.
        """
        linked = self._links.linked
        if self._index is None or linked is not self._linked:
            self._linked, self._index = linked, self._shaped(linked)
        found = (
            one for form in forms for one in self._found(self._index, form, linked, place, used, answered)
        )
        return min(found, default=None, key=lambda one: one[:3])

    def _found(
        self,
        index: dict[Hashable, list[_Shaped]],
        form: Request,
        linked: Linked | None,
        place: Place,
        used: set[int],
        answered: Answered,
    ) -> Iterator[Normalised]:
        key, atoms = self._shape(form, form.canonical(), linked)
        tried, least = 0, self._links.unknown(atoms)
        for candidate in index.get((form.family, key), ()) if atoms else ():
            if candidate.at in used:
                continue
            tried += 1
            if tried > MAX_TRIED:
                return
            call = self._recorded.calls[candidate.at]
            began = call.span.start_time_unix_nano
            trial = self._links.judge(
                candidate.atoms,
                atoms,
                answered.unchanged,
                asked_at=began / 1e9 if began else None,
                again=candidate.at in answered.all,
            )
            if trial is not None:
                away = distance(call, place)
                yield Normalised(trial.new, away, candidate.at, trial)
                if away == 0 and trial.new <= least:
                    return  # none can be better

    def _shape(
        self, request: Request, canonical: Canonical, linked: Linked | None
    ) -> tuple[Hashable, list[Atom]]:
        if self._rules:
            canonical, patterns = self._rules.request(request, canonical)
            if patterns:
                linked = (linked or Linked()).also(patterns)
        return shape(canonical, linked)

    def _shaped(self, linked: Linked | None) -> dict[Hashable, list[_Shaped]]:
        index: dict[Hashable, list[_Shaped]] = {}
        for at, (call, canonical) in enumerate(
            zip(self._recorded.calls, self._recorded.canonical, strict=True)
        ):
            if canonical is not None and call.request is not None:
                key, atoms = self._shape(call.request, canonical, linked)
                if atoms:
                    index.setdefault((call.family, key), []).append(_Shaped(at, atoms))
        return index
