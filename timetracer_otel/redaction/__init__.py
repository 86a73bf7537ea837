"""Secrets are masked in the copy that is recorded; the app always sees its true data.

Masked are, in HTTP messages, credentials, cookies and API keys among the headers, passwords and
secret parameters in URLs, and secret keys in JSON, forms and multipart bodies; in SQL the values of
parameters and columns with secret names; in Redis passwords, secret hash fields and secret keys of JSON
documents; in MongoDB what is in fields with secret names; in functions secret keywords and fields; in gRPC
credentials in the metadata and secret keys of messages that are JSON; in mails secret headers, secrets in
links and what follows a secret name. Names are compared word by word, see
:mod:`timetracer_otel.redaction.names`. URLs and JSON Web Tokens are found in the midst of text.

The text of exceptions explains a failure: only URLs, tokens and ``password=...`` are masked in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from timetracer_otel import attributes as attribute_names
from timetracer_otel.messages import (
    Failure,
    FunctionCall,
    FunctionResult,
    GrpcReply,
    GrpcRequest,
    HttpRequest,
    HttpResponse,
    KafkaRecords,
    MailCommand,
    MongoCommand,
    MongoReply,
    RedisCommand,
    RedisReply,
    Request,
    SqlResult,
    SqlStatement,
    TaskMessage,
    TaskOutcome,
)
from timetracer_otel.redaction.data import DataRules
from timetracer_otel.redaction.documents import DocumentRules
from timetracer_otel.redaction.grpc import GrpcRules
from timetracer_otel.redaction.headers import HeaderRules, is_credential
from timetracer_otel.redaction.http import HttpRules
from timetracer_otel.redaction.known import KnownSecrets, masked_texts, secrets_in
from timetracer_otel.redaction.mail import MailRules
from timetracer_otel.redaction.mask import MASK, holds_mask, masked_equal
from timetracer_otel.redaction.names import SensitiveNames, words
from timetracer_otel.redaction.records import RecordRules
from timetracer_otel.redaction.redis import RedisRules
from timetracer_otel.redaction.tasks import TaskRules
from timetracer_otel.redaction.urls import mask_said
from timetracer_otel.span import Attributes, AttributeValue, Span, Status

if TYPE_CHECKING:
    from timetracer_otel.config import Settings

__all__ = [
    "MASK",
    "KnownSecrets",
    "Redactor",
    "holds_mask",
    "is_credential",
    "masked_equal",
    "masked_texts",
    "secrets_in",
]

M = TypeVar("M")

_URLS: Final = frozenset({"url.full", "url.path", "url.query", "http.url", "http.target"})
_TELLING: Final = frozenset(
    {"url", "uri", "dsn", "connection", "message", "error", "exception", "description", "reason"}
)
"""Words in the names of attributes that hold URLs or sentences."""
_MARKS: Final = ((b"B", b"Bearer "), (b"J", b"eyJ"), (b"V", b"PRIVATE KEY"), (b"\\", rb"\u00"))
"""What a secret of a known form has, or an escape that may hide it; before each a letter that is rare."""
_USER_INFO: Final = re.compile(rb"//[^/?#\s\"@]*@")
_NAME_BACKWARDS: Final = re.compile(rb"""["')\]\\]{0,3}([\w.%-]++)""")
_TAIL: Final = 48
"""Bytes before an equals sign that are looked at; a longer name may be anything."""
_KEYS: Final = re.compile(rb'"key":\s*"([^"\\]{1,200})"')
_OURS: Final = "timetracer."
_MAX_NAME: Final = 200
_HEADERS: Final = (
    attribute_names.HTTP_REQUEST_HEADER,
    attribute_names.HTTP_RESPONSE_HEADER,
    *("rpc.grpc.request.metadata.", "rpc.grpc.response.metadata."),
    *("rpc.request.metadata.", "rpc.response.metadata.", "messaging.header."),
)
_PARAMETERS: Final = "db.query.parameter."
_MAX_RULES: Final = 4096
_MAX_NAME_SETS: Final = 1024
_MAX_TEXT: Final = 4096


