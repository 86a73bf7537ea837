"""Which values look as only a machine makes them: what decides where a name leaves it open."""

from __future__ import annotations

import re
from typing import Final

_SHORTEST: Final = 16
_LONGEST: Final = 8192
_SCHEME: Final = re.compile(r"(?:basic|bearer|token|digest)\s+", re.IGNORECASE)
_OPAQUE: Final = re.compile(r"[\w.~+/=:%@;,!*|-]+", re.ASCII)
_SIGNS: Final = re.compile(r"[^A-Za-z0-9]+")
_KINDS: Final = re.compile(r"[a-z]+|[A-Z]+|[0-9]+")
_CHANGES: Final = 5
"""Stretches of small letters, capitals and digits in a random text of 16 characters: about ten. In
``winter-term-2026-b`` they are three.
"""
_CHANGES_OF_LETTERS: Final = 11
"""More than words written together have, where there is no digit."""
_RESOURCE: Final = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
"""What Twilio calls ``sid``: it names a call or a message, and opens nothing."""
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]")


def is_opaque(value: str) -> bool:
    """True for a text that says nothing to people: a session's id, a credential.

    Args:
        value: the whole text; the name of a scheme before it is set aside (``Basic dXNl...``).
    """
    if not _SHORTEST <= len(value) <= _LONGEST:
        return False
    text = value.strip().replace("; ", ";")
    scheme = _SCHEME.match(text)
    text = text[scheme.end() :] if scheme else text
    if not _OPAQUE.fullmatch(text) or _RESOURCE.fullmatch(text) or _MOMENT.match(text):
        return False
    stretches = _KINDS.findall(_SIGNS.sub("", text))
    return len(stretches) >= (_CHANGES if any(map(str.isdigit, stretches)) else _CHANGES_OF_LETTERS)
