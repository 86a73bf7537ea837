"""Values that cannot be written: the app gets what it gets without us, and the cassette lists a gap."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import timetracer_otel
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import SqlStatement
from timetracer_otel.store import FolderStore
from timetracer_otel.values import Unsupported

pytestmark = pytest.mark.usefixtures("fresh_reports")


class Adapted:
    """sqlite3 asks it what to write."""

    def __conform__(self, protocol: Any) -> str:
        return "kept"


class Odd(Adapted):
    """Refuses all else."""

    def _refuse(self, *_: Any) -> Any:
        raise ValueError("not for you")

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __reduce__ = _refuse
    __class__ = property(_refuse)  # that is what is odd


class Empty(Adapted):
    """Nothing can be told of it but its class."""

    __slots__ = ()


class Endless(Adapted):
    """Contains itself."""

    def __init__(self) -> None:
        self.me = [self]


def job(value: Any) -> Any:
    """What an app sees of a statement with that parameter."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            return connection.execute("SELECT ?", (value,)).fetchall()
        except Exception as error:
            return type(error), str(error)


def recorded(folder: Path, value: Any) -> tuple[Any, Cassette]:
    with timetracer_otel.record(folder) as recording:
        seen = job(value)
    assert recording.statistics().faults == {}
    [(_, cassette)] = FolderStore(folder).iter()
    return seen, cassette


def parameters(cassette: Cassette) -> Any:
    [call] = cassette.calls()
    assert isinstance(call.request, SqlStatement)
    return call.request.parameters


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -0.0, "\ud800", 2**63, 10**400, bytearray(b"x"), [1], {1: 2}, 1j, ...],
    ids=lambda value: repr(value)[:20],
)
def test_what_a_database_may_refuse(tmp_path: Path, value: Any) -> None:
    seen, cassette = recorded(tmp_path, value)
    assert repr(seen) == repr(job(value))
    assert len(cassette.calls()) == 1


@pytest.mark.parametrize("kind", [Odd, Empty, Endless])
def test_an_object_that_cannot_be_written_is_a_gap(tmp_path: Path, kind: type) -> None:
    seen, cassette = recorded(tmp_path, kind())
    assert seen == job(kind()) == [("kept",)]
    name = f"{__name__}.{kind.__name__}"
    assert [type(value) for value in parameters(cassette)] == [Unsupported]
    assert [value.type_name for value in parameters(cassette)] == [name]
    assert [(gap.kind, gap.detail) for gap in cassette.gaps] == [
        ("unsupported value", f"{name} in timetracer.db.parameters")
    ]


def test_a_list_that_contains_itself(tmp_path: Path) -> None:
    value: list[Any] = []
    value.append(value)
    seen, cassette = recorded(tmp_path, value)
    assert seen == job(value)
    assert [gap.kind for gap in cassette.gaps] == ["unsupported value"]
