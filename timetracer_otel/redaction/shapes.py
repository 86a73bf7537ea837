"""Secrets that are known by their form, whatever they are called: tokens and private keys."""

from __future__ import annotations

import re
from typing import Final

from timetracer_otel.redaction.mask import MASK, Edit

_JWT: Final = re.compile(rb"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?P<key>(?:[A-Za-z0-9+/=\s\\:,.]|-(?!----))++)(?=-----END|\Z)"
)
_BEARER: Final = re.compile(rb"Bearer (?=[A-Za-z_.~+/-]{0,200}[0-9])(?P<token>[\w.~+/-]{16,}+=*+)")


def shaped_edits(body: bytes) -> list[Edit]:
    """What to mask in a text, in order: what stands in it as a secret of a known form.

    Args:
        body: the text; strings of JSON may be in it.
    """
    mask = MASK.encode()
    edits: list[Edit] = []
    if b"eyJ" in body:
        edits += [Edit(*found.span(), mask, "JSON Web Token") for found in _JWT.finditer(body)]
    if b"PRIVATE KEY-----" in body:
        edits += [Edit(*found.span("key"), mask, "private key") for found in _PRIVATE_KEY.finditer(body)]
    if b"Bearer " in body:
        edits += [Edit(*found.span("token"), mask, "bearer token") for found in _BEARER.finditer(body)]
    return _apart(edits) if len(edits) > 1 else edits


def _apart(edits: list[Edit]) -> list[Edit]:
    """In order, without those within others."""
    found: list[Edit] = []
    for edit in sorted(edits):
        if not found or edit.start >= found[-1].end:
            found.append(edit)
    return found
