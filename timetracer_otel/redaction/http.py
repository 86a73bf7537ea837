"""Secrets in HTTP messages: headers, URLs and bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

import msgspec

from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.redaction import codings
from timetracer_otel.redaction.bodies import body_edits
from timetracer_otel.redaction.mask import MASK, Edit, apply, moved, note
from timetracer_otel.redaction.names import SensitiveNames, words
from timetracer_otel.redaction.urls import mask_url

Headers: TypeAlias = "list[tuple[str, str]]"
H = TypeVar("H", bound=HttpRequest | HttpResponse)

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization"})
_SCHEMELESS: Final = frozenset({"auth", "x-auth", "authentication", "x-authentication", "cookie2"})
"""Headers that are credentials as a whole."""
_URLS: Final = frozenset({"refresh", "link"})
_URL_WORDS: Final = frozenset(
    {"url", "uri", "location", "redirect", "referer", "referrer", "destination", "origin", "callback"}
)
"""Words in the names of headers that hold URLs: ``X-Original-URI``, ``HX-Current-URL``."""
_COOKIES: Final = frozenset({"cookie", "set-cookie"})
_OF_BODY: Final = frozenset({"content-type", "content-encoding"})
_MAX_RULES: Final = 4096
_MAX_NAME: Final = 200
_MAX_URLS: Final = 128
_MAX_URL: Final = 2048
_URL: Final = re.compile(r'[^\s<>"]+')
_NAMES: Final = SensitiveNames()


def is_credential(header: str) -> bool:
    """True for a header that says who asks: it is masked whatever the settings are."""
    lower = header.lower()
    return lower in _CREDENTIALS or lower in _SCHEMELESS or lower == "cookie" or lower in _NAMES


class HttpRules:
    """Masks what is secret in HTTP messages.

    Args:
        names: which names of parameters and keys are secret.
        headers: more headers to mask.
    """

    def __init__(self, names: SensitiveNames, headers: Iterable[str] = ()) -> None:
        self._names = names
        self._headers = frozenset(name.strip().lower() for name in headers)
        self._rules: dict[str, tuple[str, bool] | None] = {}
        # one request's URL stands in several attributes
        self._known_urls = lru_cache(maxsize=_MAX_URLS)(self._find_in_url)

    def request(self, message: HttpRequest, masked: list[str]) -> HttpRequest:
        """The request without secrets; the same object when it has none."""
        url = self._noted_url(message.url, "request URL", masked)
        headers, content_type, coding = self._mask_headers(message.headers, "request header", masked)
        body, _ = self._body(message.body, content_type, coding, "request body", masked)
        if url == message.url and headers is message.headers and body is message.body:
            return message
        return msgspec.structs.replace(with_body(message, headers, body, []), url=url)

    def response(self, message: HttpResponse, masked: list[str]) -> HttpResponse:
        """The response without secrets; the same object when it has none."""
        headers, content_type, coding = self._mask_headers(message.headers, "response header", masked)
        body, edits = self._body(message.body, content_type, coding, "response body", masked)
        if headers is message.headers and body is message.body:
            return message
        return with_body(message, headers, body, edits)

    def url(self, url: str) -> str:
        """The URL without passwords and secret parameters; the same object when it has none."""
        return self._mask_url(url)[0]

    def header(self, name: str, value: str) -> str:
        """The header's value without secrets; the same object when it has none."""
        lower = name.lower()
        if lower in _CREDENTIALS:
            scheme, blank, rest = value.partition(" ")
            return value if rest == MASK or not value else (scheme + blank if rest else "") + MASK
        if lower == "cookie":
            return ";".join(map(_mask_cookie, value.split(";")))
        if lower == "set-cookie":
            cookie, sign, rest = value.partition(";")
            return _mask_cookie(cookie) + sign + rest
        if lower in self._headers or lower in self._names or lower in _SCHEMELESS:
            return MASK if value else value
        if _holds_url(lower):
            return _URL.sub(lambda found: self._mask_url(found[0])[0], value)
        return value

    def _mask_headers(self, headers: Headers, where: str, masked: list[str]) -> tuple[Headers, str, str]:
        """The headers masked, and what they say of the body: its type and its coding."""
        result: Headers | None = None
        content_type = coding = ""
        of_body = 0
        rules = self._rules
        for at, (name, value) in enumerate(headers):
            # most headers may say what they like
            rule = rules[name] if name in rules else self._rule(name)
            if rule is None:
                continue
            lower, secret = rule
            if lower == "content-type" and not of_body & 1:
                content_type = value
                of_body |= 1
            elif lower == "content-encoding" and not of_body & 2:
                coding = value.strip().lower()
                of_body |= 2
            if secret and (clean := self.header(name, value)) != value:
                note(f"{where} {lower}", masked)
                if result is None:
                    result = list(headers)
                result[at] = (name, clean)
        return headers if result is None else result, content_type, coding

    def _rule(self, name: str) -> tuple[str, bool] | None:
        """The header's name in lower case, and whether it may hold a secret (see :meth:`header`); ``None``
        where it may not, nor says anything of the body.
        """
        lower = name.lower()
        secret = (
            lower in _CREDENTIALS
            or lower in _COOKIES
            or lower in _SCHEMELESS
            or _holds_url(lower)
            or lower in self._headers
            or lower in self._names
        )
        rule = (lower, secret) if secret or lower in _OF_BODY else None
        if len(self._rules) < _MAX_RULES and len(name) < _MAX_NAME:
            self._rules[name] = rule
        return rule

    def _noted_url(self, url: str, where: str, masked: list[str]) -> str:
        clean, found = self._mask_url(url)
        for name in found:
            note(f"{where} {name}", masked)
        return clean

    def _mask_url(self, url: str) -> tuple[str, tuple[str, ...]]:
        return self._known_urls(url) if len(url) < _MAX_URL else self._find_in_url(url)

    def _find_in_url(self, url: str) -> tuple[str, tuple[str, ...]]:
        return mask_url(url, self._names)

    def _body(
        self, body: bytes | None, content_type: str, coding: str, where: str, masked: list[str]
    ) -> tuple[bytes | None, list[Edit]]:
        """The body to keep, and the edits where they were made in it as it stands."""
        if not body:
            return body, []
        try:
            plain = body if coding in ("identity", "") else codings.decode(body, coding)
            edits = body_edits(plain, content_type, self._names)
            if not edits:
                return body, []
            clean = apply(plain, edits)
            for edit in edits:
                note(f"{where} {edit.name}", masked)
            if plain is body:
                return clean, edits
            return codings.encode(clean, coding), []
        except codings.UndecodableError as error:
            note(f"{where} (not kept, it cannot be searched: {error})", masked)
            return None, []


