"""What a comparison found, each in one line."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from timetracer_otel.comparison.parts import Difference

Kind: TypeAlias = Literal[
    "response", "exception", "missing", "extra", "changed", "reordered", "moved", "loose", "answer",
    "slower", "volatile", "request", "elsewhere", "held",
]  # fmt: skip
"""``response``: a part of it; ``exception``: one that was raised, or is no longer; ``missing``, ``extra`` and
``changed``: a call; ``reordered``: a write before another that it followed; ``moved``: a call from another
place or in another order; ``loose``: a call answered by one that is not exactly equal; ``answer``: what a
dependency answered; ``slower``: a part that took longer; ``volatile``: values that no two runs share;
``request``: what came in; ``elsewhere``: a call answered from another recording; ``held``: a recorded call
that did not come again, as an earlier request of the run had asked the same."""


class Finding(msgspec.Struct):
    """One thing that is not as it was recorded.

    Attributes:
        kind: what sort of thing.
        text: one line that names it.
        fails: it makes the outcome different; else it is worth knowing.
        write: it is about a call that changes something in the world.
        follows: it is what becomes of an app whose call found no answer, more likely than another change.
        detail: more lines, for those who look closer.
        parts: where it differs, part by part.
        recorded: which recorded call, by its place among them.
        live: which live call.
    """

    kind: Kind
    text: str
    fails: bool = True
    write: bool = False
    follows: bool = False
    detail: str = ""
    parts: list[Difference] = msgspec.field(default_factory=list)
    recorded: int | None = None
    live: int | None = None


Mark: TypeAlias = Literal["same", "missing", "extra", "changed", "moved", "reordered", "elsewhere", "held"]


class Row(msgspec.Struct):
    """One call of both trees, where they are drawn as one.

    Attributes:
        mark: how the two compare.
        title: the call in one line; the live one where there are two.
        recorded_title: the recorded one, where that is another.
        integration: who made it: ``httpx``.
        path: the names of the spans above it, without the entry.
        write: it changes something in the world.
        grade: how exactly the recorded call matched: ``exact``, ``moved``, ``normalised``, ``fuzzy``;
            ``elsewhere`` where another recording answered; empty where nothing was matched.
        recorded_ns, live_ns: how long it took, where that is known.
        findings: places in the list of findings that are about it.
    """

    mark: Mark
    title: str
    recorded_title: str = ""
    integration: str = ""
    path: list[str] = msgspec.field(default_factory=list)
    write: bool = False
    grade: str = ""
    recorded_ns: int | None = None
    live_ns: int | None = None
    findings: list[int] = msgspec.field(default_factory=list)


class Comparison(msgspec.Struct):
    """What a run did against what another did.

    Attributes:
        findings: all there are, causes before what follows of them.
        rows: the calls of both, as one tree in order.
    """

    findings: list[Finding] = msgspec.field(default_factory=list)
    rows: list[Row] = msgspec.field(default_factory=list)

    @property
    def same(self) -> bool:
        """Nothing makes the outcome different."""
        return not any(finding.fails for finding in self.findings)
