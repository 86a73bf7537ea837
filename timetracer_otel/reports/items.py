"""What a report is made of: one item for each comparison, whatever was compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from timetracer_otel.comparison import Finding, Row
from timetracer_otel.durations import duration
from timetracer_otel.folders import shown

if TYPE_CHECKING:
    from timetracer_otel.comparison.folders import Compared
    from timetracer_otel.replayers.verdict import Verdict


class Item(msgspec.Struct):
    """One comparison.

    Attributes:
        title: the request.
        where: the file, or both.
        outcome: ``same``, ``different``, ``error``, ``updated``.
        lines: what makes it different, a line each.
        follows: what is due to something in there.
        notes: what is worth knowing.
        findings, rows: see :class:`~timetracer_otel.comparison.Comparison`.
        facts: short ones for its heading: status, number of calls.
        seconds: how long the second took; the first in ``before_seconds``.
        names: what the two are called.
    """

    title: str
    where: str
    outcome: str
    lines: list[str]
    follows: list[str]
    notes: list[str]
    findings: list[Finding]
    rows: list[Row]
    facts: list[str]
    seconds: float
    before_seconds: float
    names: tuple[str, str] = ("recorded", "live")

    @property
    def took(self) -> str:
        """How long the second took, for people."""
        return duration(self.seconds * 1e9)

    @property
    def before_took(self) -> str:
        """How long the first took, for people."""
        return duration(self.before_seconds * 1e9)

    @property
    def parts(self) -> list[Finding]:
        """The findings that are about no call."""
        return [one for one in self.findings if one.recorded is None and one.live is None]


def of_verdict(verdict: Verdict) -> Item:
    """The item of a replay."""
    facts = [] if verdict.status is None else [str(verdict.status)]
    facts.append(f"{verdict.calls} call{'' if verdict.calls == 1 else 's'}")
    return Item(
        title=verdict.title,
        where=shown(Path(verdict.path)),
        outcome="updated" if verdict.updated else verdict.outcome,
        lines=verdict.differences,
        follows=verdict.follows,
        notes=verdict.notes,
        findings=verdict.findings,
        rows=verdict.rows,
        facts=facts,
        seconds=verdict.seconds,
        before_seconds=verdict.recorded_seconds,
    )


def of_compared(compared: Compared) -> Item:
    """The item of two recordings."""
    return Item(
        title=compared.title,
        where="\n".join(filter(None, (compared.a, compared.b))),
        outcome=compared.outcome,
        lines=compared.differences,
        follows=compared.follows,
        notes=compared.notes,
        findings=compared.findings,
        rows=compared.rows,
        facts=[f"{compared.calls} call{'' if compared.calls == 1 else 's'}"],
        seconds=compared.b_seconds,
        before_seconds=compared.a_seconds,
        names=("A", "B"),
    )
