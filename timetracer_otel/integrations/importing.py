"""Seeing modules as they are imported: before their code runs, and after.

As wrapt's import hooks do, with what comes before beside what comes after, and without their deadlock: a
finder is asked with Python's lock of all imports held, so it must neither import nor wait for an import (of a
package, say, that another thread is importing). Ours only has a module's loader do more.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final, TypeAlias

import wrapt

Act: TypeAlias = Callable[[], None]
"""Raises nothing: it would fail the import."""

_lock = threading.Lock()
_before: dict[str, Sequence[Act]] = {}
_after: dict[str, list[Act]] = {}
_running: set[str] = set()
"""Modules that run, at whose end we are."""


def expect(acts: Mapping[str, Sequence[Act]]) -> None:
    """Have done, once, what is named for each module as it, or one within it, begins to run.

    In place of what was expected before. Nothing is done for a module that is loaded, or was found already.
    """
    global _before  # one process, one way to import
    _before = dict(acts)
    if _before:
        follow()


def after(module: str, act: Act) -> bool:
    """Have something done, once, when a module has run; false where it has, or runs unseen by us."""
    with _lock:
        if sys.modules.get(module) is not None and module not in _running:
            return False
        _after.setdefault(module, []).append(act)
    follow()
    return True


def is_running(module: str) -> bool:
    """True while a module runs at whose end we are."""
    return module in _running


def follow() -> None:
    """See imports, also where somebody put ``sys.meta_path`` back as it was (pytest's ``pytester``)."""
    if not any(finder is _FINDER for finder in sys.meta_path):
        sys.meta_path.insert(0, _FINDER)


def leave() -> None:
    """See no imports any more, until asked again."""
    expect({})
    # another list: who goes through this one in another thread would leave out a finder
    sys.meta_path = [finder for finder in sys.meta_path if finder is not _FINDER]


class _Finder:
    """Finds what those after it find, and has it loaded by us where something is to be done."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is; ``None`` where nothing is to be done for it."""
        if name not in _after and not any(library in _before for library in _within(name)):
            return None
        spec = self._found(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, name)  # type: ignore[assignment]  # it stands for one
        return spec

    def _found(self, *asked: Any) -> ModuleSpec | None:
        finders = list(sys.meta_path)
        place = next((index for index, finder in enumerate(finders) if finder is self), -1)
        for finder in finders[place + 1 :]:
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find_spec is None else find_spec(*asked)
            if spec is not None:
                return spec
        return None


_FINDER: Final = _Finder()


class _Loader(wrapt.ObjectProxy):  # type: ignore[type-arg]  # only wrapt 2 has arguments
    """A module's own loader, with what is to be done before and after."""

    def __init__(self, loader: object, name: str) -> None:
        super().__init__(loader)
        self._self_name = name

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        name, loader = self._self_name, self.__wrapped__
        # it shall not be seen that there was another
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = loader
        if getattr(module.__spec__, "loader", None) is self:
            module.__spec__.loader = loader  # type: ignore[union-attr]  # it has one
        _running.add(name)
        acts: Sequence[Act] = ()
        try:
            for library in _within(name):
                for act in _before.get(library, ()):
                    act()
                _before.pop(library, None)
            loader.exec_module(module)
        except BaseException:
            _running.discard(name)
            raise
        with _lock:
            _running.discard(name)
            acts = _after.pop(name, ())
        for act in acts:
            act()


def _within(name: str) -> Iterator[str]:
    """A module and the packages that it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _renew() -> None:
    global _lock  # another thread of the process that forked this one may have held it
    _lock = threading.Lock()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