def with_body(message: H, headers: Headers, body: bytes | None, edits: list[Edit]) -> H:
    """The message with other headers and another body, and all that goes by the body's length.

    Args:
        message: a request or a response; it is not changed.
        headers: its headers, masked.
        body: its body, masked; ``None`` when it is not kept.
        edits: what was changed in it; nothing when it was encoded anew.
    """
    headers = fix_length(headers, message.body, body)
    if isinstance(message, HttpRequest):
        return msgspec.structs.replace(message, headers=headers, body=body)
    chunks = message.chunks
    if chunks is not None and body is not message.body:
        sizes = [size for size, _ in chunks]
        if body is None or message.body is None:
            chunks = None
        else:
            sizes = moved(sizes, edits) if edits else scaled(sizes, len(body))
            chunks = [[size, at] for size, (_, at) in zip(sizes, chunks, strict=True)]
    return msgspec.structs.replace(message, headers=headers, body=body, chunks=chunks)


@lru_cache(maxsize=_MAX_RULES)
def _holds_url(name: str) -> bool:
    return name in _URLS or not _URL_WORDS.isdisjoint(words(name[:_MAX_NAME]).split())


def _mask_cookie(pair: str) -> str:
    name, sign, value = pair.partition("=")
    if not sign:
        name, value = "", pair  # a cookie without a name
    return f"{name}{sign}{MASK}" if value.strip().strip('"') else pair


def fix_length(headers: Headers, before: bytes | None, after: bytes | None) -> Headers:
    """``Content-Length`` as it must be for the masked body, where it was right for the true one."""
    if before is None or after is None or len(before) == len(after):
        return headers
    was = str(len(before))
    return [
        (name, str(len(after)) if name.lower() == "content-length" and value.strip() == was else value)
        for name, value in headers
    ]


def scaled(sizes: list[int], total: int) -> list[int]:
    """Sizes in the same proportions, for a body that was encoded anew."""
    before = sum(sizes)
    if not before:
        return sizes
    borders = [0]
    seen = 0
    for size in sizes:
        seen += size
        borders.append(seen * total // before)
    return [end - start for start, end in pairwise(borders)]
