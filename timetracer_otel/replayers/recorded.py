"""The calls of a recording, found by what they asked and by where they were made.

Finding one takes as long among a thousand calls as among ten, equal ones included: whatever was
used up is passed over once, not with every call.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Final, NamedTuple, Self, TypeAlias

from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.messages import Canonical, HttpRequest
from timetracer_otel.messages.unordered import unordered
from timetracer_otel.redaction import MASK, holds_mask, masked_equal
from timetracer_otel.replayers.answers import answer_content
from timetracer_otel.replayers.cookies import Sent, sent
from timetracer_otel.volatile import Origins

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
        inbound: the requests that led to them.
    """

    def __init__(self, calls: Sequence[Call], inbound: Sequence[HttpRequest] = ()) -> None:
        self.calls = list(calls)
        self._inbound = inbound

    @classmethod
    def of(cls, cassettes: Sequence[Cassette]) -> Self:
        """The calls of those cassettes, one after the other."""
        inbound = [cassette.inbound_request for cassette in cassettes]
        return cls(
            [call for cassette in cassettes for call in cassette.calls()],
            [request for request in inbound if request is not None],
        )

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
    def by_literal(self) -> dict[Hashable, EqualCalls]:
        """The HTTP calls by what they literally said, which is quicker to make."""
        found: dict[Hashable, EqualCalls] = {}
        for index, call in enumerate(self.calls):
            request = call.request
            if isinstance(request, HttpRequest):
                literal = request.literal()
                equal = found.get(literal)
                if equal is None:
                    equal = found[literal] = EqualCalls(self.calls)
                equal.indexes.append(index)
        return found

    @cached_property
    def by_unordered(self) -> dict[Hashable, EqualCalls]:
        """The calls by what they asked, in whichever order, where that says nothing."""
        found: dict[Hashable, EqualCalls] = {}
        for index, call in enumerate(self.calls):
            key = None if call.request is None else unordered(call.request)
            if key is not None:
                found.setdefault(key, EqualCalls(self.calls)).indexes.append(index)
        return found

    def path_of(self, path: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The path of a live call as it was recorded: with masks where names of spans say secrets."""
        if path is None or not self._masked_paths:
            return path
        live = list(path)
        return next((one for one in self._masked_paths if masked_equal(list(one), live)), path)

    @cached_property
    def _masked_paths(self) -> list[tuple[str, ...]]:
        return [
            path
            for path in dict.fromkeys(call.path for call in self.calls)
            if any(MASK in name for name in path)
        ]

    @cached_property
    def canonical(self) -> list[Canonical | None]:
        """What each call asked; ``None`` where that was not recorded."""
        return [None if call.request is None else call.request.canonical() for call in self.calls]

    @cached_property
    def cookies(self) -> list[Sent]:
        """What each call sent."""
        return sent(self.calls, self._inbound)

    @cached_property
    def origins(self) -> Origins:
        """Where the values in it that look volatile came from."""
        origins = Origins()
        for request in self._inbound:
            origins.inbound([request.canonical(), request.headers])
        for index, (call, canonical) in enumerate(zip(self.calls, self.canonical, strict=True)):
            if canonical is not None:
                origins.asked(index, canonical)
            origins.answered(answer_content(call.answer, call.request))
        return origins

    @cached_property
    def incomplete(self) -> dict[str, list[tuple[int, Canonical]]]:
        """By family, the calls whose recorded form lacks something: masks that our own rules would
        not make, a body that was over the limit, headers that another tool left out.
        """
        found: dict[str, list[tuple[int, Canonical]]] = {}
        for index, call in enumerate(self.calls):
            if call.request is not None:
                form = call.request.canonical()
                if not_recorded(form) or MASK in repr(form) or _masked_credentials(form):
                    found.setdefault(call.family, []).append((index, form))
        return found


def _masked_credentials(form: Canonical) -> bool:
    """Credentials of HTTP Basic: their masks are in base64."""
    headers = form.get("headers")
    return isinstance(headers, dict) and any(map(holds_mask, headers.get("authorization", ())))


def not_recorded(form: Canonical) -> list[str]:
    """The parts of a recorded request that were not recorded."""
    return [part for part in ("headers", "body") if part in form and form[part] is None]


def place_of(call: Call) -> Place:
    """Where a recorded call was made."""
    return Place(call.path, getattr(call.request, "namespace", None), call.lane)


def distance(call: Call, place: Place) -> int:
    """How little the place of a recorded call has in common with that one (:attr:`Found.distance`)."""
    recorded = place_of(call)
    elsewhere = place.path is not None and recorded.path != place.path
    other_database, other_lane = recorded.namespace != place.namespace, recorded.lane != place.lane
    return elsewhere * 4 + other_database * 2 + other_lane


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
        return place_of(self._calls[index])

    def _distance(self, index: int, place: Place) -> int:
        return distance(self._calls[index], place)


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
