"""Values that the app's own modules draw as they are imported: ``INSTANCE = uuid4()``.

Which modules are imported, in which order and by which process is another in each way to start an app. So
each value has a place of its own, the statement that drew it (``uuid.uuid4@shop:shop.config.INSTANCE``),
whatever else is drawn before. A place that a recording does not know gets a real value.

The app's own are the modules that are not installed as a library, and what these call while they are
imported; of looks at the clock, those that its own code takes: a scheduler that starts meanwhile goes on in
real time. All in the main thread: what other threads do goes on beyond the import.
"""

from __future__ import annotations

import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import FrameType
from typing import Final, NamedTuple, TypeVar

from timetracer_otel import ports
from timetracer_otel.nondeterminism import callers
from timetracer_otel.nondeterminism.clock import ClockDraw
from timetracer_otel.nondeterminism.draws import RandomBytes
from timetracer_otel.nondeterminism.recording import Event, ValueRecorder
from timetracer_otel.nondeterminism.replaying import ValueReplayer
from timetracer_otel.nondeterminism.source import CHECKS, Draw, set_process_source
from timetracer_otel.nondeterminism.statements import statement_of

T = TypeVar("T")

IMPORT_LANE: Final = -1
"""What is drawn at import is drawn in no task of any request."""
MAX_IMPORTED: Final = 1_000
"""Values noted of an import."""
MAX_ASKED: Final = 20_000
"""Draws that are looked at: a program that serves nobody is imported for as long as it runs."""
_LONG: Final = 16
"""Random bytes of this number are a key; fewer may name an instance."""
_DEEPEST: Final = 200
"""Frames looked at."""
_TOKENS: Final = ("secrets.token_", "os.urandom(", "os.getrandom(")
_SECRET: Final = ("secrets.", "random.SystemRandom.")
_DRAWING: Final = frozenset({"secrets", "SystemRandom", "token_bytes", "token_hex", "token_urlsafe"})
"""Words that say how a value is drawn, and not what it is."""
_SERVERS: Final = ("gunicorn.", "granian.", "hypercorn.", "uvicorn.", "timetracer_otel.replayers.runner")
"""Who calls a function that makes the app (``uvicorn --factory``)."""
_BETWEEN: Final = frozenset({"opentelemetry", "timetracer_otel", "wrapt"})
"""What stands around functions of the app and of libraries."""


class Place(NamedTuple):
    """Where a value is drawn.

    Attributes:
        name: of the module, and of what the statement assigns.
        words: what is said in the statements on the way there.
    """

    name: str
    words: frozenset[str]


def place_of(draw: Draw[T], frame: FrameType | None) -> Place | None:
    """The place of a draw in a module of the app that is being imported; ``None``: it is none.

    Args:
        draw: what is drawn.
        frame: who draws.
    """
    words: set[str] = set()
    own: FrameType | None = None
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        module = str(frame.f_globals.get("__name__"))
        mine = _of_app(frame)
        if frame.f_code.co_name == "<module>":
            return _placed(frame, words) if mine else None
        if own is not None and module.startswith(_SERVERS):
            return Place(f"{callers.module_name(own)}.{own.f_code.co_qualname}()", frozenset(words))
        if module.partition(".")[0] not in _BETWEEN and not callers.transparent(frame):
            if callers.package_of(frame) is None:  # a loop or a thread: that goes on
                return None
            if mine:
                own = frame
                words |= statement_of(frame).words
            elif own is None and isinstance(draw, ClockDraw):
                return None
        frame = frame.f_back
    return None


def _placed(frame: FrameType, words: set[str]) -> Place:
    statement = statement_of(frame)
    name = callers.module_name(frame)
    return Place(f"{name}.{statement.target}" if statement.target else name, statement.words | words)


