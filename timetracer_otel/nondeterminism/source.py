"""The port between the functions that are intercepted and whoever records or replays their values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from random import Random
from types import TracebackType
from typing import Final, Generic, Protocol, TypeVar

from timetracer_otel import ports

T = TypeVar("T")

CHECKS: Final = "credential."
"""What begins the sources that are no values but what a check of a credential came to."""


class Fallback(Protocol):
    """What a replay makes values of where none was recorded: repeatable, and of the session's time."""

    random: Random
    """A generator that gives the same numbers in every replay of the cassette."""

    def time_ns(self) -> int:
        """The session's time, in nanoseconds since 1970."""
        ...


class Draw(ABC, Generic[T]):
    """One call of an intercepted function.

    Attributes:
        source: what is called, and for whom: ``uuid.uuid4@shop``, ``os.urandom(16)@httpx``. Values of
            equal sources are replayed in the order in which they were recorded, so the size is part of the
            name, and so is the calling package: a library that needs a value more (it connects, say) does not
            shift the app's.
    """

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        self.source = source

    @abstractmethod
    def live(self) -> T:
        """Make the call."""

    @abstractmethod
    def invent(self, fallback: Fallback) -> T:
        """A value for a replay in which none was recorded."""

    @abstractmethod
    def restore(self, noted: object) -> T:
        """The value, of what was noted.

        Raises:
            ValueError: this call cannot have given that value; a cassette may hold anything.
        """

    def note(self, value: T) -> object:
        """The value as it is written down."""
        return value


class ValueSource(Protocol):
    """Records values, or gives recorded ones."""

    def draw(self, draw: Draw[T]) -> T:
        """The value that the app gets; raises only what the call itself raises."""
        ...


variable: Final[ContextVar[ValueSource | None]] = ContextVar("timetracer_values", default=None)
"""The source of a context, for handing it on to another thread."""

_find: Callable[[], ValueSource | None] | None = None


def idle() -> bool:
    """True when nobody can be drawing here: the check that every intercepted call pays."""
    return _find is None and variable.get() is None


def current_source() -> ValueSource | None:
    """Who draws the values of this context; ``None``: nobody, they are the real ones."""
    source = variable.get()
    if source is not None or _find is None:
        return source
    try:
        return _find()
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("finding who records values", error)
        return None


def set_process_source(
    find: Callable[[], ValueSource | None] | None,
) -> Callable[[], ValueSource | None] | None:
    """Set who is asked in contexts that have no source of their own; returns who was.

    Args:
        find: gives the source for the code that runs now, the recorder's for the current trace, say; is
            called for every value that the app draws, so it must be quick.
    """
    global _find  # one process, one recorder
    before, _find = _find, find
    return before


class drawing_from:  # noqa: N801  # used like a function: ``with drawing_from(source):``
    """Work in this context, and in the tasks it starts, draws its values from ``source``."""

    __slots__ = ("_source", "_token")

    def __init__(self, source: ValueSource | None) -> None:
        self._source = source

    def __enter__(self) -> None:
        self._token = variable.set(self._source)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        variable.reset(self._token)


class undrawn:  # noqa: N801  # as above
    """Work below draws values that nobody notes: in a replay it is not done. Never raises."""

    __slots__ = ("_drawing",)

    def __enter__(self) -> None:
        try:
            drawing = drawing_from(None)
            drawing.__enter__()
            self._drawing: drawing_from | None = drawing
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._drawing = None
            ports.report("recording a call", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._drawing is not None:
                self._drawing.__exit__(kind, error, trace)
        except Exception as problem:  # noqa: BLE001  # as above
            ports.report("recording a call", problem)
