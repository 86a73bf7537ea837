"""Which cassette of one folder is which of another: by endpoint and by what was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.findings import Comparison, Finding, Row
from timetracer_otel.comparison.recordings import compare_recordings
from timetracer_otel.comparison.timing import Threshold
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import HttpRequest
from timetracer_otel.messages.http import split_url
from timetracer_otel.volatile import Rules

_NO_RULES: Final = Rules()


class Compared(msgspec.Struct):
    """Two recordings of one request.

    Attributes:
        title: the request.
        a, b: where they are; empty for one that has no other.
        outcome: ``same`` but for time and values that no two runs share; ``different``; ``error`` where one
            cannot be read.
        differences: one line each.
        follows: one line each: what is due to a difference above.
        notes: one line each: what makes nothing different.
        findings, rows: see :class:`~timetracer_otel.comparison.Comparison`.
        a_seconds, b_seconds: how long they took.
        calls: how many B made.
    """

    title: str
    a: str
    b: str
    outcome: Literal["same", "different", "error"]
    differences: list[str] = msgspec.field(default_factory=list)
    follows: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    findings: list[Finding] = msgspec.field(default_factory=list)
    rows: list[Row] = msgspec.field(default_factory=list)
    a_seconds: float = 0.0
    b_seconds: float = 0.0
    calls: int = 0


class _Known(msgspec.Struct):
    path: Path
    title: str
    asked: bytes
    started: int
    silent: bool
    used: bool = False


def compare_folders(
    first: Iterable[Path],
    second: Iterable[Path],
    threshold: Threshold | None = None,
    rules: Rules = _NO_RULES,
) -> Iterator[Compared]:
    """Compare two sets of cassettes, each with the one of the other that was asked the same.

    Of several with equal requests the earliest belong together. One that has no other is a difference. What
    an app drew while it was imported or started, and asked nobody, is left out: processes differ in that.

    Args:
        first: the files called A.
        second: the files called B.
        threshold: how much slower B may be.
        rules: what may be another beside time and values that no two runs share.

    Raises:
        CassetteError: one cannot be read.
    """
    ours, theirs = [_known(path) for path in first], [_known(path) for path in second]
    alone = len(ours) == len(theirs) == 1
    if not alone:
        ours, theirs = ([one for one in side if not one.silent] for side in (ours, theirs))
    by_request: dict[tuple[str, bytes], list[_Known]] = defaultdict(list)
    by_title: dict[str, list[_Known]] = defaultdict(list)
    for one in sorted(theirs, key=lambda one: one.started):
        by_request[one.title, one.asked].append(one)
        by_title[one.title].append(one)
    pairs: dict[int, _Known] = {}
    ours.sort(key=lambda one: one.started)
    for number, one in enumerate(ours):
        other = theirs[0] if alone else _first_unused(by_request[one.title, one.asked])
        if other is not None:
            other.used, pairs[number] = True, other
    for number, one in enumerate(ours):
        # a body or a query may hold what no two runs share
        if number not in pairs and (other := _first_unused(by_title[one.title])) is not None:
            other.used, pairs[number] = True, other
    for number, one in enumerate(ours):
        if number in pairs:
            yield compare_files(one.path, pairs[number].path, threshold, rules)
        else:
            yield Compared(one.title, str(one.path), "", "different", ["only in A"])
    for one in theirs:
        if not one.used:
            yield Compared(one.title, "", str(one.path), "different", ["only in B"])


def compare_files(
    first: Path, second: Path, threshold: Threshold | None = None, rules: Rules = _NO_RULES
) -> Compared:
    """Compare two cassettes.

    Args:
        first: the file called A.
        second: the file called B.
        threshold: how much slower B may be.
        rules: what may be another beside time and values that no two runs share.

    Raises:
        CassetteError: one cannot be read.
    """
    a, b = Cassette.load(first), Cassette.load(second)
    try:
        found = compare_recordings(a, b, threshold, rules)
    except CodecError as error:
        return Compared(a.title, str(first), str(second), "error", [f"it cannot be compared: {error}"])
    return _compared(a, b, str(first), str(second), found)


def _compared(a: Cassette, b: Cassette, first: str, second: str, found: Comparison) -> Compared:
    return Compared(
        title=a.title if a.title == b.title else f"{a.title} / {b.title}",
        a=first,
        b=second,
        outcome="same" if found.same else "different",
        differences=[one.text for one in found.findings if one.fails and not one.follows],
        follows=[one.text for one in found.findings if one.fails and one.follows],
        notes=[one.text for one in found.findings if not one.fails],
        findings=found.findings,
        rows=found.rows,
        a_seconds=a.duration / 1e9,
        b_seconds=b.duration / 1e9,
        calls=sum(row.mark != "missing" for row in found.rows),
    )


def _first_unused(known: list[_Known]) -> _Known | None:
    return next((one for one in known if not one.used), None)


def _known(path: Path) -> _Known:
    cassette = Cassette.load(path)
    entry = cassette.entry
    begins = names.ENTRY_FRAMEWORK in entry.attributes and entry.name in (names.IMPORT, names.STARTUP)
    return _Known(path, cassette.title, _asked(cassette), cassette.started, begins and not cassette.calls())


def _asked(cassette: Cassette) -> bytes:
    """What decides whether two requests are the same: without host and headers."""
    try:
        request = cassette.inbound_message
    except CodecError:
        return b""
    if request is None:
        return b""
    form: dict[str, Any] = request.canonical()
    if isinstance(request, HttpRequest):
        form = {**form, "url": split_url(form["url"]).path, "headers": None}
    return values.canonical(form)
