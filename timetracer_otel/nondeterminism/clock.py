"""The wall clock: ``time.time``, ``datetime.now``, ``date.today`` and their like.

time-machine replaces these functions beneath their Python names, so that references taken before are
covered and no type changes; it asks the top of its stack of travellers for the time. Ours
is at the bottom of that stack: it tells the real time, unless somebody draws values in the context that
asks. ``time.monotonic``, ``time.perf_counter``, sleeps and event loops are not touched.
"""

from __future__ import annotations

import datetime as dt
import functools
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.nondeterminism import callers, source
from timetracer_otel.nondeterminism.source import Draw, Fallback

_lock = threading.Lock()
_traveller: _Traveller | None = None


class ClockDraw(Draw[int]):
    """One look at the clock, in nanoseconds since 1970."""

    __slots__ = ("_real",)

    def __init__(self, package: str, real: Callable[[], int]) -> None:
        super().__init__(f"clock@{package}")
        self._real = real

    def live(self) -> int:
        """The real time."""
        return self._real()

    def invent(self, fallback: Fallback) -> int:
        """The session's time."""
        return fallback.time_ns()

    def restore(self, noted: object) -> int:
        """The time that was noted."""
        if type(noted) is not int or not 0 <= noted <= _LATEST:
            raise ValueError(f"not a time: {noted!r}")
        return noted


_LATEST: Final = 253_402_300_799 * 10**9
"""The last second that a datetime can hold (year 9999)."""


class _Traveller:
    """What time-machine asks for the time."""

    __slots__ = ("real", "stack")

    def __init__(self, real: Callable[[], int], stack: list[Any]) -> None:
        self.real = real
        self.stack = stack

    def time_ns(self) -> int:
        try:
            frame = sys._getframe(1)
            draw = None if callers.machinery(frame) or source.idle() else self._draw(frame)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("reading the clock", error)
            draw = None
        return self.real() if draw is None else draw()

    def time(self) -> float:
        """As asked for by some versions of time-machine."""
        try:
            draw = None if source.idle() else self._draw(sys._getframe(1))
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("reading the clock", error)
            draw = None
        return (self.real() if draw is None else draw()) / 10**9

    def _draw(self, frame: FrameType) -> Callable[[], int] | None:
        """Asks who draws values here; ``None``: nobody."""
        package = callers.package_of(frame)
        found = None if package is None else source.current_source()
        if package is None or found is None:
            return None
        return functools.partial(found.draw, ClockDraw(package, self.real))


def install() -> None:
    """Stand between the app and the clock; once is enough.

    Where time-machine does not work (another interpreter than CPython, a version that is
    not known) the clock stays real and unrecorded, and one warning says so.
    """
    global _traveller  # one process, one clock
    with _lock:
        if _traveller is not None:
            return
        try:
            machine = _import_time_machine()
            traveller = _Traveller(machine._time_machine.original_time_ns, machine.traveller_stack)
            # beneath the travels of a test, which keep precedence
            machine.traveller_stack.insert(0, traveller)
            machine._time_machine.patch()
            _check_types(traveller)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("the clock is not recorded; install time-machine>=3.4 on CPython", error)
            return
        _traveller = traveller


def uninstall() -> None:
    """Give the clock back."""
    global _traveller  # as above
    with _lock:
        if _traveller is None:
            return
        _remove(_traveller)
        _traveller = None


def installed() -> bool:
    """True between :func:`install` and :func:`uninstall`, when the clock could be had."""
    return _traveller is not None


def real_time_ns() -> int:
    """What the clock tells those whose looks at it nobody notes, without asking who they are."""
    traveller = _traveller
    if traveller is None or traveller.stack[-1] is not traveller:
        return time.time_ns()  # not ours, or a test's travel
    return traveller.real()


class _Probe(dt.datetime):
    """A class of an app's own."""


def _check_types(traveller: _Traveller) -> None:
    if type(_Probe.now()) is not _Probe:
        _remove(traveller)
        raise RuntimeError("this version of time-machine changes what datetime.now() returns")


def _remove(traveller: _Traveller) -> None:
    machine: Any = sys.modules["time_machine"]
    stack = machine.traveller_stack
    stack[:] = [each for each in stack if each is not traveller]
    if not stack:
        machine._time_machine.unpatch()


def _import_time_machine() -> Any:
    """Import time-machine without the pytest fixture that it brings where pytest is installed.

    Programs look for ``pytest`` among the loaded modules to learn whether they are under test.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: "there is none"
    hidden = "pytest" not in modules and "time_machine" not in modules
    if hidden:
        modules["pytest"] = None
    try:
        import time_machine
    finally:
        if hidden:
            modules.pop("pytest", None)
    return time_machine
