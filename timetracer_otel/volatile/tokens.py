"""What looks as if it were another one in each run: UUIDs, moments, random tokens.

To look like one allows nothing yet: :mod:`timetracer_otel.volatile.links` asks where a value came from.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Hashable, Iterator
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

MAX_TEXT: Final = 4 * 1024 * 1024
"""Characters of one text that are searched; a longer one is one value."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_REMEMBERED: Final = 512
"""Characters of a text that is taken apart once."""
_FIRST, _LAST = 978_307_200, 4_102_444_800
"""Numbers between (2001 to 2100, in seconds) may be moments."""
_UNITS: Final = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
"""Digits of a moment in seconds, milliseconds, microseconds and nanoseconds since 1970."""
_DIGESTS: Final = frozenset({32, 40, 56, 64, 96, 128})
"""Digits of MD5, SHA-1, SHA-2: the same for the same content, so nothing says that they may differ."""
_DIGESTS_64: Final = frozenset({22, 27, 38, 43, 64, 86})
"""Characters of the same in base64, without padding."""
_RANDOM_VERSIONS: Final = frozenset({1, 4, 6, 7, 8})
"""Of UUIDs. Versions 3 and 5 are digests of a name."""

_TOKEN: Final = re.compile(
    r"""
      (?<![0-9A-Za-z]) (?P<uuid> [0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12} ) (?![0-9A-Za-z])
    | (?<![0-9A-Za-z]) (?P<iso> [12]\d{3}-[01]\d-[0-3]\d
          (?: [T\ ][0-2]\d:[0-5]\d (?::[0-6]\d(?:[.,]\d{1,9})?)? (?:Z|[+-][0-2]\d:?[0-5]\d)? )? )
      (?![0-9A-Za-z])
    | (?P<web> (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\ \d\d\ [A-Z][a-z]{2}\ \d{4}\ \d\d:\d\d:\d\d\ GMT )
    | (?<![0-9A-Za-z.]) (?P<number> [1-4]\d{9}(?:\d{3}){0,3}(?:\.\d{1,9})? ) (?![0-9A-Za-z])
    | (?<![0-9A-Za-z]) (?P<run> [0-9A-Za-z][0-9A-Za-z_-]{14,}[0-9A-Za-z_] (?:\.[0-9A-Za-z_-]{8,}){0,2} )
    """,
    re.X,
)
_DIGIT: Final = re.compile(r"\d")
_FRACTION: Final = re.compile(r"[.,]\d+")
_HEX: Final = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_PIECE: Final = re.compile(r"[0-9A-Za-z]{16,}")
_CLAIMS_OF_THE_MOMENT: Final = frozenset({"iat", "exp", "nbf", "auth_time", "jti", "nonce"})
_PREFIX: Final = re.compile(r"[a-z]{2,12}[_-](?=[0-9A-Za-z-]{10})")
_CHANGES: Final = 0.38
"""How often letters and digits change kind in random text, at least: words do so seldom."""


class Atom(NamedTuple):
    """One value that may be another in the next run.

    Attributes:
        key: the value, whatever it is written as: equal for equal ones.
        form: what it is written as; where one stands for another both have the same.
        kind: ``uuid``, ``time``, ``token``, ``linked`` (it was seen to be another) or ``rule``.
        free: it can only be random or of its moment: no digest, no number of a row.
        moment: seconds since 1970, where it is a moment.
        name: of the field it stands in, where it has one.
    """

    key: Hashable
    form: Hashable
    kind: str
    free: bool = False
    moment: float | None = None
    name: str = ""


Part = Atom | str
"""Of a text: what is fixed, and what is not."""


def parts(text: str, linked: Linked | None = None, name: str = "") -> list[Part]:
    """The text, taken apart into what is fixed and what may differ.

    Args:
        text: any.
        linked: values that were seen to be others, beside those that look it.
        name: of the field that holds the text.
    """
    if len(text) > MAX_TEXT:
        return [text]
    if linked is not None:
        return linked.parts(text, name)
    return list(_parts(text, name))


def _parts(text: str, name: str) -> tuple[Part, ...]:
    if len(text) < 10:
        return (text,)
    return _remembered(text, name) if len(text) <= _REMEMBERED else _found(text, name)


@lru_cache(maxsize=4096)
def _remembered(text: str, name: str) -> tuple[Part, ...]:
    return _found(text, name)


def _found(text: str, name: str) -> tuple[Part, ...]:
    found: list[Part] = []
    end = 0
    for match in _TOKEN.finditer(text):
        for start, stop, atom in _READERS[str(match.lastgroup)](match[0], name):
            found += (text[end : match.start() + start], atom)
            end = match.start() + stop
    found.append(text[end:])
    return tuple(found)


def of_value(value: Any, name: str = "") -> Atom | None:
    """The atom that a value other than text is, or ``None``."""
    kind = type(value)
    if kind is UUID:
        return _uuid(value, "object", name)
    if kind is int or kind is float:
        unit = _UNITS.get(len(str(int(value)))) if _FIRST <= value < _LAST * 10**9 else None
        if unit is None or not _FIRST <= value / unit < _LAST or (kind is float and unit > 1000):
            return None
        return Atom(value, (kind.__name__, unit), "time", True, value / unit, name)
    if kind is dt.datetime:
        moment = (value if value.tzinfo else value.replace(tzinfo=dt.UTC)) - _EPOCH
        form = "datetime", value.utcoffset()
        return Atom(value.isoformat(), form, "time", True, moment.total_seconds(), name)
    if kind is dt.date:
        moment = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC) - _EPOCH
        return Atom(value.isoformat(), "date", "time", True, moment.total_seconds(), name)
    if kind.__name__ == "ObjectId":
        return Atom(str(value), "ObjectId", "token", True, None, name)
    return None


