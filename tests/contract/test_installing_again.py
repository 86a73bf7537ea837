"""Installing again finds what was not there before, and wraps nothing twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
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
