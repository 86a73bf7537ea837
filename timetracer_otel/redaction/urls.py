"""Secrets in URLs and forms; and what is a secret wherever it stands in text: in a URL, a signed token."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Final
from urllib.parse import quote_plus, unquote, unquote_plus

from timetracer_otel.redaction.basic import hides_user
from timetracer_otel.redaction.json_text import json_edits
from timetracer_otel.redaction.mask import MASK, URL_MASK, Edit, apply
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.shapes import shaped_edits

_FIELD: Final = re.compile(rb"(?:^|(?<=[&;]))([^&;=]*+)=((?:[^&;]++|;(?![\w.%\[\]-]{1,64}=(?![=&;]|\Z)))*+)")
"""A field ends at an ampersand, and at a semicolon before another name: older servers write and read those.
Looked for where a field begins: else a long one without a sign is looked through from each byte.
"""
_GRANT: Final = re.compile(rb"(?:^|[?&;])(?:grant_type|state|session_state|code_verifier)=")
"""What stands beside the ``code`` of OAuth, which tokens are given for; other codes are of countries."""
_PATH_PARAMETER: Final = re.compile(r";([^;/?#=]*+)=([^;/?#]*+)")
"""``/shop;jsessionid=1``; no ``#`` and no ``?`` stands before it."""
_USER_INFO: Final = re.compile(r"^([^/?#]*//)([^/?#]*)@")
_NESTED: Final = 3
"""URLs in parameters of URLs, so many times over."""
_IN_TEXT: Final = re.compile(rb""":(?://|\\/\\/)[^\s"'<>]*+""")
"""A URL after its scheme; in JSON the strokes may have others before them."""
_PARAMETER: Final = re.compile(rb"[?&;#]([^=&#?;]++)=")
_SAID: Final = re.compile(r"""(?P<name>[\w-]{1,100})\)?=(?P<value>\([^)]*\)|"[^"]*"|'[^']*'|[^\s,;&"'()]+)""")
"""``password=x``, ``Key (token)=(x)``: what follows an equals sign without a blank."""


def mask_url(url: str, names: SensitiveNames, nested: int = _NESTED) -> tuple[str, tuple[str, ...]]:
    """The URL without passwords and secret parameters, and the names of what was masked.

    Args:
        url: whole or relative; the same object when it has none.
        names: which parameters are secret.
        nested: how often URLs in parameters may be within one another.
    """
    found: list[str] = []
    user_info = _USER_INFO.match(url)
    if user_info is not None:
        user, colon, password = user_info[2].partition(":")
        if not colon:
            user, password = "", user  # a name alone is often a token
        clean_user = URL_MASK if hides_user(unquote(user), unquote(password), names) else user
        clean_password = URL_MASK if password and password != MASK else password
        if (clean_user, clean_password) != (user, password):
            found.append("user" if clean_password == password else "password")
            url = f"{user_info[1]}{clean_user}{colon}{clean_password}{url[user_info.end() - 1 :]}"
    if ";" in url:
        url, parameters = _mask_path(url, names)
        found += parameters
    for mark in "?#":
        before, sign, after = url.partition(mark)
        part, hash_sign, rest = after.partition("#") if mark == "?" else (after, "", "")
        if "=" not in part:
            continue
        data = part.encode("utf-8", "surrogatepass")
        edits = form_edits(data, names, url=True, nested=nested)
        if edits:
            found += [edit.name for edit in edits]
            url = before + sign + apply(data, edits).decode("utf-8", "surrogatepass") + hash_sign + rest
    return url, tuple(found)


def _mask_path(url: str, names: SensitiveNames) -> tuple[str, list[str]]:
    """The URL without secret parameters in its path."""
    found: list[str] = []

    def one(parameter: re.Match[str]) -> str:
        name, value = unquote_plus(parameter[1]), parameter[2]
        if not value or value in (URL_MASK, MASK) or not names.in_url(name, value):
            return parameter[0]
        found.append(name)
        return f";{parameter[1]}={URL_MASK}"

    end = min((at for mark in "?#" if (at := url.find(mark)) >= 0), default=len(url))
    path = _PATH_PARAMETER.sub(one, url[:end]) if ";" in url[:end] else ""
    return (path + url[end:] if found else url), found


