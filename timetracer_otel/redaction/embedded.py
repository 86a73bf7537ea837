"""Secrets in HTTP messages that travel in bodies (``application/http``): the parts of a batch."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.mask import Edit

_START: Final = re.compile(
    rb"\s*+(?:[A-Za-z]{1,20} (?P<url>[^\s]++)(?: HTTP/[\d.]+)?|HTTP/[\d.]+ \d{3}[^\r\n]*+)\r?\n"
)
_HEADER: Final = re.compile(rb"(?P<name>[^\s:]{1,200}):[ \t]*+(?P<value>[^\r\n]*+)\r?(?:\n|\Z)")
_BLANK: Final = re.compile(rb"\r?\n")


class Embedded(NamedTuple):
    """What is said before the body of a message within a body."""

    edits: list[Edit]
    """What to mask in it."""
    body: int
    """Where the body begins."""
    content_type: str
    length: tuple[int, int] | None
    """Where the length of the body stands, where it is right."""


def embedded_head(data: bytes, rules: HeaderRules) -> Embedded | None:
    """The head of an HTTP message; ``None`` where it is none.

    Args:
        data: the message.
        rules: of headers and URLs.
    """
    start = _START.match(data)
    if start is None:
        return None
    edits: list[Edit] = []
    if start["url"]:
        url = start["url"].decode("utf-8", "surrogateescape")
        clean, found = rules.mask_url(url)
        if found:
            edits.append(Edit(*start.span("url"), clean.encode("utf-8", "surrogateescape"), found[0]))
    position, content_type, length = start.end(), "", None
    while (blank := _BLANK.match(data, position)) is None and position < len(data):
        header = _HEADER.match(data, position)
        if header is None:  # goes on with the one before, or is none
            position = data.find(b"\n", position) + 1 or len(data)
            continue
        position = header.end()
        name, value = header["name"].decode("latin-1"), header["value"].decode("utf-8", "surrogateescape")
        if name.lower() == "content-type":
            content_type = value
        elif name.lower() == "content-length":
            length = header.span("value")
        elif (clean := rules.header(name, value)) != value:
            edits.append(Edit(*header.span("value"), clean.encode("utf-8", "surrogateescape"), name))
    body = len(data) if blank is None else blank.end()
    if length is not None and data[slice(*length)].strip() != str(len(data) - body).encode():
        length = None
    return Embedded(edits, body, content_type, length)


def with_length(head: Embedded, data: bytes, body: list[Edit]) -> list[Edit]:
    """All edits of the message, that of its length among them.

    Args:
        head: what is before the body.
        data: the message.
        body: the edits of its body, by places in the message.
    """
    grown = sum(len(edit.text) - (edit.end - edit.start) for edit in body)
    edits = head.edits
    if grown and head.length is not None:
        new = str(len(data) - head.body + grown).encode()
        edits = sorted([*edits, Edit(*head.length, new, body[0].name)])
    return [*edits, *body]
