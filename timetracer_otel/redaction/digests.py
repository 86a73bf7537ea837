"""Digests of secrets: of a key that a database holds only as its SHA-256, say.

What a digest is made of is masked, so in a replay the app makes the digest of a mask. Where a recording says
the digest of a secret, it is made to say that of the mask, too: what an app asks for by it is found. It is no
loss: who has the digest of a short password has the password.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Final

from timetracer_otel.redaction.mask import MASK

_ALGORITHMS: Final = (hashlib.sha256, hashlib.sha512, hashlib.sha1, hashlib.md5)


def digests(text: str) -> tuple[str, ...]:
    """The digests of a text as they are written: in hex, and SHA-256 in base64. Salted ones are others."""
    data = text.encode("utf-8", "surrogatepass")
    made = [algorithm(data, usedforsecurity=False) for algorithm in _ALGORITHMS]
    return (*(one.hexdigest() for one in made), base64.b64encode(made[0].digest()).decode())


@cache
def digests_of_mask() -> tuple[str, ...]:
    """What an app makes of a mask, in the order of :func:`digests`."""
    return digests(MASK)


def is_digest_of_mask(value: str | bytes) -> bool:
    """True for a digest of the mask: as text, as text in bytes, or as it is."""
    if isinstance(value, str):
        return value in digests_of_mask()
    return value.hex() in digests_of_mask() or value.decode("latin-1") in digests_of_mask()
