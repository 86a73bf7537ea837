"""Mails as RFC 5322 and MIME write them: taken apart in place, so that all else keeps its form."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any, Final

import msgspec

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_HEADER: Final = re.compile(rb"[!-9;-~]+:")
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_LINE: Final = re.compile(rb"\r?\n")
_BOUNDARY: Final = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^";\s]+))', re.IGNORECASE)
_CHARSET: Final = re.compile(r'charset\s*=\s*"?([\w.:-]+)', re.IGNORECASE)
_MADE_ID: Final = re.compile(r"\b\d{11,13}\.\d{1,10}\.\d{5,20}(?:\.[\w.=-]+)?@[\w.\[\]:-]+")
"""As ``email.utils.make_msgid`` writes it: the time, the process, a random number; and the host."""
_NOT_MATCHED: Final = frozenset(
    {
        "date",
        "resent-date",
        "user-agent",
        "x-mailer",
        "dkim-signature",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
    }
)
"""Headers that say nothing of what is told: the moment, the program, signatures of both."""
_MAX_DEPTH: Final = 20
_MAX_PARTS: Final = 500


class Part(msgspec.Struct, frozen=True):
    """A mail, or a part of one.

    Attributes:
        headers: names as they are written, values unfolded, in order.
        head: where the headers begin.
        start, end: where the body is.
        parts: those it is made of, where it is ``multipart/*``.
    """

    headers: list[tuple[str, str]]
    head: int
    start: int
    end: int
    parts: list[Part]

    def header(self, name: str) -> str:
        """The first header of that name as people read it; "" where there is none."""
        return next((readable(value) for key, value in self.headers if key.lower() == name), "")

    @property
    def kind(self) -> str:
        """``text/plain; charset="utf-8"``."""
        return self.header("content-type") or "text/plain"

    @property
    def encoding(self) -> str:
        """How the body is written: ``base64``, ``quoted-printable``, ``7bit``."""
        return self.header("content-transfer-encoding").strip().lower()


def parse(mail: bytes) -> Part:
    """The mail taken apart; whatever is malformed is the text of a body.

    Args:
        mail: its bytes as they are sent.
    """
    return _part(mail, 0, len(mail), 0, [_MAX_PARTS])


def content(mail: bytes, part: Part) -> bytes:
    """The body of a part, without its transfer encoding; as it stands where that cannot be taken off."""
    body = mail[part.start : part.end]
    try:
        if part.encoding == "base64":
            return binascii.a2b_base64(body)
        if part.encoding == "quoted-printable":
            return binascii.a2b_qp(body)
    except binascii.Error:
        pass
    return body


def encoded(body: bytes, encoding: str) -> bytes:
    """A body in a transfer encoding, as ``email`` writes it."""
    if encoding == "base64":
        lines = (body[at : at + 57] for at in range(0, len(body), 57))
        return b"\r\n".join(binascii.b2a_base64(line, newline=False) for line in lines)
    if encoding == "quoted-printable":
        text = _LINE.sub(b"\n", body)
        return _LINE.sub(b"\r\n", binascii.b2a_qp(text, istext=True))
    return body


def text_of(mail: bytes, part: Part) -> str | bytes:
    """The body of a part as text, lines ending in one way; bytes where it is none."""
    body = content(mail, part)
    charset = _CHARSET.search(part.kind)
    named = "utf-8" if charset is None or charset[1].lower() == "us-ascii" else charset[1]
    if part.kind.strip()[:5].lower() != "text/" and charset is None:
        try:
            return body.decode() if part.encoding != "base64" else body
        except UnicodeDecodeError:
            return body
    try:
        text = body.decode(named)
    except (UnicodeDecodeError, LookupError):
        return body
    return text.replace("\r\n", "\n").rstrip("\n")


def leaves(part: Part) -> Iterator[Part]:
    """The parts that are made of no others, in order."""
    if not part.parts:
        yield part
    for below in part.parts:
        yield from leaves(below)


def canonical(mail: bytes) -> dict[str, Any]:
    """What a mail says: the headers by their names, and the body, decoded. Boundaries, ids that
    ``email.utils.make_msgid`` made, and the moment are set aside.
    """
    return _canonical(mail, parse(mail))


def readable(value: str) -> str:
    """A header's value without its encoded words (RFC 2047)."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, UnicodeDecodeError, LookupError, ValueError):
        return value


def _canonical(mail: bytes, part: Part) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in part.headers:
        lower = name.lower()
        if lower in _NOT_MATCHED:
            continue
        if lower == "content-transfer-encoding":
            continue  # what is written so is compared
        said = _without_id(readable(value))
        if lower == "content-type":
            said = _BOUNDARY.sub('boundary="boundary"', said)
        headers.setdefault(lower, []).append(said)
    body: Any
    if part.parts:
        body = [_canonical(mail, below) for below in part.parts]
    else:
        body = text_of(mail, part)
        body = _without_id(body) if isinstance(body, str) else body
    return {"headers": headers, "body": body}


def _without_id(text: str) -> str:
    return _MADE_ID.sub("(made)", text) if "@" in text else text


def _part(mail: bytes, start: int, end: int, depth: int, left: list[int]) -> Part:
    left[0] -= 1
    headers, body = _head(mail, start, end)
    part = Part(headers, start, body, end, [])
    kind = part.kind.strip().lower()
    if kind.startswith("multipart/") and depth < _MAX_DEPTH:
        boundary = _BOUNDARY.search(part.kind)
        if boundary is not None:
            mark = b"--" + (boundary[1] or boundary[2]).encode("utf-8", "surrogateescape")
            part.parts.extend(_parts(mail, body, end, mark, depth, left))
    return part


def _head(mail: bytes, start: int, end: int) -> tuple[list[tuple[str, str]], int]:
    """The headers, and where the body begins."""
    if blank := _LINE.match(mail, start, end):
        return [], blank.end()  # none
    if _HEADER.match(mail, start, end) is None:
        return [], start
    found = _HEAD_END.search(mail, start, end)
    head = mail[start : found.start() if found else end]
    headers = []
    for line in _LINE.split(_FOLD.sub(b"", head)):
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if colon:
            headers.append((name.strip(), value.strip()))
    return headers, found.end() if found else end


def _parts(mail: bytes, start: int, end: int, mark: bytes, depth: int, left: list[int]) -> Iterator[Part]:
    delimiter = re.compile(rb"(?:\A|\r?\n)" + re.escape(mark) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    body = mail[start:end]
    before = None
    for found in delimiter.finditer(body):
        if before is not None and left[0] > 0:
            line = _LINE.match(body, before)
            first = line.end() if line else before
            yield _part(mail, start + min(first, found.start()), start + found.start(), depth + 1, left)
        before = found.end()
        if found[1]:
            return
    if before is not None and left[0] > 0:  # cut off
        line = _LINE.match(body, before)
        yield _part(mail, start + (line.end() if line else before), end, depth + 1, left)
