"""Secrets in headers and URLs of HTTP messages; metadata and headers of others go by the same rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import unquote

from timetracer_otel.redaction.basic import mask_basic
from timetracer_otel.redaction.mask import MASK, URL_MASK, note
from timetracer_otel.redaction.names import SensitiveNames, words
from timetracer_otel.redaction.opaque import is_opaque
from timetracer_otel.redaction.urls import mask_url

Headers: TypeAlias = "list[tuple[str, str]]"

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization"})
_SCHEMELESS: Final = frozenset({"auth", "x-auth", "authentication", "x-authentication", "cookie2"})
"""Headers that are credentials as a whole."""
_URLS: Final = frozenset({"refresh", "link"})
_URL_WORDS: Final = frozenset(
    {"url", "uri", "location", "redirect", "referer", "referrer", "destination", "origin", "callback"}
)
"""Words in the names of headers that hold URLs: ``X-Original-URI``, ``HX-Current-URL``."""
_COOKIES: Final = frozenset({"cookie", "set-cookie"})
_BAGGAGE: Final = "baggage"
"""Names and values by the dozen, which tracing takes from service to service."""
_PROTOCOLS: Final = "sec-websocket-protocol"
"""Browsers can say a token nowhere else: it is put among the names of protocols."""
_PAIR: Final = re.compile(r"(?:^|(?<=[,;]))(?P<name>[^=,;]*+)=(?P<value>[^,;]*+)")
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


class HeaderRules:
    """Masks what is secret in headers and URLs.

    Args:
        names: which names of parameters and headers are secret.
        headers: more headers to mask.
    """

    def __init__(self, names: SensitiveNames, headers: Iterable[str] = ()) -> None:
        self.names = names
        self._headers = frozenset(name.strip().lower() for name in headers)
        self._rules: dict[str, tuple[str, bool] | None] = {}
        # one request's URL stands in several attributes
        self._known_urls = lru_cache(maxsize=_MAX_URLS)(self._find_in_url)

    def url(self, url: str) -> str:
        """The URL without passwords and secret parameters; the same object when it has none."""
        return self.mask_url(url)[0]

    def header(self, name: str, value: str) -> str:
        """The header's value without secrets; the same object when it has none."""
        lower = name.lower()
        if lower in _CREDENTIALS:
            basic = mask_basic(value, self.names)
            if basic is not None:
                return basic
            scheme, blank, rest = value.partition(" ")
            return value if rest == MASK or not value else (scheme + blank if rest else "") + MASK
        if lower == "cookie":
            return ";".join(map(_mask_cookie, value.split(";")))
        if lower == "set-cookie":
            cookie, sign, rest = value.partition(";")
            return _mask_cookie(cookie) + sign + rest
        if lower == _BAGGAGE:
            return _PAIR.sub(self._mask_pair, value)
        if lower == _PROTOCOLS:
            return ",".join(map(_mask_protocol, value.split(",")))
        if lower in self._headers or lower in self.names or lower in _SCHEMELESS:
            basic = mask_basic(value, self.names)
            return basic if basic is not None else MASK if value else value
        if _holds_url(lower):
            return _URL.sub(lambda found: self.mask_url(found[0])[0], value)
        return value

    def headers(self, headers: Headers, where: str, masked: list[str]) -> tuple[Headers, str, str]:
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
            or lower in (_BAGGAGE, _PROTOCOLS)
            or _holds_url(lower)
            or lower in self._headers
            or lower in self.names
        )
        rule = (lower, secret) if secret or lower in _OF_BODY else None
        if len(self._rules) < _MAX_RULES and len(name) < _MAX_NAME:
            self._rules[name] = rule
        return rule

    def _mask_pair(self, pair: re.Match[str]) -> str:
        value = unquote(pair["value"]).strip()
        if not value or value == MASK or not self.names.hide(unquote(pair["name"]).strip(), value):
            return pair[0]
        return f"{pair['name']}={URL_MASK}"

    def mask_url(self, url: str) -> tuple[str, tuple[str, ...]]:
        """The URL as of :meth:`url`, and the names of what was masked in it."""
        return self._known_urls(url) if len(url) < _MAX_URL else self._find_in_url(url)

    def _find_in_url(self, url: str) -> tuple[str, tuple[str, ...]]:
        return mask_url(url, self.names)


@lru_cache(maxsize=_MAX_RULES)
def _holds_url(name: str) -> bool:
    return name in _URLS or not _URL_WORDS.isdisjoint(words(name[:_MAX_NAME]).split())


def _mask_protocol(given: str) -> str:
    """A protocol without the token that it is, or that ends it: ``bearer.authorization.k8s.io.<token>``."""
    name = given.strip()
    secret = name if name.startswith("eyJ") else name.rpartition(".")[2]
    return given.replace(secret, MASK) if is_opaque(secret) else given


def _mask_cookie(pair: str) -> str:
    name, sign, value = pair.partition("=")
    if not sign:
        name, value = "", pair  # a cookie without a name
    return f"{name}{sign}{MASK}" if value.strip().strip('"') else pair