def _uuid(value: UUID, form: str, name: str) -> Atom:
    version = value.version if value.variant == "specified in RFC 4122" else None
    return Atom(("uuid", value.int), (form, version), "uuid", version in _RANDOM_VERSIONS, None, name)


_Pieces = Iterator[tuple[int, int, Atom]]
"""Atoms within a text, and where each begins and ends."""


def _read_uuid(text: str, name: str) -> _Pieces:
    yield 0, len(text), _uuid(UUID(text), "upper" if text.isupper() else "dashed", name)


def _read_iso(text: str, name: str) -> _Pieces:
    try:
        found = dt.datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return
    found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    form = _DIGIT.sub("0", _FRACTION.sub("", text))
    yield 0, len(text), Atom(text, form, "time", True, (found - _EPOCH).total_seconds(), name)


def _read_web(text: str, name: str) -> _Pieces:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return
    yield 0, len(text), Atom(text, "web", "time", True, found.timestamp(), name)


def _read_number(text: str, name: str) -> _Pieces:
    whole, _, fraction = text.partition(".")
    unit = _UNITS.get(len(whole))
    if unit is not None and _FIRST <= int(whole) / unit < _LAST:
        form = "number", unit, bool(fraction)
        yield 0, len(text), Atom(text, form, "time", True, float(text) / unit, name)


def _read_run(text: str, name: str) -> _Pieces:
    """Letters, digits and what joins them: one random token, or words and tokens."""
    prefix = _PREFIX.match(text)
    skipped = prefix.end() if prefix else 0
    atom = _token(text[skipped:], name)
    if atom is not None:
        yield skipped, len(text), atom
        return
    for piece in _PIECE.finditer(text):
        if (atom := _token(piece[0], name)) is not None:
            yield piece.start(), piece.end(), atom


def _token(text: str, name: str) -> Atom | None:
    if text.startswith("eyJ") and text.count(".") == 2:
        claims = _claims(text)
        return Atom(text, ("jwt", claims), "token", claims is not None, None, name)
    if len(text) < 16 or "." in text or text.isdigit():
        return None
    if _HEX.fullmatch(text) and not text.isalpha():
        if len(text) == 32 and text[12] in "147" and text[16] in "89abAB":
            return _uuid(UUID(text), "hex" if text.islower() else "HEX", name)
        return Atom(text, ("hex", len(text), text.isupper()), "token", len(text) not in _DIGESTS, None, name)
    if _ULID.fullmatch(text) and any(map(str.isdigit, text[1:])):
        return Atom(text, "ulid", "token", True, None, name)
    if not _random(text):
        return None
    return Atom(text, ("text", len(text)), "token", len(text) not in _DIGESTS_64, None, name)


def _claims(token: str) -> str | None:
    """What a JSON Web Token says, but for its moment and its number; ``None`` when it cannot be read."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        kept = {claim: value for claim, value in claims.items() if claim not in _CLAIMS_OF_THE_MOMENT}
        return token.split(".")[0] + json.dumps(kept, sort_keys=True)
    except (ValueError, AttributeError, RecursionError):
        return None


def _random(text: str) -> bool:
    """True for letters and digits that change kind as often as by chance."""
    if not any(map(str.isdigit, text)):
        return False
    kinds = [("a" if one.islower() else "A" if one.isupper() else "0") for one in text if one.isalnum()]
    changes = sum(left != right for left, right in pairwise(kinds))
    return changes >= _CHANGES * (len(kinds) - 1)


_READERS: Final[dict[str, Callable[[str, str], _Pieces]]] = {
    "uuid": _read_uuid,
    "iso": _read_iso,
    "web": _read_web,
    "number": _read_number,
    "run": _read_run,
}


class Linked:
    """Texts that were seen to be others in this run, and patterns of what may be any.

    Args:
        texts: numbers as their digits.
        patterns: what they match may be anything (rules).
    """

    def __init__(
        self, texts: frozenset[str] = frozenset(), patterns: tuple[re.Pattern[str], ...] = ()
    ) -> None:
        self.texts = texts
        self.patterns = patterns
        longest = sorted((text for text in texts if text), key=len, reverse=True)
        joined = "|".join(map(re.escape, longest))
        self._words = re.compile(f"(?<![0-9A-Za-z])(?:{joined})(?![0-9A-Za-z])") if joined else None

    def also(self, patterns: tuple[re.Pattern[str], ...]) -> Linked:
        """With more patterns."""
        return Linked(self.texts, (*self.patterns, *patterns)) if patterns else self

    def parts(self, text: str, name: str) -> list[Part]:
        """As :func:`parts`."""
        found: list[Part] = [text]
        for pattern in self.patterns:
            found = _split(found, pattern, lambda match: Atom(match[0], "rule", "rule", name=name))
        if self._words is not None:
            found = _split(found, self._words, lambda match: linked(match[0], "text", name))
        return [one for part in found for one in (_parts(part, name) if isinstance(part, str) else (part,))]

    def value(self, value: Any, name: str) -> Atom | None:
        """The atom that a number is, when it was seen to be another."""
        if type(value) is int and str(value) in self.texts:
            return linked(str(value), "int", name)
        return None


def linked(text: str, form: str, name: str) -> Atom:
    """A value that was seen to be another."""
    return Atom(("linked", text), form, "linked", name=name)


def _split(found: list[Part], pattern: re.Pattern[str], atom: Callable[[re.Match[str]], Atom]) -> list[Part]:
    result: list[Part] = []
    for part in found:
        if not isinstance(part, str):
            result.append(part)
            continue
        end = 0
        for match in pattern.finditer(part):
            if match[0]:
                result += (part[end : match.start()], atom(match))
                end = match.end()
        result.append(part[end:])
    return result
