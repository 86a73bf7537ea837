"""Secrets in bodies of many types, found in place so that all else keeps its form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from timetracer_otel.redaction.charsets import charset_of, edits_in_charset
from timetracer_otel.redaction.embedded import embedded_head, with_length
from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.json_text import json_edits, looks_like_json
from timetracer_otel.redaction.mask import MASK, Edit
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
_MESSAGES: Final = frozenset({"application/http", "message/http"})
_MAX_WITHIN: Final = 6
"""Bodies within one another: a batch of changes is multipart, message, multipart, message, body."""
_MAX_HEAD: Final = 4096
"""Bytes of a part's headers that are looked at."""


class BodyRules:
    """Finds what is secret in bodies.

    Args:
        headers: the rules of headers, for messages within bodies; they say what names are secret, too.
    """

    def __init__(self, headers: HeaderRules) -> None:
        self._headers = headers
        self._names = headers.names

    def edits(self, body: bytes, content_type: str, within: int = 0) -> list[Edit]:
        """What to mask in a body, without its content coding, by its content type.

        Args:
            body: its bytes.
            content_type: as its header says.
            within: in how many other bodies it is.
        """
        if codec := charset_of(body, content_type):
            found = edits_in_charset(body, codec, lambda text: self._edits(text, content_type, within))
            if found:
                return found  # else what it is called may be wrong
        return self._edits(body, content_type, within)

    def _edits(self, body: bytes, content_type: str, within: int) -> list[Edit]:
        kind = _kind(content_type)
        names = self._names
        # curl -d says that of JSON, too, and some say nothing
        form = kind == "application/x-www-form-urlencoded" or (not kind and _LIKE_A_FORM.match(body))
        if form and not looks_like_json(body):
            return form_edits(body, names)
        if kind.startswith("multipart/"):
            boundary = _BOUNDARY.search(content_type)
            text = (boundary[1] or boundary[2]) if boundary else ""
            known = text and within < _MAX_WITHIN
            return self._multipart(body, text.encode("latin-1", "replace"), within) if known else []
        if kind in _MESSAGES:
            return self._message(body, within)
        if kind.startswith(_BINARY) or (kind in _UNKNOWN and not looks_like_json(body)):
            return []
        edits = xml_edits(body, names) if kind.endswith("xml") else json_edits(body, names)
        return with_texts(body, edits, names) if kind in _UNKNOWN or _TEXTUAL.search(kind) else edits

    def _message(self, body: bytes, within: int) -> list[Edit]:
        head = embedded_head(body, self._headers)
        if head is None or within >= _MAX_WITHIN:
            return []
        edits = self.edits(body[head.body :], head.content_type, within + 1)
        return with_length(head, body, [_at(head.body, edit) for edit in edits])

    def _multipart(self, body: bytes, boundary: bytes, within: int) -> list[Edit]:
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
                edits += self._part(head, body[split.end() : end], split.end(), within)
            start = found + 1 if found >= 0 else -1
        return edits

    def _part(self, head: bytes, content: bytes, start: int, within: int) -> list[Edit]:
        named = _PART_NAME.search(head)
        name = named[1].decode("utf-8", "replace") if named else ""
        if self._names.hide(name, content):
            whole = Edit(start, start + len(content), MASK.encode(), name)
            return [] if content in (b"", MASK.encode()) else [whole]
        typed = _PART_TYPE.search(head)
        kind = typed[1].decode("latin-1").strip() if typed else ""
        return [_at(start, edit) for edit in self.edits(content, kind, within + 1)]


def _at(start: int, edit: Edit) -> Edit:
    return edit._replace(start=edit.start + start, end=edit.end + start)


@lru_cache(maxsize=256)
def _kind(content_type: str) -> str:
    return content_type.split(";", 1)[0].strip().lower()
