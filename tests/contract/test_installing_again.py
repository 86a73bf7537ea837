"""Installing again finds what was not there before, and wraps nothing twice."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.base import Point, Wrappable

MODULE = "a_library_in_the_middle_of_its_import"


class HalfLoaded(Wrappable):
    """Wraps two functions of a module; counts how often it was asked for them."""

    name = "half-loaded"

    def __init__(self) -> None:
        self.asked = 0

    def points(self) -> Sequence[Point]:
        self.asked += 1
        return [
            Point(MODULE, path, wrapper=lambda wrapped, _, args, __: ["ours", *wrapped(*args)], optional=True)
            for path in ("early", "late")
        ]


@pytest.fixture
def library() -> Iterator[ModuleType]:
    module = sys.modules[MODULE] = ModuleType(MODULE)
    module.early = lambda: ["early"]  # type: ignore[attr-defined]
    yield module
    del sys.modules[MODULE]


def test_a_function_that_came_later_is_wrapped_by_the_next_installation(library: ModuleType) -> None:
    integration = HalfLoaded()
    wrapping.install(integration)
    library.late = lambda: ["late"]  # type: ignore[attr-defined]
    assert (library.early(), library.late()) == (["ours", "early"], ["late"])
    wrapping.install(integration)
    assert (library.early(), library.late()) == (["ours", "early"], ["ours", "late"])
    wrapping.install(integration)
    assert (library.early(), library.late()) == (["ours", "early"], ["ours", "late"])
    assert integration.asked == 2, "with all of it wrapped there is nothing to look for"
    wrapping.uninstall(integration)
    assert (library.early(), library.late()) == (["early"], ["late"])
    wrapping.install(integration)
    assert (library.early(), library.late()) == (["ours", "early"], ["ours", "late"])
    wrapping.uninstall(integration)


def test_imports_are_seen_though_somebody_put_their_finders_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{MODULE}.py").write_text("early = late = lambda: ['loaded']\n")
    monkeypatch.syspath_prepend(tmp_path)
    integration = HalfLoaded()
    wrapping.install(integration)
    wrapping.uninstall(integration)
    others = [one for one in sys.meta_path if not type(one).__module__.startswith("timetracer_otel.")]
    assert len(others) < len(sys.meta_path)
    monkeypatch.setattr(sys, "meta_path", others)
    wrapping.install(integration)
    library = importlib.import_module(MODULE)
    assert (library.early(), library.late()) == (["ours", "loaded"], ["ours", "loaded"])
    wrapping.uninstall(integration)
    monkeypatch.delitem(sys.modules, MODULE)


def test_sqlite3_that_loads_later_is_as_it_was_when_undone() -> None:
    script = """
import sys
assert "sqlite3" not in sys.modules
import timetracer_otel
timetracer_otel.install()
import sqlite3
timetracer_otel.uninstall()
print(type(sqlite3.connect).__name__, type(sqlite3.dbapi2.connect).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("builtin_function_or_method builtin_function_or_method\n", "")
