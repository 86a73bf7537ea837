"""How far a conversion is, on stderr, for a person."""

from __future__ import annotations

import io
import re
import sys

import pytest

from timetracer_otel.cli import converting_progress
from timetracer_otel.cli.converting_progress import ConvertingProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps() -> None:
    with ConvertingProgress() as progress:
        progress.begin("reading", 1000)
        progress.advance(500, 40)
        progress.begin("writing", 40)
        for _ in range(4):
            progress.advance(10, 10)


def test_each_step_says_how_much_how_fast_and_how_long_still(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(converting_progress, "_SECONDS", 0.0)
    steps()
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stderr.getvalue())
    assert re.search(r"writing .* 100% +[\d,]+ spans/s 0:00:00", drawn)


def test_nothing_is_drawn_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    steps()
    assert stderr.getvalue() == ""
