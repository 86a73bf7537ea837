"""Which names are those of secrets: whole words, never parts of one (``age`` is not in ``message``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final

from timetracer_otel.redaction.opaque import is_opaque

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W0-9_A-Za-z]+")
"""``userPassword`` and ``user-password`` are two words, ``APIKey`` is, too."""

_PHRASES: Final = (
    *("password", "passwords", "pass word", "passwd", "passphrase", "pass phrase", "passcode", "pwd", "pw"),
    *("passwordhash", "passwordsalt", "passwordconfirm", "passwordconfirmation", "connection string"),
    *(
        "db pass",
        "database pass",
        "user pass",
        "smtp pass",
        "mail pass",
        "auth pass",
        "root pass",
        "admin pass",
    ),
    *("secret", "secrets", "token", "tokens", "jwt", "bearer", "authorization", "credential", "credentials"),
    *(
        "csrf",
        "xsrf",
        "csrfmiddlewaretoken",
        "csrftoken",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "idtoken",
    ),
    *("api key", "api keys", "apikey", "apikeys", "access key", "accesskey", "auth key", "authkey"),
    *("clientsecret", "secretkey", "private key", "privatekey", "signing key", "encryption key"),
    *("subscription key", "functions key", "master key", "ssh key", "deploy key", "shared access signature"),
    *("session id", "sessionid", "jsessionid", "phpsessid", "session key", "magic link", "connectionstring"),
    *("authorization code", "auth code", "code verifier", "mfa code", "seed phrase", "otpauth"),
    *("requirepass", "masterauth", "sessid", "saml response", "samlresponse", "device code"),
    *(
        "recovery code",
        "recovery codes",
        "backup code",
        "backup codes",
        "credit card",
        "creditcard",
        "debit card",
    ),
)
_NUMBERS: Final = (
    *("card number", "cardnumber", "cc number", "cvv", "cvc", "csc", "security code", "verification code"),
    *("ssn", "social security", "otp", "totp", "one time password", "pin code", "account pin", "user pin"),
)
"""Secrets that may be numbers. A ``token`` that is a number is a count."""

_ENDS: Final = (
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "tokens",
    "apikey",
)
"""What a name of one word may end in: ``pgpassword``, ``usertoken``, ``clientsecret``."""

_ALONE: Final = frozenset({"pin", "pass"})
"""Secrets when they are the whole name; parts of many harmless ones."""

_BY_VALUE: Final = frozenset(
    {"auth", "sid", "sess", "session", "connect sid", "cookie", "set cookie", "ticket"}
)
"""Secrets when they are the whole name and the value looks like one: some sessions are held on Mondays."""

_HARMLESS: Final = re.compile(
    r" (?:type|count|limit|expires|expiry|expiration|ttl|length|policy|at|in|enabled|required|usage|brand) $"
    r"| (?:total|max|max new|input|output|prompt|completion|reasoning|remaining) tokens $"
    r"| rate ?limit "
    r"| (?:next|page|continuation|sync|pagination) ?(?:page ?)?tokens? $"
)
"""What is said *of* a secret (``token_type``, ``password_changed_at``), and tokens that count: pages, words
of language models.
"""

_URL_ONLY: Final = frozenset({"sig", "signature"})
"""In a URL a signature is what opens it; elsewhere it proves the sender and opens nothing."""

_KEY: Final = re.compile(rb'"(?=([^"\\]{1,200}+)\\*"\s*+:)')
"""Whatever stands in quotes before a colon, in JSON and in JSON inside its strings."""
_ESCAPED: Final = re.compile(rb"\\u00[4-7]")
"""An ASCII letter written as an escape: it could be one of a secret's name."""
_HARMLESS_NAME: Final = 0
_BY_ITS_VALUE: Final = 1
_SECRET: Final = 2
_MAX_CACHED: Final = 4096
_MAX_NAME: Final = 100
"""Characters of a name that is remembered."""
_MAX_VALUE: Final = 10_000


def words(name: str) -> str:
    """The name's words in lower case, each with a blank on both sides: `` user password ``."""
    return f" {' '.join(_WORD.findall(name)).lower()} "


