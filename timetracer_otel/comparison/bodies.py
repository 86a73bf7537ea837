"""Bodies as they are compared: JSON by structure, text by lines, the rest by length and hash."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from timetracer_otel.comparison.parts import NOTHING, Difference, Equal, differences, show, show_both
from timetracer_otel.messages.http import body_content

_MAX_INFLATED: Final = 16 * 1024 * 1024
_CODINGS: Final = {"gzip", "x-gzip", "deflate"}
_MOST_LINES: Final = 20_000


def decoded(body: bytes, coding: str | None) -> bytes:
    """The body without its gzip or deflate coding, where it is whole and of a sane size.

    Args:
        body: as sent.
        coding: the ``content-encoding`` header.
    """
    if coding is None or coding.strip().lower() not in _CODINGS:
        return body
    for window in (47, -15):  # zlib or gzip, told by the header; raw deflate, as some servers send it
        inflate = zlib.decompressobj(window)
        try:
            plain = inflate.decompress(body, _MAX_INFLATED)
        except zlib.error:
            continue
        if inflate.eof:
            return plain
    return body


def body_differences(
    recorded: bytes, live: bytes | None, kind: str, live_kind: str, part: str, equal: Equal
) -> Iterator[Difference]:
    """Where two bodies differ.

    Args:
        recorded: what it was, without its content coding.
        live: what it is.
        kind: the content type it had.
        live_kind: the one it has.
        part: what to call them.
        equal: whether two values say the same.
    """
    left, right = body_content(recorded, kind), body_content(live, live_kind)
    if equal(left, right):
        return
    found: list[Difference] = []
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        for name in left:
            found += differences(
                left[name], right[name], f"{part} $" if name == "json" else f"{part} ", equal
            )
    elif isinstance(left, str) and isinstance(right, str):
        found += _text_differences(left, right, part, equal)
    elif isinstance(left, bytes) or isinstance(right, bytes):
        found.append(Difference(part, _binary(recorded), NOTHING if live is None else _binary(live)))
    # the smallest parts that differ, or all of it where only line ends or layout of a text do
    yield from found or [Difference(part, _whole(left), _whole(right))]


def _text_differences(left: str, right: str, part: str, equal: Equal) -> Iterator[Difference]:
    try:
        yield from differences(json.loads(left), json.loads(right), f"{part} $", equal)
        return
    except ValueError:
        pass
    ours, theirs = left.splitlines(), right.splitlines()
    if max(len(ours), len(theirs)) > _MOST_LINES:
        yield from differences(ours, theirs, f"{part} line ", equal)
        return
    for code, low, high, low_now, high_now in SequenceMatcher(None, ours, theirs, False).get_opcodes():
        if code == "equal":
            continue
        for step in range(max(high - low, high_now - low_now)):
            one = ours[low + step] if low + step < high else None
            other = theirs[low_now + step] if low_now + step < high_now else None
            if one is None or other is None or not equal(one, other):
                line = (low if one is not None else low_now) + step + 1
                both = show_both(one, other) if one is not None and other is not None else None
                was, now = both or (_whole(one), _whole(other))
                yield Difference(f"{part} line {line}", was, now)


def _binary(body: bytes) -> str:
    return f"{len(body):,} bytes of SHA-256 {hashlib.sha256(body).hexdigest()[:12]}"


def _whole(content: Any) -> str:
    if isinstance(content, dict) and len(content) == 1:
        content = next(iter(content.values()))
    return NOTHING if content is None else show(content)
