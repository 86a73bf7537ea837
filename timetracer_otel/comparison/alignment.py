"""Which call of one run is which of another: equal ones first, then the nearest of those that are left.

What is put in, taken out or changed is one step of an edit, and moves nothing else: the steps are the
cheapest that make one list of the other (Needleman and Wunsch), equal calls of other places set aside.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from typing import Final

from timetracer_otel.comparison.runs import Made
from timetracer_otel.messages import HttpRequest, MailCommand, MongoCommand, RedisCommand, SqlStatement
from timetracer_otel.messages.http import split_url

_MOST_PAIRS: Final = 40_000
"""Comparisons of two calls that are left over; beyond, only those of one shape are made."""
_ALIKE: Final = 0.6
"""How alike the titles of two calls of other shapes are that are taken for one that changed."""


class Pairs:
    """Which call is which.

    Args:
        of: the place of the live call of each recorded one that has one.
        equal: those of them that ask the same.
    """

    def __init__(self, of: dict[int, int], equal: set[int]) -> None:
        self.of = of
        self.equal = equal


def align(
    recorded: Sequence[Made],
    live: Sequence[Made],
    known: dict[int, int],
    key: Callable[[Made], Hashable],
) -> Pairs:
    """Pair the calls of two runs.

    Args:
        recorded: the calls of one, in order.
        live: those of the other.
        known: pairs that ask the same and are known already.
        key: equal for two calls that ask the same.
    """
    of = dict(known)
    taken = set(of.values())
    _pair_equal(recorded, live, of, taken, key)
    equal = set(of)
    left = [at for at in range(len(recorded)) if at not in of]
    # what another recording asked did not become of a call of this one
    right = [at for at in range(len(live)) if at not in taken and not live[at].elsewhere]
    for shape in (_shape, _family):
        if not left or not right:
            break
        changed = _pair_changed(recorded, live, left, right, shape)
        of.update(changed)
        left = [at for at in left if at not in changed]
        now = set(changed.values())
        right = [at for at in right if at not in now]
    return Pairs(of, equal)


def out_of_order(places: Sequence[int]) -> list[int]:
    """Which of these to take out so that the rest goes up, as few as possible; by their place in the list."""
    tails: list[int] = []
    tail_at: list[int] = []
    before: list[int] = []
    for at, place in enumerate(places):
        length = bisect_left(tails, place)
        before.append(tail_at[length - 1] if length else -1)
        if length == len(tails):
            tails.append(place)
            tail_at.append(at)
        else:
            tails[length], tail_at[length] = place, at
    kept: set[int] = set()
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        kept.add(at)
        at = before[at]
    return [at for at in range(len(places)) if at not in kept]


def _pair_equal(
    recorded: Sequence[Made],
    live: Sequence[Made],
    of: dict[int, int],
    taken: set[int],
    key: Callable[[Made], Hashable],
) -> None:
    """Pair calls that ask the same: those of the same place first, among them in order."""
    keys = {at: key(call) for at, call in enumerate(recorded) if at not in of}
    live_keys = {at: key(call) for at, call in enumerate(live) if at not in taken} if keys else {}
    for place in (
        lambda call: (call.path, call.lane),
        lambda call: call.path,
        lambda call: None,
    ):
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        for at, call in enumerate(recorded):
            if at not in of:
                waiting[keys[at], place(call)].append(at)
        for found in waiting.values():
            found.reverse()
        for at, call in enumerate(live):
            if (
                at in live_keys
                and at not in taken
                and (candidates := waiting.get((live_keys[at], place(call))))
            ):
                of[candidates.pop()] = at
                taken.add(at)


def _pair_changed(
    recorded: Sequence[Made],
    live: Sequence[Made],
    left: list[int],
    right: list[int],
    shape: Callable[[Made], Hashable],
) -> dict[int, int]:
    """Pair calls of one shape, in the order that costs least."""
    groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for at in left:
        groups[shape(recorded[at])][0].append(at)
    for at in right:
        groups[shape(live[at])][1].append(at)
    exact = shape is _shape
    found: dict[int, int] = {}
    for ours, theirs in groups.values():
        if not ours or not theirs:
            continue
        if len(ours) == len(theirs) == 1 and exact:
            found[ours[0]] = theirs[0]
        elif len(ours) * len(theirs) <= _MOST_PAIRS:
            found.update(
                _cheapest([recorded[at] for at in ours], [live[at] for at in theirs], ours, theirs, exact)
            )
        elif exact:
            found.update(zip(ours, theirs, strict=False))
    return found


def _cheapest(
    ours: list[Made], theirs: list[Made], ours_at: list[int], theirs_at: list[int], exact: bool
) -> dict[int, int]:
    """The pairs of the cheapest edit of one list into the other; leaving out a call costs 1, changing it less
    the more alike the two are.
    """
    cost = [[_cost(left, right, exact) for right in theirs] for left in ours]
    rows, columns = len(ours), len(theirs)
    total = [[float(row + column) for column in range(columns + 1)] for row in range(rows + 1)]
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            total[row][column] = min(
                total[row - 1][column] + 1,
                total[row][column - 1] + 1,
                total[row - 1][column - 1] + cost[row - 1][column - 1],
            )
    found: dict[int, int] = {}
    row, column = rows, columns
    while row and column:
        if total[row][column] == total[row - 1][column - 1] + cost[row - 1][column - 1]:
            row, column = row - 1, column - 1
            found[ours_at[row]] = theirs_at[column]
        elif total[row][column] == total[row - 1][column] + 1:
            row -= 1
        else:
            column -= 1
    return found


def _cost(left: Made, right: Made, exact: bool) -> float:
    alike = SequenceMatcher(None, _said(left), _said(right), autojunk=False).ratio()
    if not exact and alike < _ALIKE:
        return 3.0  # more than leaving both out
    elsewhere = (left.path != right.path) * 0.2 + (left.lane != right.lane) * 0.1
    return (1.0 if exact else 1.2) * (1 - alike) + elsewhere


def _said(call: Made) -> str:
    request = call.request
    if isinstance(request, SqlStatement):
        return f"{call.title} {request.parameters!r}"[:400]
    return call.title


def _family(call: Made) -> Hashable:
    return call.family, call.writes


def _shape(call: Made) -> Hashable:
    """What two calls have in common of which one became the other: all but the values."""
    request = call.request
    if isinstance(request, SqlStatement):
        return "db", request.canonical()["statement"]
    if isinstance(request, HttpRequest):
        parts = split_url(request.url)
        return "http", request.method, parts.netloc, parts.path
    if isinstance(request, RedisCommand) and not request.pipeline:
        return "redis", str(request.arguments[:1]).upper(), len(request.arguments)
    if isinstance(request, MongoCommand):
        return "mongodb", tuple(request.title().split(" ")[:2])
    if isinstance(request, MailCommand):
        return "smtp", request.verb
    return call.family, call.title.partition("(")[0]
