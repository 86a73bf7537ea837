"""Secrets in bodies: JSON, forms and multipart, found in place so that all else keeps its form."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from timetracer_otel.redaction.mask import MASK, URL_MASK, Edit, apply
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
_FIELD: Final = re.compile(rb"([^&=]*+)=([^&]*+)")
_PART_NAME: Final = re.compile(rb'content-disposition:[^\r\n]*?[; ]name="?([^";\r\n]*)', re.IGNORECASE)
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]+)"|([^";,\s]+))', re.IGNORECASE)
_BINARY: Final = ("image/", "audio/", "video/", "font/", "application/octet-stream", "application/zip")
_MAX_HEAD: Final = 4096
"""Bytes of a part's headers that are looked at."""
_NESTED: Final = 3
"""JSON in strings of JSON, so many times over."""

_JSON_MASK: Final = json.dumps(MASK).encode()


def body_edits(body: bytes, content_type: str, names: SensitiveNames) -> list[Edit]:
    """What to mask in a body (already decoded), by its content type."""
    kind = _kind(content_type)
    if kind == "application/x-www-form-urlencoded":
        # curl -d says that of JSON, too
        return json_edits(body, names) if looks_like_json(body) else form_edits(body, names)
    if kind.startswith("multipart/"):
        boundary = _BOUNDARY.search(content_type)
        text = (boundary[1] or boundary[2]) if boundary else ""
        return _multipart_edits(body, text.encode("latin-1", "replace"), names) if text else []
    if kind.startswith(_BINARY) or not (kind or looks_like_json(body)):
        return []
    return json_edits(body, names)


@lru_cache(maxsize=256)
def _kind(content_type: str) -> str:
    return content_type.split(";", 1)[0].strip().lower()


def looks_like_json(body: bytes) -> bool:
    """True when the text may be a JSON object or array."""
    return body[:64].lstrip()[:1] in (b"{", b"[")


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


def form_edits(body: bytes, names: SensitiveNames, *, url: bool = False) -> list[Edit]:
    """What to mask in ``a=1&b=2``: a form, or the query of a URL."""
    edits: list[Edit] = []
    for field in _FIELD.finditer(body):
        name = unquote_plus(field[1].decode("latin-1"))
        value = unquote_plus(field[2].decode("latin-1"))
        if not value or value == MASK:
            continue
        start, end = field.span(2)
        if name in names or (url and names.in_url(name)):
            edits.append(Edit(start, end, URL_MASK.encode(), name))
        elif value[:1] in ("{", "["):
            inner = unquote_plus(field[2].decode("latin-1"), errors="surrogateescape")
            data = inner.encode("utf-8", "surrogateescape")
            if found := json_edits(data, names):
                edits.append(Edit(start, end, quote_plus(apply(data, found)).encode(), found[0].name))
    return edits


def _multipart_edits(body: bytes, boundary: bytes, names: SensitiveNames) -> list[Edit]:
    edits: list[Edit] = []
    delimiter = b"--" + boundary
    start = body.find(delimiter)
    while start >= 0:
        start += len(delimiter)
        found = body.find(b"\r\n" + delimiter, start)
        end = found if found >= 0 else len(body)
        split = body.find(b"\r\n\r\n", start, end)
        if split >= 0:
            head, content = body[start : min(split, start + _MAX_HEAD)], split + 4
            named = _PART_NAME.search(head)
            name = named[1].decode("utf-8", "replace") if named else ""
            if name in names:
                if body[content:end] not in (b"", MASK.encode()):
                    edits.append(Edit(content, end, MASK.encode(), name))
            elif looks_like_json(body[content:end]):
                edits += [
                    edit._replace(start=edit.start + content, end=edit.end + content)
                    for edit in json_edits(body[content:end], names)
                ]
        start = found + 2 if found >= 0 else -1
    return edits
