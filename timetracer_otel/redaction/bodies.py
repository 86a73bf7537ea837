"""Secrets in bodies: JSON, forms, multipart and XML, found in place so that all else keeps its form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from timetracer_otel.redaction.json_text import json_edits, looks_like_json
from timetracer_otel.redaction.mask import MASK, Edit
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.urls import form_edits, with_texts
from timetracer_otel.redaction.xml_text import xml_edits

_PART_NAME: Final = re.compile(
    rb'content-disposition:(?:[^\r\n]|\r?\n(?=[ \t]))*?[;\s]name\*?="?([^";\r\n]*)', re.IGNORECASE
)
_PART_TYPE: Final = re.compile(rb"^content-type:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]+)"|([^";,\s]+))', re.IGNORECASE)
_TEXTUAL: Final = re.compile(r"^text/|json|xml|javascript|graphql|yaml")
"""Types without lengths in their midst."""
_LIKE_A_FORM: Final = re.compile(rb"[\w.%+\[\]-]{1,100}=")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_BINARY: Final = ("image/", "audio/", "video/", "font/", "application/zip")
_UNKNOWN: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Types that say nothing: JSON is often stored under them."""
_MAX_HEAD: Final = 4096
"""Bytes of a part's headers that are looked at."""


def body_edits(body: bytes, content_type: str, names: SensitiveNames) -> list[Edit]:
    """What to mask in a body (already decoded), by its content type."""
    kind = _kind(content_type)
    # curl -d says that of JSON, too, and some say nothing
    form = kind == "application/x-www-form-urlencoded" or (not kind and _LIKE_A_FORM.match(body))
    if form and not looks_like_json(body):
        return form_edits(body, names)
    if kind.startswith("multipart/"):
        boundary = _BOUNDARY.search(content_type)
        text = (boundary[1] or boundary[2]) if boundary else ""
        return _multipart_edits(body, text.encode("latin-1", "replace"), names) if text else []
    if kind.startswith(_BINARY) or (kind in _UNKNOWN and not looks_like_json(body)):
        return []
    edits = xml_edits(body, names) if kind.endswith("xml") else json_edits(body, names)
    return with_texts(body, edits, names) if kind in _UNKNOWN or _TEXTUAL.search(kind) else edits


@lru_cache(maxsize=256)
def _kind(content_type: str) -> str:
    return content_type.split(";", 1)[0].strip().lower()


def _multipart_edits(body: bytes, boundary: bytes, names: SensitiveNames) -> list[Edit]:
    edits: list[Edit] = []
    delimiter = b"--" + boundary
    start = body.find(delimiter)
    while start >= 0:
        start += len(delimiter)
        found = body.find(b"\n" + delimiter, start)
        end = found if found >= 0 else len(body)
        if body[end - 1 : end] == b"\r":
            end -= 1
        split = _HEAD_END.search(body, start, end)
        if split is not None:
            head = body[start : min(split.start(), start + _MAX_HEAD)]
            edits += _part_edits(head, body, split.end(), end, names)
        start = found + 1 if found >= 0 else -1
    return edits


def _part_edits(head: bytes, body: bytes, start: int, end: int, names: SensitiveNames) -> list[Edit]:
    content = body[start:end]
    named = _PART_NAME.search(head)
    name = named[1].decode("utf-8", "replace") if named else ""
    if names.hide(name, content):
        return [] if content in (b"", MASK.encode()) else [Edit(start, end, MASK.encode(), name)]
    typed = _PART_TYPE.search(head)
    kind = typed[1].decode("latin-1").strip() if typed else ""
    if kind.lower().startswith("multipart/"):
        return []  # no client nests them
    return [
        edit._replace(start=edit.start + start, end=edit.end + start)
        for edit in body_edits(content, kind, names)
    ]
