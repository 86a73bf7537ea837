"""The mask, the edits that put it in place, and equality that sets it aside."""

from __future__ import annotations

import base64
import re
from collections import deque
from typing import Any, Final, NamedTuple

MASK: Final = "[REDACTED]"
"""Stands where a secret was."""

URL_MASK: Final = "%5BREDACTED%5D"
"""The mask where brackets would not be legal: in URLs and forms."""

_FILLED: Final = re.compile(rb"\[REDACT(?:ED)?\]\*++|\[REDACT\]")
"""Masks as long as what they hide, where its length stands before it."""

BASIC: Final = re.compile(r"(?P<scheme>basic +)?(?P<pair>[A-Za-z0-9+/]+={0,2}) *", re.IGNORECASE)
"""The value of a header with credentials of HTTP Basic, or what follows the scheme in it."""

_LONGEST: Final = 8192

MAX_PLACES: Final = 100
"""Places listed of one message."""


def basic_pair(text: str) -> str | None:
    """The ``user:password`` that a header of HTTP Basic holds in base64; ``None``: it holds none.

    Args:
        text: the header's value, with the scheme or without; each character of the result is one byte.
    """
    found = BASIC.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    try:
        pair = base64.b64decode(found["pair"], validate=True).decode("latin-1")
    except ValueError:
        return None
    return pair if ":" in pair else None


def holds_mask(text: str) -> bool:
    """True for a text with a mask in it, plainly or within credentials of HTTP Basic."""
    return MASK in text or URL_MASK in text or MASK in (basic_pair(text) or "")


class Edit(NamedTuple):
    """Put ``text`` in place of the bytes from ``start`` to ``end``; ``name`` says what was there."""

    start: int
    end: int
    text: bytes
    name: str


def apply(body: bytes, edits: list[Edit]) -> bytes:
    """The body with the edits (in order, not overlapping) made."""
    parts: list[bytes] = []
    position = 0
    for edit in edits:
        parts += (body[position : edit.start], edit.text)
        position = edit.end
    parts.append(body[position:])
    return b"".join(parts)


def moved(sizes: list[int], edits: list[Edit]) -> list[int]:
    """The sizes of a body's pieces after the edits; an edit across a border belongs to the first."""
    result: list[int] = []
    border = shift = done = 0
    pending = deque(edits)
    for size in sizes:
        border += size
        while pending and pending[0].end <= border:
            edit = pending.popleft()
            shift += len(edit.text) - (edit.end - edit.start)
        end = border + shift
        if pending and pending[0].start < border:
            end = pending[0].start + shift + len(pending[0].text)
        result.append(end - done)
        done = end
    return result


def note(place: str, masked: list[str]) -> None:
    """List a place that was masked, once, and a bounded number of them."""
    if len(masked) < MAX_PLACES and place not in masked:
        masked.append(place)


def masked_equal(recorded: Any, live: Any) -> bool:
    """True when two canonical structures are equal, masked parts set aside.

    Args:
        recorded: dicts, lists and scalars; in its strings each mask stands for anything.
        live: what to compare with it.
    """
    if isinstance(recorded, str):
        if isinstance(live, str):
            fits = recorded == live or _fits(recorded.replace(URL_MASK, MASK), live, MASK)
            return fits or (recorded[:6].lower() == "basic " and _basic_equal(recorded, live))
        # numbers are masked as strings
        return recorded == MASK and isinstance(live, int | float | bytes) and not isinstance(live, bool)
    if type(recorded) is not type(live):
        return False
    if isinstance(recorded, dict):
        return recorded.keys() == live.keys() and all(
            masked_equal(value, live[key]) for key, value in recorded.items()
        )
    if isinstance(recorded, list | tuple):
        return len(recorded) == len(live) and all(map(masked_equal, recorded, live))
    if isinstance(recorded, bytes):
        if recorded == live:
            return True
        mask = MASK.encode()
        return _fits(_FILLED.sub(mask, recorded.replace(URL_MASK.encode(), mask)), live, mask)
    return bool(recorded == live) or (recorded != recorded and live != live)  # NaN


def _basic_equal(recorded: str, live: str) -> bool:
    pair, other = basic_pair(recorded), basic_pair(live)
    return pair is not None and other is not None and _fits(pair, other, MASK)


def _fits(pattern: Any, text: Any, mask: Any) -> bool:
    first, *rest = pattern.split(mask)
    if not rest or not text.startswith(first):
        return False
    *middle, last = rest
    position = len(first)
    for part in middle:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(text) - len(last) >= position and bool(text.endswith(last))