class Redactor:
    """Masks secrets in messages. Safe to use from several threads.

    Args:
        keys: more words that make a name secret, in any spelling.
        headers: more headers to mask.
    """

    def __init__(self, keys: Iterable[str] = (), headers: Iterable[str] = ()) -> None:
        keys, headers = tuple(keys), tuple(headers)
        self._own_names = bool(keys or headers)
        self._names = SensitiveNames(keys)
        self._headers = HeaderRules(self._names, headers)
        self._http = HttpRules(self._headers)
        self._data = DataRules(self._names)
        self._redis = RedisRules(self._data)
        self._rules: dict[str, Callable[[str], str] | None] = {}
        self._tails: dict[bytes, bool] = {}
        self._of_names: dict[tuple[str, ...], tuple[tuple[str, Callable[[str], str]], ...]] = {}
        self._documents = DocumentRules(self._names)
        self._grpc = GrpcRules(self._names, self._headers)
        self._tasks = TaskRules(self._data, self._headers)
        self._records = RecordRules(self._data, self._headers)
        self._mails = MailRules(self._headers)
        # methods of the rules, not of this object, which would keep itself alive
        self._of_message: dict[type, Callable[[Any, list[str]], Any]] = {
            HttpRequest: self._http.request,
            HttpResponse: self._http.response,
            SqlStatement: self._data.statement,
            SqlResult: self._data.result,
            RedisCommand: self._redis.command,
            FunctionCall: self._data.function_call,
            FunctionResult: self._data.function_result,
            GrpcRequest: self._grpc.request,
            GrpcReply: self._grpc.reply,
            MongoCommand: self._documents.command,
            TaskMessage: self._tasks.message,
            TaskOutcome: self._tasks.outcome,
            KafkaRecords: self._records.records,
            MailCommand: self._mails.command,
            Failure: self._data.failure,
        }

    @staticmethod
    def from_settings(settings: Settings) -> Redactor:
        """A redactor by ``TIMETRACER_REDACT_KEYS`` and ``TIMETRACER_REDACT_HEADERS``; the same one for
        the same settings: what it has learned of names serves every session.
        """
        return _shared(tuple(settings.redact_keys), tuple(settings.redact_headers))

    def hides(self, name: str) -> bool:
        """True for a name whose value is masked whatever it is."""
        return name in self._names

    def request(self, message: HttpRequest, masked: list[str]) -> HttpRequest:
        """As :meth:`message`."""
        return self._http.request(message, masked)

    def response(self, message: HttpResponse, masked: list[str]) -> HttpResponse:
        """As :meth:`message`."""
        return self._http.response(message, masked)

    def message(self, message: M, masked: list[str], answers: Request | None = None) -> M:
        """The message without secrets: the same object when it has none, else a copy.

        Masking twice changes nothing more.

        Args:
            message: any message; those of unknown families are returned as they are.
            masked: takes the places that were masked: ``request header authorization``.
            answers: the request that the message answers, where that is known. Redis needs it to
                know which field an ``HGET`` asked for.
        """
        clean: Any = message
        rule = self._of_message.get(type(message))
        if rule is not None:
            clean = rule(message, masked)
        elif isinstance(message, RedisReply):
            command = answers if isinstance(answers, RedisCommand) else None
            clean = self._redis.reply(message, masked, command)
        elif isinstance(message, MongoReply):
            asked = answers if isinstance(answers, MongoCommand) else None
            clean = self._documents.reply(message, masked, asked)
        result: M = clean
        return result

    def attributes(
        self, message: M, masked: list[str], answers: Request | None = None
    ) -> tuple[M, Attributes]:
        """:meth:`message`, and the attributes of what it returns: quicker than one after the other."""
        clean: Any
        if isinstance(message, SqlResult):
            clean, written = self._data.attributes(message, masked)
        else:
            clean = self.message(message, masked, answers)
            written = clean.attributes()
        result: M = clean
        return result, written

    def span_texts(self, span: Span) -> None:
        """Mask what name, events, links and status say: as :meth:`texts`.

        Args:
            span: it is changed.
        """
        span.name = self._title(span.name)
        for event in span.events:
            if not event.name.startswith(_OURS):
                event.name = self._title(event.name)
                event.attributes = self.texts(event.attributes)
        for link in span.links:
            if link.attributes:
                link.attributes = self.texts(link.attributes)
        if span.status.message:
            span.status = Status(span.status.code, self._said(span.status.message))

    def texts(self, attributes: Attributes) -> Attributes:
        """The attributes of a resource or of an event (the command that started the process, a line that was
        logged) without values of secret names, secrets in URLs, and ``password=...``.
        """
        return {
            name: _applied(_masked, value) if self._hides(name, value) else _applied(self._said, value)
            for name, value in attributes.items()
        }

    def may_be_written_in(self, spans: bytes) -> bool:
        """False when spans certainly say no secret but under names that everybody has (see
        :mod:`~timetracer_otel.redaction.names`): quick, for the many of a conversion.

        Args:
            spans: as JSON objects of OTLP.
        """
        for sign, mark in _MARKS:  # one letter is found sooner than several
            if sign in spans and mark in spans:
                return True
        if b"@" in spans and _USER_INFO.search(spans):
            return True
        known = self._tails
        for tail in {text[-_TAIL:] for text in spans.split(b"=")[:-1]}:
            named = known.get(tail)
            if named is None:
                named = self._names_a_secret(tail)
            if named:
                return True
        return self._own_names and any(map(self._names.in_url_bytes, set(_KEYS.findall(spans))))

    def _names_a_secret(self, tail: bytes) -> bool:
        """Whether what stands before an equals sign ends in a name that may be one of a secret."""
        name = _NAME_BACKWARDS.match(tail[::-1])
        found = name is not None and (len(name[0]) >= _TAIL or self._names.in_url_bytes(name[1][::-1]))
        if len(self._tails) < _MAX_RULES:
            self._tails[tail] = found
        return found

    def _title(self, name: str) -> str:
        return self._said(name) if "=" in name or "://" in name else name

    def _hides(self, name: str, value: AttributeValue) -> bool:
        return self._names.hide(name, value[0] if isinstance(value, list) and value else value)

    def _said(self, text: str) -> str:
        return mask_said(text, self._names)[0]

    def span_attributes(self, attributes: Attributes) -> Attributes:
        """What instrumentations and apps write on spans: without values of secret names, and secrets in URLs,
        headers and parameters.
        """
        key = (*attributes,)
        rules = self._of_names.get(key)
        if rules is None:
            rules = self._learned(key)
        if not rules:  # as most have none
            return attributes
        changes: Attributes = {}
        for name, rule in rules:
            value = attributes[name]
            clean = _applied(rule, value)
            if clean is not value:
                changes[name] = clean
        return {**attributes, **changes} if changes else attributes

    def _learned(self, attribute_names: tuple[str, ...]) -> tuple[tuple[str, Callable[[str], str]], ...]:
        """The rules of attributes that stand together on a span."""
        rules = tuple(
            (name, rule)
            for name in attribute_names
            if (rule := self._rules[name] if name in self._rules else self._rule(name)) is not None
        )
        if len(self._of_names) < _MAX_NAME_SETS and sum(map(len, attribute_names)) < _MAX_TEXT:
            self._of_names[attribute_names] = rules
        return rules

    def _rule(self, name: str) -> Callable[[str], str] | None:
        """How the text of an attribute of that name is masked; ``None``: it is not."""
        rule: Callable[[str], str] | None = None
        header = next((prefix for prefix in _HEADERS if name.startswith(prefix)), None)
        if name == "url.query":
            rule = self._query
        elif name in _URLS:
            rule = self._headers.url
        elif header is not None:
            # instrumentations write _ for - in the names of headers
            rule = partial(self._headers.header, name[len(header) :].replace("_", "-"))
        elif name.startswith(_PARAMETERS):
            column = name[len(_PARAMETERS) :]
            rule = partial(self._named, column) if self._names.may_hide(column) else None
        elif name.startswith(_OURS):
            rule = None
        elif self._names.may_hide(name):
            rule = partial(self._named, name)
        elif not _TELLING.isdisjoint(words(name[:_MAX_NAME]).split()):
            rule = self._said
        if len(self._rules) < _MAX_RULES:
            self._rules[name] = rule
        return rule

    def _named(self, name: str, value: str) -> str:
        return _masked(value) if self._names.hide(name, value) else self._said(value)

    def _query(self, value: str) -> str:
        return self._headers.url(f"?{value}")[1:]


@lru_cache(maxsize=16)
def _shared(keys: tuple[str, ...], headers: tuple[str, ...]) -> Redactor:
    return Redactor(keys, headers)


def _masked(value: str) -> str:
    return MASK if value else value


def _applied(rule: Callable[[str], str], value: AttributeValue) -> AttributeValue:
    if isinstance(value, str):
        return rule(value)
    if isinstance(value, list):
        items = [_applied(rule, item) for item in value]
        return items if items != value else value
    return value
