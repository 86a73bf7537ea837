"""What ``timetracer-otel validate`` finds out about a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from timetracer_otel.cassette import Cassette, Gap
from timetracer_otel.errors import CassetteError, CodecError
from timetracer_otel.folders import shown
from timetracer_otel.views import text
from timetracer_otel.views.lines import Line, Piece, line, piece, spaced


class Checked(msgspec.Struct, frozen=True):
    """One file, read as a replay would read it.

    Attributes:
        reason: why it is no cassette; empty when it is one.
        calls: dependency calls in it.
        why_not: why it cannot be replayed although it is a cassette.
    """

    path: Path
    reason: str = ""
    calls: int = 0
    gaps: tuple[Gap, ...] = ()
    why_not: str | None = None

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a file, every message in it too."""
        try:
            cassette = Cassette.load(path)
            cassette.read_messages()
            calls = cassette.calls()
        except (CassetteError, CodecError) as error:
            return cls(path, str(error).removeprefix(f"{path}: "))
        return cls(path, "", len(calls), tuple(cassette.gaps), cassette.why_not)

    @property
    def ok(self) -> bool:
        """It can be read."""
        return not self.reason

    def lines(self) -> Iterator[Line]:
        """The verdict, and below it the reason or the gaps."""
        if not self.ok:
            yield spaced(Piece("BAD", "bold red"), piece(shown(self.path)))
            yield line(self.reason, indent="     ")
            return
        yield spaced(
            Piece("ok ", "green"),
            piece(shown(self.path)),
            piece(text.count(self.calls, "call"), "dim"),
            piece(text.count(len(self.gaps), "gap") if self.gaps else "", "yellow"),
            piece(self.why_not or "", "yellow"),
        )
        for gap in self.gaps:
            yield line(f"{gap.kind}: {gap.detail}" if gap.detail else gap.kind, indent="     ")

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "path": shown(self.path),
            "ok": self.ok,
            "reason": self.reason or self.why_not,
            "replayable": self.ok and self.why_not is None,
            "calls": self.calls,
            "gaps": [msgspec.structs.asdict(gap) for gap in self.gaps],
        }
