"""Verdicts of a replay as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from timetracer_otel import folders
from timetracer_otel.replayers.verdict import Verdict
from timetracer_otel.views import text
from timetracer_otel.views.lines import Line, Piece, line, piece, spaced

_CLIPPED: Final = 80
_NOTES: Final = 5
_STYLES: Final = {"same": "green", "updated": "yellow", "different": "bold red", "error": "bold red"}


def verdict_lines(verdict: Verdict) -> Iterator[Line]:
    """``same  POST /checkout  201  12 calls  3.1 ms``, and below it every difference."""
    same = verdict.outcome == "same"
    outcome = "updated" if verdict.updated else verdict.outcome
    word = outcome if same or verdict.updated else outcome.upper()
    yield spaced(
        Piece(f"{word:<9}", _STYLES[outcome]),
        piece(verdict.title, "bold"),
        piece("" if verdict.status is None else str(verdict.status)),
        piece(text.count(verdict.calls, "call")),
        piece(f"{verdict.moved} moved" if verdict.moved else "", "yellow"),
        piece(f"{verdict.normalised} normalised" if verdict.normalised else "", "yellow"),
        piece(text.duration(verdict.seconds * 1e9), "dim"),
        piece(f"{verdict.elsewhere} elsewhere" if verdict.elsewhere else "", "yellow"),
        piece(f"{verdict.held} held" if verdict.held else "", "yellow"),
        None if same else piece(folders.shown(Path(verdict.path)), "dim"),
    )
    for difference in verdict.differences:
        yield from _rows(difference, "")
    if verdict.follows:
        shown = "; ".join(text.clip(one, _CLIPPED) for one in verdict.follows[:2])
        more = len(verdict.follows) - 2
        yield from _rows(f"and so: {shown}{f'; and {more} more' if more > 0 else ''}", "dim")
    for note in verdict.notes[:_NOTES]:
        yield from _rows(f"note: {note}", "dim")
    if len(verdict.notes) > _NOTES:
        yield from _rows(f"and {text.count(len(verdict.notes) - _NOTES, 'more note')}", "dim")


def _rows(said: str, style: str) -> Iterator[Line]:
    for place, row in enumerate(said.splitlines()):
        yield line(piece(row, style), indent="    " if place == 0 else "      ")


def summary_line(outcomes: Mapping[str, int], seconds: float) -> Line:
    """``4 replayed: 3 same, 1 different  41.2 ms``.

    Args:
        outcomes: how many of each.
        seconds: how long all of them took.
    """
    told = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in _STYLES if outcomes.get(outcome))
    return spaced(
        piece(f"{sum(outcomes.values())} replayed: {told}", "bold"),
        piece(text.duration(seconds * 1e9), "dim"),
    )