def form_edits(body: bytes, names: SensitiveNames, *, url: bool = False, nested: int = _NESTED) -> list[Edit]:
    """What to mask in ``a=1&b=2``: a form, or the query of a URL."""
    edits: list[Edit] = []
    granted = _GRANT.search(body) is not None
    for field in _FIELD.finditer(body):
        name = unquote_plus(field[1].decode("utf-8", "surrogateescape"))
        value = unquote_plus(field[2].decode("utf-8", "surrogateescape"))
        if not value or value == MASK:
            continue
        start, end = field.span(2)
        if (names.in_url(name, value) if url else names.hide(name, value)) or (granted and name == "code"):
            edits.append(Edit(start, end, URL_MASK.encode(), name))
        elif value[:1] in ("{", "["):
            inner = unquote_plus(field[2].decode("latin-1"), errors="surrogateescape")
            data = inner.encode("utf-8", "surrogateescape")
            if found := json_edits(data, names):
                edits.append(Edit(start, end, quote_plus(apply(data, found)).encode(), found[0].name))
        elif nested and _may_be_url(value):
            inner = unquote_plus(field[2].decode("latin-1"), errors="surrogateescape")
            clean, masked = mask_url(inner, names, nested - 1)
            if masked:
                plain = b"%" not in field[2] and b"+" not in field[2]
                text = clean if plain else quote_plus(clean.replace(URL_MASK, MASK), errors="surrogateescape")
                edits.append(Edit(start, end, text.encode("utf-8", "surrogateescape"), masked[0]))
    return edits


def _may_be_url(value: str) -> bool:
    """True for what may hold a secret in a URL's way: ``/reset?token=x``, ``https://u:p@host``."""
    return ("//" in value and "@" in value) or ("=" in value and ("?" in value or "#" in value))


def text_edits(body: bytes, names: SensitiveNames) -> list[Edit]:
    """What to mask in a text, or in strings of JSON: secrets of its URLs, and those of a known form."""
    edits = _url_edits(body, names) if b"://" in body or rb":\/\/" in body else []
    shaped = shaped_edits(body)
    if shaped:
        edits = _merged(edits, shaped) if edits else shaped
    return edits


def _url_edits(body: bytes, names: SensitiveNames) -> list[Edit]:
    edits: list[Edit] = []
    for found in _IN_TEXT.finditer(body):
        given = found[0].rstrip(b"\\")  # before the end of a string within a string
        if _plainly_harmless(given, names):
            continue
        text, escaped = _unescaped(given)
        clean, masked = mask_url(text, names)
        if masked:
            new = json.dumps(clean, ensure_ascii=False)[1:-1] if escaped else clean
            start = found.start()
            edits.append(Edit(start, start + len(given), new.encode("utf-8", "surrogateescape"), masked[0]))
    return edits


def _plainly_harmless(given: bytes, names: SensitiveNames) -> bool:
    """True for a URL without a password whose parameters say what they are: most links of a page."""
    if b"@" in given or b"%" in given or b"\\" in given or given.count(b"?") > 1:
        return False
    return b"=" not in given or not any(map(names.in_url_bytes, _PARAMETER.findall(given)))


def _unescaped(given: bytes) -> tuple[str, bool]:
    text = given.decode("utf-8", "surrogateescape")
    if b"\\" in given:
        try:
            plain = str(json.loads(f'"{text}"'))
        except ValueError:
            return text, False
        plain.encode("utf-8", "surrogateescape")  # half a pair is no URL's
        return plain, True
    return text, False


def with_texts(body: bytes, edits: list[Edit], names: SensitiveNames) -> list[Edit]:
    """The edits, and those of :func:`text_edits`.

    Args:
        body: the text.
        edits: what is masked in it already, in order; their texts are masked, too.
        names: which parameters are secret.
    """
    found = text_edits(body, names)
    if not found:
        return edits
    edits = [edit._replace(text=apply(edit.text, text_edits(edit.text, names))) for edit in edits]
    return _merged(edits, found)


def _merged(edits: list[Edit], others: list[Edit]) -> list[Edit]:
    """Both in order, without those of the others that overlap."""
    merged: list[Edit] = []
    waiting = deque(others)
    for edit in edits:
        while waiting and waiting[0].start < edit.end:
            other = waiting.popleft()
            if other.end <= edit.start:
                merged.append(other)
        merged.append(edit)
    return [*merged, *waiting]


def mask_said(text: str, names: SensitiveNames) -> tuple[str, tuple[str, ...]]:
    """What is said for people (the message of an exception, the line of a command) without the secrets in its
    URLs and after names with an equals sign; and their names.
    """
    found: list[str] = []
    data = text.encode("utf-8", "surrogatepass")
    if edits := text_edits(data, names):
        found += [edit.name for edit in edits]
        text = apply(data, edits).decode("utf-8", "surrogatepass")

    def one(said: re.Match[str]) -> str:
        if (
            not names.hide(said["name"], said["value"].strip("\"'()"))
            or MASK in said["value"]
            or URL_MASK in said["value"]
        ):
            return said[0]
        found.append(said["name"])
        return said[0][: said.start("value") - said.start()] + MASK

    if "=" in text:
        text = _SAID.sub(one, text)
    return text, tuple(found)
