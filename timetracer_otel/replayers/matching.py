"""Which recorded call answers a live one.

By content first: the canonical message must be equal, secrets set aside. Among equal calls by
place: the path of spans from the entry down, then the lane (task or thread), then order.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

import msgspec

from timetracer_otel import values
from timetracer_otel.cassette import Call
from timetracer_otel.messages import Canonical, Request
from timetracer_otel.redaction import MASK, Redactor, masked_equal

MAX_COMPARED = 500
"""Recorded calls a miss is compared with to find the nearest."""


class Grade(enum.StrEnum):
    """How exactly a recorded call matched."""

    EXACT = "exact"
    MOVED = "moved"
    NORMALISED = "normalised"


class Match(msgspec.Struct, frozen=True):
    """A recorded call that answers a live one."""

    call: Call
    grade: Grade


class Difference(msgspec.Struct, frozen=True):
    """One part in which a live request is not the recorded one."""

    part: str
    recorded: str
    live: str

    def __str__(self) -> str:
        return f"{self.part}: recorded {self.recorded}, live {self.live}"


class Nearest(msgspec.Struct, frozen=True):
    """The recorded call most like a live one that nothing matched."""

    call: Call
    differences: list[Difference]
    used: bool


class RecordedCalls:
    """The calls of a recording by what they asked; the same for all sessions that replay it.

    Args:
        calls: in recorded order.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = list(calls)

    @cached_property
    def by_key(self) -> dict[bytes, list[int]]:
        """Places in :attr:`calls` by canonical form."""
        found: dict[bytes, list[int]] = {}
        for index, call in enumerate(self.calls):
            if call.request is not None:
                found.setdefault(_key(call.family, call.request.canonical()), []).append(index)
        return found


class Matcher:
    """The recorded calls of one session. Safe to use from several threads.

    Args:
        recorded: the recorded calls.
        redactor: masks live requests as the recorded ones were, so that masked parts are equal.
        reuse: a recorded call may answer any number of live ones (calls outside requests, which
            every start of a process makes again).
    """

    def __init__(self, recorded: RecordedCalls, redactor: Redactor, *, reuse: bool = False) -> None:
        self._recorded = recorded
        self._calls = recorded.calls
        self._redactor = redactor
        self._reuse = reuse
        self._used: set[int] = set()
        self._lock = threading.Lock()

    def match(self, request: Request, path: tuple[str, ...] | None, lane: int) -> Match | None:
        """The recorded call that answers, now used up; ``None`` when none does.

        Args:
            request: the live request.
            path: names of the spans above the call, ``None`` when not known.
            lane: the task or thread that calls.
        """
        forms = self.forms(request)
        keys = [_key(request.family, form) for form in forms]
        with self._lock:
            index = self._recorded.by_key
            candidates = [at for key in keys for at in index.get(key, ()) if at not in self._used]
            if candidates:
                chosen, grade = self._choose(candidates, request, path, lane)
            else:
                found = self._incomplete(request.family, forms[-1])
                if found is None:
                    return None
                chosen, grade = found, Grade.NORMALISED
            if not self._reuse:
                self._used.add(chosen)
            return Match(self._calls[chosen], grade)

    def unused(self) -> list[Call]:
        """Recorded calls that no live one asked for."""
        with self._lock:
            return [call for index, call in enumerate(self._calls) if index not in self._used]

    def nearest(self, request: Request) -> Nearest | None:
        """The recorded call of the same family most like that request."""
        forms = self.forms(request)
        best: tuple[float, Nearest] | None = None
        for index, call in enumerate(self._calls[:MAX_COMPARED]):
            if call.family != request.family or call.request is None:
                continue
            used = index in self._used
            recorded = call.request.canonical()
            found = min((list(differences(recorded, form)) for form in forms), key=len)
            title = SequenceMatcher(None, call.request.title()[:300], request.title()[:300]).ratio()
            score = title - len(found) * 0.2 - (0.1 if used else 0.0)
            if best is None or score > best[0]:
                best = (score, Nearest(call, found, used))
        return None if best is None else best[1]

    def forms(self, request: Request) -> list[Canonical]:
        """The request's canonical form as it is and, where that is another, masked: whether the
        recorded one was masked is not known.
        """
        masked = self._redactor.message(request, [])
        return [request.canonical()] if masked is request else [request.canonical(), masked.canonical()]

    def _choose(
        self, candidates: list[int], request: Request, path: tuple[str, ...] | None, lane: int
    ) -> tuple[int, Grade]:
        namespace = getattr(request, "namespace", None)

        def distance(index: int) -> tuple[bool, bool, bool, int]:
            call = self._calls[index]
            elsewhere = path is not None and call.path != path
            # a replay may name another database, but of two databases the same one answers
            other_database = getattr(call.request, "namespace", None) != namespace
            return elsewhere, other_database, call.lane != lane, index

        chosen = min(candidates, key=distance)
        return chosen, Grade.MOVED if distance(chosen)[0] else Grade.EXACT

    def _incomplete(self, family: str, canonical: Canonical) -> int | None:
        """A call whose recorded form lacks something: masks that our own rules would not make, a
        body that was over the limit.
        """
        for index, call in enumerate(self._calls):
            if index in self._used or call.family != family or call.request is None:
                continue
            recorded = call.request.canonical()
            if "body" in recorded and recorded["body"] is None:
                if masked_equal({**recorded, "body": canonical["body"]}, canonical):
                    return index
            elif MASK in repr(recorded) and masked_equal(recorded, canonical):
                return index
        return None


def _key(family: str, canonical: Canonical) -> bytes:
    return values.canonical([family, canonical])


def differences(recorded: Any, live: Any, part: str = "") -> Iterator[Difference]:
    """Where two canonical forms differ, part by part, the smallest parts that do."""
    if isinstance(recorded, dict) and isinstance(live, dict):
        for key in [*recorded, *(key for key in live if key not in recorded)]:
            name = f"{part}.{key}" if part else str(key)
            if key not in recorded:
                yield Difference(name, "nothing", _show(live[key]))
            elif key not in live:
                yield Difference(name, _show(recorded[key]), "nothing")
            else:
                yield from differences(recorded[key], live[key], name)
    elif _is_list(recorded) and _is_list(live) and len(recorded) == len(live):
        for index, (left, right) in enumerate(zip(recorded, live, strict=True)):
            yield from differences(left, right, f"{part}[{index}]")
    elif not masked_equal(recorded, live):
        yield Difference(part or "value", _show(recorded), _show(live))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