def _of_app(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if file.startswith("<"):  # made as it runs: a dataclass's __init__
        file = str(frame.f_globals.get("__file__", file))
    return _is_own(file)


@lru_cache(maxsize=4096)
def _is_own(file: str) -> bool:
    """True for a file that is not installed: neither Python's own nor a library's nor a command's."""
    if file.startswith("<") or "site-packages" in file or "dist-packages" in file:
        return False
    return not file.startswith(_installed())


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    kinds = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    return tuple({f"{paths[kind].rstrip('/')}/" for kind in kinds if paths.get(kind)})


def _may_be_secret(draw: Draw[T]) -> bool:
    """True for what is made to be secret."""
    if not isinstance(draw, RandomBytes) or draw.source.startswith("random.Random.seed"):
        return False
    if draw.source.startswith(_TOKENS):
        return draw.size >= _LONG
    return draw.source.startswith(_SECRET)


class ImportRecorder(ValueRecorder):
    """Notes what the app's modules draw as they are imported.

    Args:
        hides: true for a name whose value is not to be written; ``None`` where nothing is masked.
        mask: stands in the place of such a value.
    """

    __slots__ = ("_hides", "_mask", "began", "hidden")

    def __init__(self, hides: Callable[[str], bool] | None, mask: object = None) -> None:
        super().__init__(lambda: IMPORT_LANE, limit=MAX_IMPORTED)
        self._hides = hides
        self._mask = mask
        self.began = time.time_ns()
        self.hidden: list[str] = []
        """What drew a value that is not kept, since it may be a secret."""

    def draw(self, draw: Draw[T]) -> T:
        """Make the call; note its value where a module of the app draws it."""
        place = _safely(draw) if len(self._events) < MAX_IMPORTED else None
        if place is None:
            return draw.live()
        secret = self._is_secret(draw, place)
        draw.source = f"{draw.source}:{place.name}"
        value = super().draw(draw)
        if secret and self._events and self._events[-1].source == draw.source:
            self._events[-1] = Event(draw.source, self._mask, IMPORT_LANE)
            self.hidden.append(draw.source)
        return value

    def _is_secret(self, draw: Draw[T], place: Place) -> bool:
        if self._hides is None or isinstance(draw, ClockDraw):
            return False
        return _may_be_secret(draw) or any(map(self._hides, place.words - _DRAWING))


class ImportReplayer(ValueReplayer):
    """Gives the app's modules what they drew as they were imported when it was recorded; else real values."""

    __slots__ = ()

    def draw(self, draw: Draw[T]) -> T:
        """The recorded value of that place, or a real one."""
        place = _safely(draw)
        if place is None:
            return draw.live()
        draw.source = f"{draw.source}:{place.name}"
        return super().draw(draw)

    def beyond(self, draw: Draw[T], place: tuple[str, int]) -> T:
        """A real one."""
        return draw.live()


def _safely(draw: Draw[T]) -> Place | None:
    try:
        if draw.source.startswith(CHECKS):  # no value
            return None
        return place_of(draw, sys._getframe(2))
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("drawing a value at import", error)
        return None


class Importing:
    """From here until :meth:`over` the main thread's draws are asked of a source.

    Args:
        source: records or gives them.
    """

    def __init__(self, source: ImportRecorder | ImportReplayer) -> None:
        self.source = source
        self._over = False
        self._asked = 0
        self._before = set_process_source(self._find)

    def _find(self) -> ImportRecorder | ImportReplayer | None:
        self._asked += 1
        if self._asked > MAX_ASKED:
            self._leave()
            return None
        mine = not self._over and threading.get_ident() == threading.main_thread().ident
        return self.source if mine else None

    def over(self) -> bool:
        """The app is imported; false where that was known."""
        was_over, self._over = self._over, True
        if not was_over:
            self._leave()
        return not was_over

    def _leave(self) -> None:
        found = set_process_source(self._before)
        if found not in (self._find, self._before):
            set_process_source(found)  # a block's, which gives back ours when it ends


def imported(events: Iterable[Event]) -> ImportReplayer:
    """What gives the values of an import again."""
    return ImportReplayer(events, lane=lambda: IMPORT_LANE, trace_id="", start_ns=0)
