"""Spans in rows for drawings in which what stands in one row must nest: flame graphs, timelines."""

from __future__ import annotations

from typing import NamedTuple

from timetracer_otel.cassette import Cassette
from timetracer_otel.span import Span


class Placed(NamedTuple):
    """A span in its row.

    Attributes:
        start: nanoseconds since the epoch.
        end: likewise; of a span that never ended, when the last of all did.
        row: from 0, where the entry is.
    """

    span: Span
    start: int
    end: int
    row: int


def placed(cassette: Cassette) -> list[Placed]:
    """The spans of a cassette by start, each in the first row where it nests or nothing else runs then."""
    last = max(max(span.end_time_unix_nano, span.start_time_unix_nano) for span in cassette.spans)
    intervals = [
        (span.start_time_unix_nano, max(span.start_time_unix_nano, span.end_time_unix_nano or last), span)
        for span in cassette.spans
    ]
    entry = cassette.entry
    intervals.sort(key=lambda one: (one[0], one[2] is not entry, -one[1]))
    open_ends: list[list[int]] = []
    found: list[Placed] = []
    for start, end, span in intervals:
        row = _row_for(start, end, open_ends)
        open_ends[row].append(end)
        found.append(Placed(span, start, end, row))
    return found


def _row_for(start: int, end: int, open_ends: list[list[int]]) -> int:
    """The first row where an interval fits; a new one where there is none.

    Args:
        start: of the interval.
        end: likewise.
        open_ends: for each row when what is open there ends, the innermost last; what is over is taken away.
    """
    for row, ends in enumerate(open_ends):
        while ends and ends[-1] <= start:
            ends.pop()
        if not ends or end <= ends[-1]:
            return row
    open_ends.append([])
    return len(open_ends) - 1
