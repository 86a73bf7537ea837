"""Start-ups of several processes, recorded into one folder.

A process in replay starts as the first of them did. Requests that another one served hold what that was told,
and told, as it started (its id, its lease): here is what the first had in its place.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.replayers.answers import answer_content
from timetracer_otel.replayers.drawing import INSTANCE, is_startup
from timetracer_otel.volatile import Links

_SHORTEST: Final = 6
"""Characters of a text that may be the name of something that only one start-up knew."""
_LONGEST: Final = 200
_MOST: Final = 1_000
"""Calls of a start-up that are looked at: what it started may have gone on for ever."""
_NAMES: Final = re.compile(r"[0-9A-Za-z]*\d[0-9A-Za-z]*")
"""Words with a digit: what ids are made of."""


def in_order(outside: Iterable[Cassette]) -> list[Cassette]:
    """As they began; a start-up in which something failed comes last. Of workers that make the same table at
    once all but one fail, and a server starts another in their place: what starts in replay is told
    what one was told that did start.

    Args:
        outside: cassettes of calls made outside requests.
    """
    return sorted(outside, key=lambda one: (is_startup(one) and one.has_error, one.started))


class Pair(NamedTuple):
    """What one start-up had where the first had another.

    Attributes:
        name: of the field.
        was: in the start-up of the process that served a request.
        now: in the first.
    """

    name: str
    was: str
    now: str


class Beginnings:
    """What the start-ups of a folder had in each other's place. Safe to use from several threads.

    Args:
        outside: cassettes of calls made outside requests, in order.
    """

    def __init__(self, outside: Sequence[Cassette]) -> None:
        self._all = in_order(filter(is_startup, outside))
        self._pairs: dict[object, list[Pair]] = {}
        self._lock = threading.Lock()

    def teach(self, links: Links, cassette: Cassette) -> None:
        """Let the values of its process's start-up stand for those of the first.

        Args:
            links: of the replay of that cassette.
            cassette: of a request.
        """
        if len(self._all) < 2:
            return
        pairs = self._of(cassette.resource.attributes.get(INSTANCE))
        inbound = cassette.inbound_request
        asked = "" if inbound is None else repr((inbound.url, inbound.headers, inbound.body))
        for pair in pairs:
            if pair.was not in asked:  # else it is the client's
                links.learn({pair.name: pair.was}, {pair.name: pair.now})

    def _of(self, instance: object) -> list[Pair]:
        with self._lock:
            found = self._pairs.get(instance)
            if found is None:
                own = next(
                    (one for one in self._all if one.resource.attributes.get(INSTANCE) == instance), None
                )
                known = own is not None and instance is not None and own is not self._all[0]
                found = list(dict.fromkeys(_pairs(own, self._all[0]))) if known and own is not None else []
                self._pairs[instance] = found
            return found


def _pairs(own: Cassette, first: Cassette) -> Iterator[Pair]:
    waiting: dict[tuple[str, str], deque[Call]] = {}
    for call in first.calls()[:_MOST]:
        waiting.setdefault(_kind(call), deque()).append(call)
    for call in own.calls()[:_MOST]:
        same = waiting.get(_kind(call))
        if same and call.request is not None:
            other = same.popleft()
            if other.request is not None:
                yield from _others(call.request.canonical(), other.request.canonical(), "")
                yield from _others(
                    answer_content(call.answer, call.request), answer_content(other.answer, other.request), ""
                )


def _kind(call: Call) -> tuple[str, str]:
    """What it asks, ids set aside."""
    return call.family, "" if call.request is None else _NAMES.sub("#", repr(call.request.canonical()))


def _others(was: Any, now: Any, name: str) -> Iterator[Pair]:
    """The texts that are others in the second, numbers and words of a language aside."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key, value in was.items():
            if key in now:
                yield from _others(value, now[key], str(key))
    elif isinstance(was, list | tuple) and isinstance(now, list | tuple):
        if len(was) == len(now):
            for one, other in zip(was, now, strict=True):
                yield from _others(one, other, name)
    elif isinstance(was, bytes) and isinstance(now, bytes):
        yield from _others(_text(was), _text(now), name)
    elif isinstance(was, str) and isinstance(now, str) and was != now and _a_name(was) and _a_name(now):
        yield Pair(name, was, now)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _a_name(text: str) -> bool:
    plain = text.replace(".", "").lstrip("-")
    return _SHORTEST <= len(text) <= _LONGEST and not plain.isdigit() and not re.search(r"\s", text)