class SensitiveNames:
    """Tells the names of secrets from others.

    Args:
        extra: more words or phrases, in any spelling: ``email``, ``tax-number``, ``taxNumber``.
    """

    def __init__(self, extra: Iterable[str] = ()) -> None:
        own = [text for phrase in extra if (text := words(phrase).strip())]
        self._own = _any_of(own) if own else None
        self._numbers = _any_of([*_NUMBERS, *own])
        self._known: dict[str, int] = {}
        self._harmless: set[bytes] = set()
        self._in_url: dict[bytes, bool] = {}

    def __contains__(self, name: str) -> bool:
        known = self._known.get(name)
        return (self._learn(name) if known is None else known) is _SECRET

    def hide(self, name: str, value: object) -> bool:
        """True when a value of that name is a secret: the name says so, or leaves it to the value.

        Args:
            name: of a key, a field, a column.
            value: of any type; only a text can decide.
        """
        known = self._known.get(name)
        if known is None:
            known = self._learn(name)
        if known is _BY_ITS_VALUE:
            if isinstance(value, bytes):
                value = value[:_MAX_VALUE].decode("utf-8", "replace")
            return isinstance(value, str) and is_opaque(value)
        return known is _SECRET

    def may_hide(self, name: str) -> bool:
        """False when no value of that name is a secret."""
        known = self._known.get(name)
        return (self._learn(name) if known is None else known) is not _HARMLESS_NAME

    def _learn(self, name: str) -> int:
        known = _SECRET if self._decide(name) else _BY_ITS_VALUE if _leaves_it_open(name) else _HARMLESS_NAME
        if len(self._known) < _MAX_CACHED and len(name) < _MAX_NAME:
            self._known[name] = known
        return known

    def _decide(self, name: str) -> bool:
        if self._own is not None and self._own.search(words(name)):
            return True
        return _is_secret(name) if len(name) < _MAX_NAME else _is_secret.__wrapped__(name)

    def covers_numbers(self, name: str) -> bool:
        """True when a number of that name is a secret, too."""
        text = words(name)
        return text.strip() in _ALONE or self._numbers.search(text) is not None

    def in_url(self, name: str, value: str) -> bool:
        """True for a parameter of a URL that is a secret."""
        return self.hide(name, value) or words(name).rpartition(" ")[0].rpartition(" ")[2] in _URL_ONLY

    def in_url_bytes(self, name: bytes) -> bool:
        """True for a name in the midst of a text that may be one of them, by its value; remembered for the
        few that a service has.
        """
        found = self._in_url.get(name)
        if found is None:
            text = name.decode("utf-8", "replace")
            found = self.may_hide(text) or self.in_url(text, "")
            if len(self._in_url) < _MAX_CACHED and len(name) < _MAX_NAME:
                self._in_url[name] = found
        return found

    def may_occur(self, text: bytes) -> bool:
        """False when no key of the JSON text can be one of a secret: quick, for the many without."""
        if b"\\u00" in text and _ESCAPED.search(text):
            return True
        keys = set(_KEY.findall(text))
        if keys <= self._harmless:
            return False
        for key in keys:
            if self.may_hide(key.decode("utf-8", "replace")):
                return True
        if len(self._harmless) < _MAX_CACHED:
            self._harmless.update(key for key in keys if len(key) < _MAX_NAME)
        return False


def _leaves_it_open(name: str) -> bool:
    return len(name) < _MAX_NAME and words(name).strip() in _BY_VALUE


@lru_cache(maxsize=_MAX_CACHED)
def _is_secret(name: str) -> bool:
    """By the phrases that everybody has: decided once for all the sessions of a process."""
    text = words(name)
    found = text.strip() in _ALONE or _known_secrets().search(text) is not None
    return found and not _HARMLESS.search(text)


@cache
def _known_secrets() -> re.Pattern[str]:
    return re.compile(f"{_any_of([*_PHRASES, *_NUMBERS]).pattern}|(?:{'|'.join(_ENDS)})(?= )")


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(f" (?:{'|'.join(map(re.escape, phrases))})(?= )")
