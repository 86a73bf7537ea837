"""Names that other modules gave to a function before it was replaced: ``from os import urandom``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeAlias

Function: TypeAlias = Callable[..., Any]

_KEPT: Final = frozenset({"posix", "nt", "_random"})
"""Where the real functions live."""


class Replaced(NamedTuple):
    """A module's name for a function, and what it meant before and means now."""

    module: ModuleType
    name: str
    before: Function
    after: Function


def replace(pairs: Iterable[tuple[Function, Function]]) -> list[Replaced]:
    """Let every loaded module's name for the first function of a pair mean the second."""
    wanted = {id(before): (before, after) for before, after in pairs}
    replaced = []
    for key, module in list(sys.modules.items()):
        if key in _KEPT or key.partition(".")[0] == "timetracer_otel" or type(module) is not ModuleType:
            continue
        names = vars(module)
        for name, value in list(names.items()):
            pair = wanted.get(id(value))
            if pair is not None:
                names[name] = pair[1]
                replaced.append(Replaced(module, name, *pair))
    return replaced


def restore(replaced: Iterable[Replaced]) -> None:
    """Undo :func:`replace`, except where somebody else replaced the name since."""
    for module, name, before, after in replaced:
        names = vars(module)
        if names.get(name) is after:
            names[name] = before
