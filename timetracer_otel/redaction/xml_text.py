"""Secrets in XML: the text of elements, and attributes, with secret names."""

from __future__ import annotations

import re
from typing import Final

from timetracer_otel.redaction.mask import MASK, Edit
from timetracer_otel.redaction.names import SensitiveNames

_ELEMENT: Final = re.compile(
    rb"<(?:[\w.-]{1,100}:)?(?P<name>[\w.-]{1,100})(?P<attributes>\s[^<>]*+)?"
    rb"(?:(?<!/)>(?P<text><!\[CDATA\[.*?(?:\]\]>|\Z)|[^<]*+))?",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(
    rb"""(?<=\s)(?:[\w.-]{1,100}:)?([\w.-]{1,100})\s?=\s?(?:"([^"]*+)"|'([^']*+)')"""
)
_CDATA: Final = b"<![CDATA["


def xml_edits(body: bytes, names: SensitiveNames) -> list[Edit]:
    """What to mask in a document, or in one that was cut off."""
    edits: list[Edit] = []
    for found in _ELEMENT.finditer(body):
        if found["attributes"]:
            edits += _attribute_edits(body, found.start("attributes"), found.end("attributes"), names)
        name = found["name"].decode("utf-8", "replace")
        if found["text"]:
            start, end = found.span("text")
            if found["text"].startswith(_CDATA):
                start += len(_CDATA)
                end -= 3 if found["text"].endswith(b"]]>") else 0
            if names.may_hide(name) and names.hide(name, body[start:end]):
                _mask(body, start, end, name, edits)
    return edits


def _attribute_edits(body: bytes, start: int, end: int, names: SensitiveNames) -> list[Edit]:
    edits: list[Edit] = []
    for found in _ATTRIBUTE.finditer(body, start, end):
        name = found[1].decode("utf-8", "replace")
        value = found[2] if found[2] is not None else found[3]
        if names.hide(name, value):
            _mask(body, *found.span(2 if found[2] is not None else 3), name, edits)
    return edits


def _mask(body: bytes, start: int, end: int, name: str, edits: list[Edit]) -> None:
    if body[start:end].strip() not in (b"", MASK.encode()):
        edits.append(Edit(start, end, MASK.encode(), name))
