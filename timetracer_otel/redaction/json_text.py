"""Secrets in JSON text, found in place so that all else keeps its form."""

from __future__ import annotations

import json
import re
from typing import Final

from timetracer_otel.redaction.mask import MASK, Edit, apply
from timetracer_otel.redaction.names import SensitiveNames

_STRING: Final = rb'"(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z)'
_PAIR: Final = re.compile(
    rb"(?P<name>" + _STRING + rb")"
    rb"(?P<colon>\s*+:\s*+)?+"
    rb"(?(colon)(?:(?P<text>" + _STRING + rb")|(?P<number>-?[0-9][0-9.eE+-]*+)|(?P<open>[\[{]))?)",
    re.DOTALL,
)
"""A string, and the value that follows it where it is a key. A string cut off by the end counts."""
_LEAF: Final = re.compile(
    rb"(?P<text>" + _STRING + rb")(?P<colon>\s*+:\s*+)?+|(?P<bracket>[\[\]{}])", re.DOTALL
)
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.eE+-]*+")
_BOM: Final = b"\xef\xbb\xbf"
_NESTED: Final = 3
"""JSON in strings of JSON, so many times over."""


_JSON_MASK: Final = json.dumps(MASK).encode()


def looks_like_json(body: bytes) -> bool:
    """True when the text may be a JSON object or array."""
    return body[:64].removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


def json_edits(body: bytes, names: SensitiveNames, nested: int = _NESTED) -> list[Edit]:
    """What to mask in JSON text: one document, several lines of them, or one that was cut off."""
    if not names.may_occur(body):
        return []
    edits: list[Edit] = []
    position = 0
    while (pair := _PAIR.search(body, position)) is not None:
        position = pair.end()
        if pair["colon"] is None:
            edits += _nested_edits(body, pair.start("name"), position, names, nested)
            continue
        name = _unquoted(pair["name"])
        if name in names:
            if pair["open"]:
                position = _mask_leaves(body, pair.start("open"), name, names, edits)
            elif pair["text"]:
                _mask_string(body, pair.start("text"), pair.end("text"), name, edits)
            elif pair["number"] and names.covers_numbers(name):
                edits.append(Edit(pair.start("number"), pair.end("number"), _JSON_MASK, name))
        elif pair["text"]:
            if names.hide(name, pair["text"].strip(b'"')):
                _mask_string(body, pair.start("text"), pair.end("text"), name, edits)
            else:
                edits += _nested_edits(body, pair.start("text"), pair.end("text"), names, nested)
    return edits


def _unquoted(text: bytes) -> str:
    if b"\\" in text:
        try:
            return str(json.loads(text))
        except ValueError:
            pass
    return text.strip(b'"').decode("utf-8", "replace")


def _mask_string(body: bytes, start: int, end: int, name: str, edits: list[Edit]) -> None:
    if body[start:end] not in (_JSON_MASK, b'""'):
        edits.append(Edit(start, end, _JSON_MASK, name))


def _mask_leaves(body: bytes, start: int, name: str, names: SensitiveNames, edits: list[Edit]) -> int:
    """Mask every string in the container that opens there; returns where it ends."""
    depth = 0
    position = start
    while (leaf := _LEAF.search(body, position)) is not None:
        position = leaf.end()
        if leaf["bracket"]:
            depth += 1 if leaf["bracket"] in b"[{" else -1
            if depth == 0:
                return position
        elif leaf["colon"] is None:
            _mask_string(body, leaf.start(), leaf.end("text"), name, edits)
        elif (number := _NUMBER.match(body, position)) and names.covers_numbers(_unquoted(leaf["text"])):
            edits.append(Edit(*number.span(), _JSON_MASK, name))
    return len(body)


def _nested_edits(body: bytes, start: int, end: int, names: SensitiveNames, nested: int) -> list[Edit]:
    """JSON documents that travel as strings inside JSON."""
    if not nested or body[start + 1 : start + 2] not in (b"{", b"[") or not names.may_occur(body[start:end]):
        return []
    try:
        inner = json.loads(body[start:end]).encode()
    except (ValueError, AttributeError):
        return []
    found = json_edits(inner, names, nested - 1)
    if not found:
        return []
    return [Edit(start, end, json.dumps(apply(inner, found).decode()).encode(), found[0].name)]
