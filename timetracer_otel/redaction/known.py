"""Secrets that one message of a trace gave away by its names, found wherever else the trace says them.

A bearer token is masked in the header it came in; the key ``session:<token>`` that the app asks Redis for
holds it as well, under a name that says nothing. What was masked once is a secret in the whole trace.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import is_
from typing import Any, Final, TypeVar
from urllib.parse import quote, quote_plus, unquote_plus

import msgspec

from timetracer_otel.messages import (
    Failure,
    GrpcReply,
    GrpcRequest,
    HttpRequest,
    HttpResponse,
    KafkaRecord,
    MailCommand,
    mime,
)
from timetracer_otel.redaction import codings
from timetracer_otel.redaction.binary import is_text, mask_of_length
from timetracer_otel.redaction.charsets import as_utf8, charset_of, edits_in_charset
from timetracer_otel.redaction.digests import digests, digests_of_mask
from timetracer_otel.redaction.http import with_body
from timetracer_otel.redaction.mail import mail_edits
from timetracer_otel.redaction.mask import MASK, URL_MASK, Edit, apply, basic_pair, note
from timetracer_otel.redaction.protobuf import leaves
from timetracer_otel.span import AttributeValue, Span

M = TypeVar("M")

_SHORTEST: Final = 8
_SHORTEST_COOKIE: Final = 16
"""Cookies hold settings as well as secrets; those are short."""
_COOKIES: Final = (".header.cookie", ".header.set-cookie", ".header.set_cookie")
"""Ends of the names of attributes with cookies."""
_LONGEST: Final = 8192
_MOST: Final = 100
_MAX_DEPTH: Final = 32
_ENCODED: Final = (
    *('"$bytes"', '"$bytearray"', '"$memoryview"', '"$bson.binary"'),
    *("ransfer-Encoding: base64", "ransfer-Encoding: quoted-printable"),
)
"""Tags below which text is base64, and headers of mails whose parts are: it cannot be searched there."""
_WITHIN: Final = (KafkaRecord, Failure)
"""What of a message is looked into; other structures are values whose form the app relies on."""
_SAME_EVERYWHERE: Final = re.compile(r"[A-Za-z0-9_.~-]+")
"""What is written alike in text, in JSON and in a URL."""
_HIDDEN: Final = re.compile(r"""[^ -~]|[\\'"]""")
"""What ``repr`` of a text writes in another way."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PLACE_OF_URL: Final = re.compile(r"^[^/?#]*//[^/?#]*")


def secrets_in(raw: object, clean: object) -> set[str]:
    """What was masked in a message: the texts that look like secrets.

    A word, a number or a date is left out: it would be found where it is no secret.

    Args:
        raw: the message.
        clean: the same message, masked.
    """
    found: set[str] = set()
    for text, least in _masked_texts(raw, clean, 0):
        for form in _plain(text):
            if least <= len(form) <= _LONGEST and _like_a_secret(form):
                found.add(form)
    return found


def masked_texts(raw: object, clean: object) -> set[str]:
    """All that was masked in a message, words and numbers as well: to recognise what is the same as a whole.

    Args:
        raw: the message.
        clean: the same message, masked.
    """
    return {form for text, _ in _masked_texts(raw, clean, 0) for form in _plain(text) if form}


class KnownSecrets:
    """Masks certain texts wherever they stand in a message.

    Args:
        texts: the secrets. Of very many, the longest are looked for.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        chosen = sorted(texts, key=lambda text: (-len(text), text))[:_MOST]
        forms: dict[str, str] = {}
        for text in chosen:
            forms[text] = MASK
            if _SAME_EVERYWHERE.fullmatch(text):
                continue
            forms.setdefault(json.dumps(text)[1:-1], MASK)
            forms.setdefault(json.dumps(text, ensure_ascii=False)[1:-1], MASK)
            for quoted in (quote(text, safe=""), quote_plus(text)):
                forms.setdefault(quoted, URL_MASK)
        self._digests = dict(
            pair for text in chosen for pair in zip(digests(text), digests_of_mask(), strict=True)
        )
        self._masks = forms
        self._shown = not any(map(_HIDDEN.search, forms))

    # each trace has its own secrets, and most traces say them nowhere else

    @cached_property
    def _text(self) -> re.Pattern[str]:
        return re.compile(self._pattern())

    @cached_property
    def _bytes(self) -> re.Pattern[bytes]:
        return re.compile(self._pattern().encode("utf-8", "surrogatepass"))

    def _pattern(self) -> str:
        return "|".join(map(re.escape, sorted(self._masks, key=len, reverse=True)))

    def may_be_on(self, span: Span) -> bool:
        """False when nothing that the span says holds one, in one look at all of it."""
        text = span.name + repr(span.attributes)
        if span.events or span.status.message:
            text += repr((span.status.message, [event.attributes for event in span.events]))
        self._learn_digests(text)
        if not self._shown:
            return True
        if any(form in text for form in self._masks) or any(tag in text for tag in _ENCODED):
            return True
        return "\\x00" in text or any(map(_written_otherwise, span.attributes.values()))

    def _learn_digests(self, text: str) -> None:
        """Look for the digests, too, that something says: most secrets have none that anything does."""
        for found in [digest for digest in self._digests if digest in text]:
            self._masks[found] = self._digests.pop(found)
            self.__dict__.pop("_text", None)
            self.__dict__.pop("_bytes", None)

    def may_be_in(self, value: AttributeValue) -> bool:
        """False when the encoded attribute certainly holds none."""
        if isinstance(value, str):
            hidden = "\0" in value or any(tag in value for tag in _ENCODED)
            return hidden or self._text.search(value) is not None
        if isinstance(value, bytes):
            return _written_otherwise(value) or self._bytes.search(value) is not None
        return isinstance(value, list) and any(map(self.may_be_in, value))

    def text(self, text: str) -> str:
        """The text, masked."""
        if not any(form in text for form in self._masks):
            return text
        return self._text.sub(lambda found: self._masks[found[0]], text)

    def attribute(self, value: AttributeValue) -> AttributeValue:
        """An attribute that carries no message, masked; the same object when it has none."""
        if isinstance(value, str):
            return self.text(value) if self._text.search(value) else value
        if isinstance(value, list):
            return [self.attribute(item) for item in value] if any(map(self.may_be_in, value)) else value
        return value

    def message(self, message: M, masked: list[str], *, came_in: bool = False) -> M:
        """The message, masked; the same object when it holds none.

        Args:
            message: any message.
            masked: takes a line when something was masked.
            came_in: it is the request that came in: its URL, by which it is found again, stays.
        """
        if isinstance(message, HttpRequest | HttpResponse):
            clean: Any = self._http(message, came_in)
        elif isinstance(message, MailCommand):
            clean = self._mail(self._walk(message, 0))
        else:
            clean = self._walk(message, 0)
        if clean is not message:
            note(f"{_said_by(message)} a secret known from elsewhere", masked)
        result: M = clean
        return result

    def _mail(self, message: MailCommand) -> MailCommand:
        """Without those in parts that are written in base64 and the like."""
        mail = message.message or b""
        edits = mail_edits(mail, lambda body, _: self._edits(body))
        return msgspec.structs.replace(message, message=apply(mail, edits)) if edits else message

    def _http(self, message: HttpRequest | HttpResponse, came_in: bool) -> HttpRequest | HttpResponse:
        headers = self._walk(message.headers, 0)
        body, edits = message.body, []
        if body:
            coding = (message.header("content-encoding") or "identity").strip().lower()
            try:
                plain = body if coding in ("identity", "") else codings.decode(body, coding)
            except codings.UndecodableError:
                plain = b""  # that it cannot be searched is said where keys are looked for
            if edits := self._edits_of(plain, message.header("content-type") or ""):
                clean = apply(plain, edits)
                body, edits = (clean, edits) if plain is body else (codings.encode(clean, coding), [])
        changed: HttpRequest | HttpResponse = message
        if headers is not message.headers or body is not message.body:
            changed = with_body(message, headers, body, edits)
        if isinstance(changed, HttpRequest) and not came_in:
            url = self._url(changed.url)
            if url != changed.url:
                changed = msgspec.structs.replace(changed, url=url)
        return changed

    def _url(self, url: str) -> str:
        """All but the host, by which people know a service."""
        place = _PLACE_OF_URL.match(url)
        at = place.end() if place else 0
        return url[:at] + self._text.sub(URL_MASK, url[at:])

    def _edits_of(self, plain: bytes, content_type: str) -> list[Edit]:
        codec = charset_of(plain, content_type)
        return edits_in_charset(plain, codec, self._edits) if codec else self._edits(plain)

    def _edits(self, body: bytes) -> list[Edit]:
        found = list(self._bytes.finditer(body))
        if not found:
            return []
        fill = not is_text(body)  # lengths may stand before what is masked
        edits: list[Edit] = []
        for one in found:
            mask = self._masks[one[0].decode()].encode()
            if fill and len(mask) != len(one[0]):
                mask = mask_of_length(len(one[0]))
            edits.append(Edit(*one.span(), mask, ""))
        return edits

    def _walk(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value) if self._text.search(value) else value
        if kind is bytes or kind is bytearray:
            edits = self._edits(value)
            return kind(apply(bytes(value), edits)) if edits else value
        if depth > _MAX_DEPTH:
            return value
        if kind is list or kind is tuple:
            items = [self._walk(item, depth + 1) for item in value]
            return value if all(map(is_, items, value)) else kind(items)
        if kind is dict:
            pairs = [(self._walk(key, depth + 1), self._walk(item, depth + 1)) for key, item in value.items()]
            same = all(
                one is key and other is item
                for (one, other), (key, item) in zip(pairs, value.items(), strict=True)
            )
            return value if same else dict(pairs)
        if isinstance(value, msgspec.Struct) and (not depth or isinstance(value, _WITHIN)):
            changes = {
                name: clean
                for name in value.__struct_fields__
                if (clean := self._walk(was := getattr(value, name), depth + 1)) is not was
            }
            return msgspec.structs.replace(value, **changes) if changes else value
        return value


def _written_otherwise(value: AttributeValue) -> bool:
    """True for what may be the body of a message in a content coding, or in a charset with zeros."""
    return type(value) is bytes and len(value) >= _SHORTEST


def _said_by(message: object) -> str:
    """``Redis command``, for a gap."""
    words = re.sub(r"(?<!^)([A-Z])", r" \1", type(message).__name__)
    return words[:1] + words[1:].lower()


def _masked_texts(raw: Any, clean: Any, depth: int) -> Iterator[tuple[str, int]]:
    """The texts that masks stand for, and how long each must be to count."""
    if raw is clean or depth > _MAX_DEPTH:
        return
    if isinstance(raw, bytes | bytearray) and isinstance(clean, bytes | bytearray):
        try:
            raw, clean = raw.decode(), clean.decode()
        except UnicodeDecodeError:
            return
    if isinstance(raw, str) and isinstance(clean, str):
        for text in _between(raw, clean):
            yield text, _SHORTEST
    elif isinstance(raw, msgspec.Struct) and type(raw) is type(clean):
        if isinstance(raw, HttpRequest | HttpResponse) and isinstance(clean, HttpRequest | HttpResponse):
            yield from _masked_texts(_read(raw), _read(clean), depth + 1)
        if isinstance(raw, MailCommand) and isinstance(clean, MailCommand) and raw.message and clean.message:
            yield from _masked_texts(mime.canonical(raw.message), mime.canonical(clean.message), depth + 1)
        if isinstance(raw, GrpcRequest | GrpcReply) and raw.schema and isinstance(clean, type(raw)):
            yield from _masked_texts(_fields(raw, raw.schema), _fields(clean, raw.schema), depth + 1)
        for name in raw.__struct_fields__:
            yield from _masked_texts(getattr(raw, name), getattr(clean, name), depth + 1)
    elif isinstance(raw, dict) and isinstance(clean, dict):
        for key, item in raw.items():
            if key in clean:
                least = _SHORTEST_COOKIE if isinstance(key, str) and key.endswith(_COOKIES) else _SHORTEST
                for text, shortest in _masked_texts(item, clean[key], depth + 1):
                    yield text, max(least, shortest)
    elif isinstance(raw, list | tuple) and isinstance(clean, list | tuple) and len(raw) == len(clean):
        cookie = (
            len(raw) == 2 and isinstance(raw[0], str) and raw[0].lower() in ("cookie", "set-cookie")
        )  # a header: name and value
        for one, other in zip(raw, clean, strict=True):
            for text, least in _masked_texts(one, other, depth + 1):
                yield text, max(least, _SHORTEST_COOKIE) if cookie else least


def _read(message: HttpRequest | HttpResponse) -> str:
    """The body in letters, where it is written in another way; "" where it is not."""
    body, content_type = message.body or b"", message.header("content-type") or ""
    coding = (message.header("content-encoding") or "").strip().lower()
    try:
        plain = body if coding in ("identity", "") else codings.decode(body, coding)
    except codings.UndecodableError:
        return ""
    codec = charset_of(plain, content_type)
    if plain is body and not codec:
        return ""
    return (as_utf8(plain, codec) if codec else plain).decode("utf-8", "replace")


def _fields(message: GrpcRequest | GrpcReply, schema: Any) -> list[list[bytes]]:
    """The texts in the messages of a call: masks have another length, which stands before each."""
    return [leaves(one, schema) for one in message.messages or ()]


def _between(raw: str, clean: str) -> list[str]:
    """What stands in the text where the masked one has masks; nothing when that cannot be told."""
    if MASK not in clean and URL_MASK not in clean:
        return _in_basic(raw, clean)
    parts = clean.replace(URL_MASK, MASK).replace(f'"{MASK}"', MASK).split(MASK)
    if len(parts) == 1 or not raw.startswith(parts[0]):
        return []
    found: list[str] = []
    position = len(parts[0])
    for part in parts[1:-1]:
        end = raw.find(part, position + 1)
        if end < 0:
            return []
        found.append(raw[position:end])
        position = end + len(part)
    end = len(raw) - len(parts[-1])
    if end < position or not raw.endswith(parts[-1]):
        return []
    return [*found, raw[position:end]]


def _in_basic(raw: str, clean: str) -> list[str]:
    """What a header of HTTP Basic gives away: itself in base64, the password, the name that is a key."""
    masked, given = basic_pair(clean), basic_pair(raw)
    if masked is None or given is None or MASK not in masked:
        return []
    found = [raw.strip().rpartition(" ")[2]]
    for text in _between(given, masked):
        try:
            found.append(text.encode("latin-1").decode())
        except UnicodeDecodeError:
            found.append(text)
    return found


def _plain(text: str) -> Iterator[str]:
    """A secret in the forms that it may be said in elsewhere."""
    quoted = text.strip()
    if len(quoted) > 1 and quoted[0] == quoted[-1] == '"':
        quoted = quoted[1:-1]
        if "\\" in quoted:
            try:
                quoted = str(json.loads(f'"{quoted}"'))
            except ValueError:
                return
    yield quoted
    if "%" in quoted:
        yield unquote_plus(quoted)
    if len(quoted) % 4 == 0:
        # Basic authorization: the password in it
        try:
            _, colon, password = base64.b64decode(quoted, validate=True).decode().partition(":")
        except ValueError:
            return
        if colon and password.isprintable():
            yield password


def _like_a_secret(text: str) -> bool:
    """Not a word, a number or a date; nor what cannot be said in UTF-8: half a surrogate pair, of JSON."""
    if _DATE.match(text) or "\n" in text or _SURROGATE.search(text):
        return False
    lower, upper = text != text.upper(), text != text.lower()
    digit = any(character.isdigit() for character in text)
    return (lower or upper) and (digit or (lower and upper and not text.istitle()))
