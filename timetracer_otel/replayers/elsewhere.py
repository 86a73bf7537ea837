"""What the other cassettes of a store asked, and what was asked in this run of them.

A cache of a process (``functools.lru_cache``, Django's content types, keys of an identity provider) lets one
request ask and all later ones not. So a call that a cassette lacks may stand in another of the same process,
recorded before; and a recorded call need not come again where an earlier request of a replay made it.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from timetracer_otel import folders
from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.errors import CassetteError, CodecError, TimetracerError
from timetracer_otel.messages import Request
from timetracer_otel.replayers.cacheable import may_be_cacheable
from timetracer_otel.replayers.outside import days_of

MAX_CASSETTES: Final = 5_000
"""Cassettes of a store that are looked through."""
MAX_BYTES: Final = 256 * 2**20
"""Their size, all together."""
MAX_REMEMBERED: Final = 20_000
"""Reads of a run that are remembered, the first ones: caches are filled early."""
_INSTANCE: Final = "service.instance.id"
_SERVICE: Final = "service.name"

_Process = tuple[str, str]


class _Asked(NamedTuple):
    """A recorded call, by where it is. Times in nanoseconds since the epoch."""

    began: int
    ended: int
    process: _Process | None
    entry: str
    path: Path
    place: int


class Found(NamedTuple):
    """A call of another cassette that asked the same.

    Attributes:
        name: of that cassette: its request and its file.
        call: it, and what it was answered.
        same_process: the process of both was one, and this was asked before the end of the other request.
        times: how many cassettes of that process asked this.
    """

    name: str
    call: Call
    same_process: bool
    times: int


class Asker:
    """A replay of a run, for what it asked.

    Args:
        run: the store, and the run.
        title: of the request that it replays.
    """

    def __init__(self, run: Elsewhere, title: str) -> None:
        self.title = title
        self._run = run

    def asks(self, request: Request, recorded: Call | None) -> None:
        """Remember what was asked and answered: as recorded, where a recorded call answered it."""
        self._run.note(request, recorded, self)


class Elsewhere:
    """The calls of all cassettes of a store, looked up when one finds no answer. Safe to use from several
    threads; read when it is first needed.

    Args:
        places: folders of cassettes; of a file its folder, and those of other days of its store.
    """

    def __init__(self, places: Iterable[str | Path] = ()) -> None:
        self._places = [Path(place).absolute() for place in places]  # an app may go to another folder
        self._lock = threading.Lock()
        self._index: dict[int, list[_Asked]] | None = None
        self._run: list[tuple[Request, Asker]] = []
        self._answered_by: set[tuple[str, str]] = set()
        self._run_index: dict[int, list[tuple[Request, Asker]]] = {}
        self._run_indexed = 0

    # what was recorded

    def find(self, forms: Sequence[Request], cassette: Cassette) -> Found | None:
        """The call that asked this in another cassette: of the same process the last one before, else the
        nearest in time; ``None`` where there is none.

        Args:
            forms: the request, as it is and masked.
            cassette: the one that lacks it.
        """
        process, own = _process(cassette), _entry(cassette)
        over = cassette.entry.end_time_unix_nano or cassette.started
        others = [one for form in forms for one in self._asked(form) if one.entry != own]
        same = [one for one in others if process is not None and one.process == process]
        before = sorted((one for one in same if one.began <= over), key=lambda one: -one.began)
        rest = sorted(
            (one for one in others if one not in before), key=lambda one: abs(one.began - cassette.started)
        )
        times = len({one.entry for one in before})
        for one in (*before, *rest[:3]):
            found = _loaded(one, forms)
            if found is not None:
                name, call = found
                return Found(name, call, one in before, times)
        return None

    def asked_before(self, call: Call, cassette: Cassette) -> bool | None:
        """Whether the process of that cassette had been answered this already when it made that call: so no
        cache held it. ``None`` where it is not known which process that was.

        Args:
            call: of that cassette.
            cassette: the recording.
        """
        request, process = call.request, _process(cassette)
        if request is None or process is None:
            return None
        began, own, found = call.span.start_time_unix_nano, _entry(cassette), self._asked(request)
        if not any(one.entry == own for one in found):
            return None  # it is not among those that were read
        return any(
            one.process == process and 0 < one.ended <= began and (one.entry != own or one.began != began)
            for one in found
        )

    def _asked(self, request: Request) -> list[_Asked]:
        with self._lock:
            if self._index is None:
                self._index = _read(self._places)
            return self._index.get(_hash(request), [])

    # what this run asked

    def note(self, request: Request, recorded: Call | None, asker: Asker) -> None:
        """Remember what was asked and answered in this run, and who was the first to ask it.

        Args:
            request: what was asked.
            recorded: the call that answered; a service in replay gets the same requests again and again.
            asker: whose call it was.
        """
        if recorded is not None:
            request = recorded.request or request
        if len(self._run) >= MAX_REMEMBERED or not may_be_cacheable(request):
            return
        if recorded is not None:
            place = recorded.span.trace_id, recorded.span.span_id
            if place in self._answered_by:
                return
            self._answered_by.add(place)
        self._run.append((request, asker))

    def asked_by_another(self, request: Request, asker: Asker) -> str | None:
        """The title of a request of this run that asked the same; ``None`` where none did.

        Args:
            request: as it was recorded.
            asker: one that does not count.
        """
        with self._lock:
            for one in islice(self._run, self._run_indexed, None):
                self._run_index.setdefault(_hash(one[0]), []).append(one)
                self._run_indexed += 1
            for asked, whose in self._run_index.get(_hash(request), ()):
                if whose is not asker and _key(asked) == _key(request):
                    return whose.title
        return None


def _read(places: Iterable[Path]) -> dict[int, list[_Asked]]:
    """The reads and writes of those cassettes by what they asked."""
    index: dict[int, list[_Asked]] = {}
    left = MAX_BYTES
    for path in islice(_files(places), MAX_CASSETTES):
        try:
            left -= path.stat().st_size
            if left < 0:
                break
            cassette = Cassette.load(path)
            process, entry = _process(cassette), _entry(cassette)
            for place, call in enumerate(cassette.calls()):
                if call.request is not None:
                    span = call.span
                    index.setdefault(_hash(call.request), []).append(
                        _Asked(
                            span.start_time_unix_nano, span.end_time_unix_nano, process, entry, path, place
                        )
                    )
        except (OSError, TimetracerError):
            continue  # nobody asked for it
    return index


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        try:
            if place.is_dir():
                yield from folders.files(place)
                continue
            own = place.resolve().parent
            for folder in dict.fromkeys([own, *days_of(own)]):
                for entry in folders.entries(folder):
                    if folders.is_file(entry):
                        yield Path(entry)
        except CassetteError:
            continue


def _loaded(asked: _Asked, forms: Sequence[Request]) -> tuple[str, Call] | None:
    """The name of its cassette, and the call, if it asks the same and was answered."""
    try:
        cassette = Cassette.load(asked.path)
        call = cassette.calls()[asked.place]
        request = call.request
        if request is None or call.answer is None or _entry(cassette) != asked.entry:
            return None
    except (IndexError, TimetracerError, CodecError):
        return None  # it is another file by now
    if all(_key(form) != _key(request) for form in forms):
        return None
    return f"{cassette.title} ({asked.path.name})", call


def _process(cassette: Cassette) -> _Process | None:
    attributes = cassette.resource.attributes
    instance = attributes.get(_INSTANCE)
    return (str(attributes.get(_SERVICE, "")), str(instance)) if instance else None


def _entry(cassette: Cassette) -> str:
    return f"{cassette.entry.trace_id}/{cassette.entry.span_id}"


def _key(request: Request) -> Hashable:
    return request.family, request.key()


def _hash(request: Request) -> int:
    return hash(_key(request))
