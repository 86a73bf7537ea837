"""The calls of a recording, found by what they asked and by where they were made.

Finding one takes as long among a thousand calls as among ten, equal ones included: whatever was
used up is passed over once, not with every call.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

from timetracer_otel.cassette import Call
from timetracer_otel.messages import Canonical
from timetracer_otel.redaction import MASK

_Group: TypeAlias = "tuple[Hashable, Hashable, Hashable]"
_ANY: Final = object()
"""In a group: whatever it is."""
_DATABASE_AND_LANE: Final = ((True, True), (True, False), (False, True), (False, False))
_CHOICES: Final = [(path, *rest) for path in (True, False) for rest in _DATABASE_AND_LANE]
"""What a recorded call has in common with the live one (path, database, lane), best first."""


class Place(NamedTuple):
    """Where a call was made.

    Attributes:
        path: names of the spans above, ``None`` when not known.
        namespace: the database, where it was one. A replay may name another, but of two
            databases the same one answers.
        lane: the task or thread.
    """

    path: tuple[str, ...] | None
    namespace: str | None
    lane: int


class Found(NamedTuple):
    """A recorded call that is not used up; the least is the nearest.

    Attributes:
        distance: how little its place has in common with the live call's; 0 for the same.
        at: its place among all calls.
    """

    distance: int
    at: int

    @property
    def moved(self) -> bool:
        """It was made elsewhere in the tree."""
        return self.distance >= len(_DATABASE_AND_LANE)


class RecordedCalls:
    """The calls of a recording; the same for all sessions that replay it.

    Args:
        calls: in recorded order.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = list(calls)

    @cached_property
    def by_key(self) -> dict[Hashable, EqualCalls]:
        """The calls by what they asked."""
        found: dict[Hashable, EqualCalls] = {}
        for index, call in enumerate(self.calls):
            request = call.request
            if request is not None:
                key = (call.family, request.key())
                equal = found.get(key)
                if equal is None:
                    equal = found[key] = EqualCalls(self.calls)
                equal.indexes.append(index)
        return found

    @cached_property
    def incomplete(self) -> dict[str, list[tuple[int, Canonical]]]:
        """By family, the calls whose recorded form lacks something: masks that our own rules would
        not make, a body that was over the limit, headers that another tool left out.
        """
        found: dict[str, list[tuple[int, Canonical]]] = {}
        for index, call in enumerate(self.calls):
            if call.request is not None:
                form = call.request.canonical()
                if not_recorded(form) or MASK in repr(form):
                    found.setdefault(call.family, []).append((index, form))
        return found


def not_recorded(form: Canonical) -> list[str]:
    """The parts of a recorded request that were not recorded."""
    return [part for part in ("headers", "body") if part in form and form[part] is None]


class EqualCalls:
    """Recorded calls that asked the same.

    Args:
        calls: all calls of the recording.
    """

    __slots__ = ("_calls", "_groups", "indexes")

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        self._groups: dict[tuple[bool, bool, bool], dict[_Group, list[int]]] = {}
        self.indexes: list[int] = []
        """Their places among those, in order."""

    def nearest(self, place: Place, unused: Unused) -> Found | None:
        """The one at that place, else the one with most in common; the earliest of several."""
        if len(self.indexes) == 1:  # as almost always
            (index,) = self.indexes
            return None if index in unused.used else Found(self._distance(index, place), index)
        # where the place is not known, nothing is elsewhere
        choices = _CHOICES if place.path is not None else _CHOICES[len(_DATABASE_AND_LANE) :]
        for distance, choice in enumerate(choices):
            group = self._grouped(choice).get(_group(place, choice))
            if group is not None and (first := unused.first(group)) is not None:
                return Found(distance, first)
        return None

    def _grouped(self, choice: tuple[bool, bool, bool]) -> dict[_Group, list[int]]:
        found = self._groups.get(choice)
        if found is None:
            found = {}
            for index in self.indexes:
                found.setdefault(_group(self._place(index), choice), []).append(index)
            self._groups[choice] = found
        return found

    def _place(self, index: int) -> Place:
        call = self._calls[index]
        return Place(call.path, getattr(call.request, "namespace", None), call.lane)

    def _distance(self, index: int, place: Place) -> int:
        recorded = self._place(index)
        elsewhere = place.path is not None and recorded.path != place.path
        other_database, other_lane = recorded.namespace != place.namespace, recorded.lane != place.lane
        return elsewhere * 4 + other_database * 2 + other_lane


class Unused:
    """What one session has not used up yet of a recording.

    Args:
        recorded: the recording.
    """

    __slots__ = ("_passed", "_recorded", "used")

    def __init__(self, recorded: RecordedCalls) -> None:
        self._recorded = recorded
        self._passed: dict[int, int] = {}
        self.used: set[int] = set()
        """Places in :attr:`RecordedCalls.calls`."""

    def first(self, group: list[int]) -> int | None:
        """The first of these calls that is not used up. The list lives as long as the recording."""
        at = self._passed.get(id(group), 0)
        while at < len(group) and group[at] in self.used:
            at += 1
        self._passed[id(group)] = at
        return group[at] if at < len(group) else None

    def incomplete(self, family: str) -> Iterator[tuple[int, Canonical]]:
        """Those of :attr:`RecordedCalls.incomplete` that are not used up."""
        all_ = self._recorded.incomplete.get(family, [])
        at = self._passed.get(id(all_), 0)
        while at < len(all_) and all_[at][0] in self.used:
            at += 1
        if at:
            self._passed[id(all_)] = at
        return (one for one in islice(all_, at, None) if one[0] not in self.used)


def _group(place: Place, choice: tuple[bool, bool, bool]) -> Any:
    return tuple(value if same else _ANY for value, same in zip(place, choice, strict=True))
