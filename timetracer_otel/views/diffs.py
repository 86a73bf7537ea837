"""Two recordings against each other as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from timetracer_otel.comparison.folders import Compared
from timetracer_otel.views import text
from timetracer_otel.views.lines import Line, Piece, line, piece, spaced

_STYLES: Final = {"same": "green", "different": "bold red", "error": "bold red"}
_NOTES: Final = 5


def diff_lines(compared: Compared) -> Iterator[Line]:
    """``same  POST /checkout  12 calls  A 3.1 ms, B 2.9 ms``, and below it every difference."""
    same = compared.outcome == "same"
    word = compared.outcome if same else compared.outcome.upper()
    yield spaced(
        Piece(f"{word:<9}", _STYLES[compared.outcome]),
        piece(compared.title, "bold"),
        piece(text.count(compared.calls, "call")),
        piece(
            f"A {text.duration(compared.a_seconds * 1e9)}, B {text.duration(compared.b_seconds * 1e9)}", "dim"
        ),
        None if same else piece(" ".join(filter(None, (compared.a, compared.b))), "dim"),
    )
    for said in compared.differences:
        yield line(said, indent="    ")
    for said in compared.follows:
        yield line(piece(f"and so: {said}", "dim"), indent="    ")
    for said in compared.notes[:_NOTES]:
        yield line(piece(f"note: {said}", "dim"), indent="    ")
    if len(compared.notes) > _NOTES:
        more = text.count(len(compared.notes) - _NOTES, "more note")
        yield line(piece(f"and {more}", "dim"), indent="    ")


def diff_summary(outcomes: Mapping[str, int]) -> Line:
    """``2 compared: 2 same but for time and values that no two runs share``."""
    told = [f"{outcomes[outcome]} {outcome}" for outcome in _STYLES if outcomes.get(outcome)]
    if set(outcomes) == {"same"}:
        told = [f"{told[0]} but for time and values that no two runs share"]
    return line(piece(f"{sum(outcomes.values())} compared: {', '.join(told)}", "bold"))
