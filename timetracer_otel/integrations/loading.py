"""Integrations load when their library does: as its import begins, before any of its code runs.

So a process pays for the libraries that it uses, and what a package takes from its own modules while it is
imported is wrapped already. Two threads that load one integration come to the same object.

Integrations of other packages do not say what they are for, and load at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from timetracer_otel import ports
from timetracer_otel.integrations import importing, wrapping
from timetracer_otel.integrations.base import Wrappable
from timetracer_otel.integrations.known import KNOWN, Known

ENTRY_POINT_GROUP: Final = "timetracer_otel_integrations"
"""Other packages register theirs here: a class that takes no arguments."""

_made: dict[str, Wrappable | None] = {}
"""Ours by name; ``None`` where one cannot be loaded."""
_wanted = False


def load(known: Known) -> Wrappable | None:
    """That one, loaded now where it was not; ``None`` where it cannot be."""
    if known.name not in _made:
        _made.setdefault(known.name, _make(known.home, partial(_class, known.home)))
    return _made[known.name]


@cache
def theirs() -> tuple[Wrappable, ...]:
    """Those of other packages."""
    made = (_make(point.name, point.load) for point in entry_points(group=ENTRY_POINT_GROUP))
    return tuple(one for one in made if one is not None)


def _make(name: str, load: Callable[[], type[Wrappable]]) -> Wrappable | None:
    try:
        return load()()
    except Exception as error:  # noqa: BLE001  # a broken one must not cost the others
        ports.report(f"loading the integration {name}", error)
        return None


def _class(home: str) -> type[Wrappable]:
    module, _, attribute = home.partition(":")
    found: type[Wrappable] = getattr(import_module(f"timetracer_otel.integrations.{module}"), attribute)
    return found


def begin() -> None:
    """Install what is for a library that is loaded, now; the others when theirs is imported."""
    global _wanted  # one process, one way to import
    _wanted = True
    expected: dict[str, list[importing.Act]] = {}
    for known in KNOWN:
        for library in known.libraries:
            if not _is_loaded(library):
                expected.setdefault(library, []).append(partial(_install, known))
    importing.expect(expected)
    # only now, so that none comes between
    for known in KNOWN:
        if any(map(_is_loaded, known.libraries)):
            _install(known)
    for one in theirs():
        _wrap(one)


def end() -> None:
    """Take away what is installed, and look at no import any more."""
    global _wanted  # as above
    _wanted = False
    importing.leave()
    for one in (*filter(None, list(_made.values())), *theirs()):
        wrapping.uninstall(one)


def covers(name: str) -> bool:
    """True when the integration of that name is installed, or will be when its library loads."""
    waits = _wanted and name not in _made and any(known.name == name for known in KNOWN)
    return waits or wrapping.installed(name)


def _is_loaded(library: str) -> bool:
    return sys.modules.get(library) is not None


def _install(known: Known) -> None:
    found = load(known)
    if found is not None:
        _wrap(found)


def _wrap(one: Wrappable) -> None:
    try:
        wrapping.install(one, lambda: _wanted)
    except Exception as error:  # noqa: BLE001  # what cannot be wrapped must not cost the rest
        ports.report(f"installing {one.name}", error)
