"""One cassette in a few words: a row of ``timetracer-otel list``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from timetracer_otel import attributes as names
from timetracer_otel.folders import shown
from timetracer_otel.views import text
from timetracer_otel.views.lines import Piece, piece

if TYPE_CHECKING:
    from timetracer_otel.cassette import Cassette

HEADINGS: Final = ("time (UTC)", "request", "status", "duration", "calls", "gaps", "size", "file")
RIGHT: Final = frozenset({"status", "duration", "gaps", "size"})
"""Columns whose text stands at the right."""


class Summary(NamedTuple):
    """What a list says of a cassette.

    Attributes:
        calls: how many of each family.
        duration: nanoseconds.
        size: bytes of the file.
    """

    path: Path
    title: str
    trace_id: str
    started: int
    duration: int
    status: int | None
    error: bool
    calls: dict[str, int]
    gaps: int
    size: int

    @classmethod
    def of(cls, path: Path, cassette: Cassette) -> Self:
        """The summary of the cassette in that file."""
        families = Counter(
            str(span.attributes.get(names.CALL_FAMILY, ""))
            for span in cassette.spans
            if names.CALL_INTEGRATION in span.attributes
        )
        try:
            size = path.stat().st_size
        except OSError:  # deleted since
            size = 0
        return cls(
            path=path,
            title=cassette.title,
            trace_id=cassette.entry.trace_id,
            started=cassette.started,
            duration=cassette.duration,
            status=cassette.status,
            error=cassette.has_error,
            calls=dict(sorted(families.items())),
            gaps=len(cassette.gaps),
            size=size,
        )

    def kept(self) -> list[Any]:
        """The summary as JSON can hold it, without the path; for :meth:`again`."""
        return list(self[1:])

    @classmethod
    def again(cls, path: Path, kept: list[Any]) -> Self:
        """The summary of the cassette that is in that file now."""
        return cls(path, *kept)

    def cells(self) -> tuple[Piece, ...]:
        """One piece for each of :data:`HEADINGS`."""
        status = "" if self.status is None else str(self.status)
        return (
            piece(text.moment(self.started), "dim"),
            piece(self.title, "bold"),
            piece(status or ("error" if self.error else ""), "red" if self.error else ""),
            piece(text.duration(self.duration)),
            piece(", ".join(f"{number} {family}" for family, number in self.calls.items())),
            piece(str(self.gaps or ""), "yellow"),
            piece(text.size(self.size)),
            piece(shown(self.path), "dim"),
        )

    def data(self) -> dict[str, Any]:
        """The summary for programs; times in milliseconds and nanoseconds since the epoch."""
        return {
            "path": shown(self.path),
            "title": self.title,
            "trace_id": self.trace_id,
            "started_unix_nano": self.started,
            "duration_ms": self.duration / 1e6,
            "status": self.status,
            "error": self.error,
            "calls": self.calls,
            "gaps": self.gaps,
            "size": self.size,
        }
