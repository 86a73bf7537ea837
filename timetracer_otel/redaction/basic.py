"""Credentials of HTTP Basic: masked such that who reads them can still do so.

``Basic YW5uOnNlc2FtZQ==`` says ``ann:sesame``. A mask in place of all of it is none that an app can read: it
would answer that the header is malformed, whoever asked. So the password is masked within, and the
name of the user stays, as it does in a form. Services are also given their key as the user's name, with no
password or with a word in its place: there the name is the secret.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from timetracer_otel.redaction.mask import BASIC, MASK, URL_MASK, basic_pair
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.opaque import is_opaque

_NO_PASSWORDS: Final = frozenset(
    {"x", "xx", "xxx", "none", "null", "unused", "ignored", "x-oauth-basic", "api_token"}
)
"""What stands in the place of a password where the user's name is the key, in small letters."""
_SHORTEST_KEY: Final = 8
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]+")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MASKED: Final = (MASK, URL_MASK)


def mask_basic(value: str, names: SensitiveNames) -> str | None:
    """A header's value with its password masked, or with the key that stands in the user's place.

    ``None`` where it is not of the scheme, or nobody could read it.

    Args:
        value: all of it, with the scheme; one that is masked is returned as it is.
        names: which names are secret: that of the user is, where they say so.
    """
    pair, found = basic_pair(value), BASIC.match(value)
    if pair is None or found is None or not found["scheme"]:
        return None
    user, _, password = pair.partition(":")
    if hides_user(user, password, names):
        user = MASK
    clean = f"{user}:{MASK if password else ''}"
    return value if clean == pair else found["scheme"] + base64.b64encode(clean.encode("latin-1")).decode()


def hides_user(user: str, password: str, names: SensitiveNames) -> bool:
    """True where the user's name is the secret, or one by its name: all of a key, a token.

    Args:
        user: the name as it was given.
        password: what was given with it.
        names: which names are secret.
    """
    if not user or user in _MASKED:
        return False
    if not password or (len(user) >= _SHORTEST_KEY and password.lower() in _NO_PASSWORDS):
        return True
    if "username" in names or "user" in names:
        return True
    return is_opaque(user) and not _ADDRESS.fullmatch(user) and not _UUID.fullmatch(user)
