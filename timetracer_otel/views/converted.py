"""What a conversion came to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timetracer_otel.converters.converting import Converted
from timetracer_otel.views import text
from timetracer_otel.views.lines import Line, line, piece


def lines(converted: Converted, store: str) -> Iterator[Line]:
    """The counts for people."""
    read, written = converted.read, converted.written
    if not read.spans:
        yield line(piece("no spans were found", "yellow"))
        return
    where = text.printable(store)
    yield line(
        piece(f"{text.count(written.cassettes, 'cassette')} in {where}", "bold"),
        piece(f", of {text.count(written.spans, 'span')} in {text.count(written.traces, 'trace')}"),
    )
    if written.unchanged:
        yield line(piece(f"{written.unchanged:,} of them were there already", "dim"), indent="  ")
    if written.structure_only:
        yield line(
            piece(f"{written.structure_only:,} of them hold structure only: ", "yellow"),
            piece("no request and no answer was in the trace, so they can be looked at, not replayed"),
            indent="  ",
        )
    if written.unwanted:
        yield line(piece(f"{written.unwanted:,} more were not asked for", "dim"), indent="  ")
    if read.damaged:
        yield line(
            piece(f"{read.damaged:,} of {text.count(read.lines, 'line or message', 'lines or messages')}"),
            piece(" could not be read, or not wholly", "yellow"),
            indent="  ",
        )
    if written.unwritten:
        yield line(
            piece(f"{text.count(written.unwritten, 'trace')} could not be written", "yellow"), indent="  "
        )


def data(converted: Converted, store: str) -> dict[str, Any]:
    """The same for programs."""
    read, written = converted.read, converted.written
    return {
        "store": store,
        "spans": read.spans,
        "lines": read.lines,
        "damaged": read.damaged,
        "problems": [*map(str, read.problems), *written.problems],
        "unwritten": written.unwritten,
        "traces": written.traces,
        "cassettes": written.cassettes,
        "unchanged": written.unchanged,
        "structure_only": written.structure_only,
        "unwanted": written.unwanted,
    }
