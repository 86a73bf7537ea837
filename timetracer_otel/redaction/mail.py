"""Secrets in mails: in headers, in links, after names; whatever the transfer encoding of a part is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from timetracer_otel.messages import MailCommand, mime
from timetracer_otel.redaction.bodies import BodyRules
from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.mask import MASK, Edit, apply, note
from timetracer_otel.redaction.urls import with_texts

Edits: TypeAlias = "Callable[[bytes, str], list[Edit]]"
"""What to change in some bytes, by their content type."""

_LINE: Final = re.compile(rb"^([!-9;-~]+):[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.MULTILINE)
_SAID: Final = re.compile(
    rb"([\w-]{1,100})[ \t]{0,8}[:=][ \t]{0,8}([^\s<>\"']{4,})[ \t]*(?=\r?$)", re.MULTILINE
)
"""``Password: x`` at the end of a line, as people are told it."""
_ENCODED: Final = frozenset({"base64", "quoted-printable"})
_WITHIN: Final = 4
"""Mails within one another."""
_HEAD: Final = ""
"""Stands for the content type of headers."""


class MailRules:
    """Masks what is secret in mails; who sends and who gets them stays.

    Args:
        headers: the rules of headers, which say what names are secret.
    """

    def __init__(self, headers: HeaderRules) -> None:
        self._headers = headers
        self._bodies = BodyRules(headers)

    def command(self, message: MailCommand, masked: list[str]) -> MailCommand:
        """The command without secrets; the same object when it has none."""
        if not message.message:
            return message
        edits = mail_edits(message.message, self._edits)
        if not edits:
            return message
        for edit in edits:
            note(f"mail {edit.name}", masked)
        return msgspec.structs.replace(message, message=apply(message.message, edits))

    def _edits(self, body: bytes, kind: str) -> list[Edit]:
        if kind == _HEAD:
            return with_texts(body, self._head(body), self._headers.names)
        edits = self._bodies.edits(body, kind)
        return _joined(edits, self._said(body)) if kind.lower().startswith("text/") else edits

    def _head(self, head: bytes) -> list[Edit]:
        edits = []
        for found in _LINE.finditer(head):
            name, value = found[1].decode("ascii", "replace"), found[2].decode("utf-8", "surrogateescape")
            clean = self._headers.header(name, value)
            if clean != value:
                text = clean.encode("utf-8", "surrogateescape")
                edits.append(Edit(found.start(2), found.end(2), text, f"header {name.lower()}"))
        return edits

    def _said(self, body: bytes) -> list[Edit]:
        edits = []
        for found in _SAID.finditer(body):
            name, value = (found[at].decode("utf-8", "replace") for at in (1, 2))
            if self._headers.names.hide(name, value) and MASK not in value:
                edits.append(Edit(found.start(2), found.end(2), MASK.encode(), name))
        return edits


def mail_edits(mail: bytes, edits: Edits, within: int = 0) -> list[Edit]:
    """What to change in a mail.

    Args:
        mail: its bytes.
        edits: finds it in the headers (their content type is ""), and in bodies without transfer encoding.
        within: in how many other mails it is.
    """
    found: list[Edit] = []
    _of_part(mail, mime.parse(mail), edits, within, found)
    return found


def _of_part(mail: bytes, part: mime.Part, edits: Edits, within: int, found: list[Edit]) -> None:
    if part.headers:
        found += _moved(edits(mail[part.head : part.start], _HEAD), part.head)
    if part.parts:
        for below in part.parts:
            _of_part(mail, below, edits, within, found)
        return
    body = mime.content(mail, part)
    if part.kind.lower().startswith("message/rfc822") and within < _WITHIN:
        new = mail_edits(body, edits, within + 1)
    else:
        new = edits(body, part.kind)
    if not new:
        return
    if part.encoding in _ENCODED:
        written = mail[part.start : part.end]
        rest = written[len(written.rstrip(b"\r\n")) :]
        text = mime.encoded(apply(body, new), part.encoding).rstrip(b"\r\n") + rest
        found.append(Edit(part.start, part.end, text, ", ".join(dict.fromkeys(edit.name for edit in new))))
    else:
        found += _moved(new, part.start)


def _moved(edits: list[Edit], by: int) -> list[Edit]:
    return [edit._replace(start=edit.start + by, end=edit.end + by) for edit in edits]


def _joined(edits: list[Edit], others: list[Edit]) -> list[Edit]:
    """Both in order, without those of the others that overlap."""
    free = [one for one in others if all(one.end <= edit.start or edit.end <= one.start for edit in edits)]
    return sorted([*edits, *free])
