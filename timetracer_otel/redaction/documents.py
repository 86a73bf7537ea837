"""Secrets in MongoDB's documents: what is in a field with a secret name, at any depth."""

from __future__ import annotations

from typing import Any, Final

from timetracer_otel.messages import MongoCommand, MongoReply
from timetracer_otel.redaction.data import may_hold_names
from timetracer_otel.redaction.json_text import json_edits, looks_like_json
from timetracer_otel.redaction.mask import MASK, apply, note
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.urls import with_texts
from timetracer_otel.values.bson import Binary

_UUIDS: Final = frozenset({3, 4})
_NO_SECRETS: Final = frozenset({"postBatchResumeToken", "resumeToken", "recoveryToken"})
"""Places in a stream of changes, and in a cluster."""
_AUTHENTICATION: Final = frozenset({"saslStart", "saslContinue"})
"""Commands that carry a password, when an app asks for them itself: those of drivers are not recorded."""
_MAX_DEPTH: Final = 200


class DocumentRules:
    """Masks what is secret in commands and replies.

    Text and binary data below a secret name are masked, in operators and lists too
    (``{"token": {"$in": [...]}}``); numbers, dates, ObjectIds and UUIDs are left, whose type the app
    relies on.

    Args:
        names: which names of fields are secret.
    """

    def __init__(self, names: SensitiveNames) -> None:
        self._names = names

    def command(self, message: MongoCommand, masked: list[str]) -> MongoCommand:
        """The command without secrets; the same object when it has none."""
        given = message.document
        clean = self._document(given, masked, 0)
        if message.name in _AUTHENTICATION and "payload" in clean:
            clean = {**clean, "payload": self._secret(clean["payload"], "payload", masked, 0)}
        return message if clean is given else MongoCommand(clean, message.server)

    def reply(
        self, message: MongoReply, masked: list[str], command: MongoCommand | None = None
    ) -> MongoReply:
        """The reply without secrets; the same object when it has none.

        Args:
            message: the reply.
            masked: takes the places that were masked.
            command: what it answers; it names the field of which ``distinct`` gives the values.
        """
        given = message.document
        if given is None:
            return message
        clean = self._document(given, masked, 0)
        if command is not None and command.name == "distinct" and "values" in clean:
            field = str(command.document.get("key"))
            if field in self._names:
                clean = {**clean, "values": self._secret(clean["values"], field, masked, 0)}
        return message if clean is given else MongoReply(clean, message.more_to_come)

    def _document(self, document: dict[str, Any], masked: list[str], depth: int) -> dict[str, Any]:
        changed = False
        result: dict[str, Any] = {}
        for name, value in document.items():
            if self._names.hide(name, value) and name not in _NO_SECRETS:
                clean = self._secret(value, name, masked, depth)
            elif type(value) is list and name.startswith("$") and (field := self._compared(value)):
                clean = _same(value, [self._operand(item, field, masked, depth) for item in value])
            else:
                clean = self._value(value, masked, depth)
            changed = changed or clean is not value
            result[name] = clean
        return result if changed else document

    def _compared(self, operands: list[Any]) -> str:
        """The secret field that an expression reads, and compares with others: ``["$password", "x"]``."""
        for item in operands:
            if type(item) is str and item.startswith("$") and item[1:] in self._names:
                return item[1:]
        return ""

    def _operand(self, value: Any, field: str, masked: list[str], depth: int) -> Any:
        if type(value) is str:
            return value if value.startswith("$") else self._secret(value, field, masked, depth)
        return self._value(value, masked, depth + 1)

    def _value(self, value: Any, masked: list[str], depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value, masked)
        if depth > _MAX_DEPTH:
            return value
        if kind is dict:
            return self._document(value, masked, depth + 1)
        if kind is list:
            return _same(value, [self._value(item, masked, depth + 1) for item in value])
        return value

    def _secret(self, value: Any, name: str, masked: list[str], depth: int) -> Any:
        if isinstance(value, dict):
            if depth > _MAX_DEPTH:
                return value
            clean = {key: self._secret(item, name, masked, depth + 1) for key, item in value.items()}
            return clean if any(clean[key] is not item for key, item in value.items()) else value
        if isinstance(value, list):
            return _same(value, [self._secret(item, name, masked, depth + 1) for item in value])
        mask: Any = MASK
        if isinstance(value, Binary) and value.subtype not in _UUIDS:
            mask = Binary(value.subtype, MASK.encode())
        elif isinstance(value, bytes):
            mask = MASK.encode()
        elif not isinstance(value, str):
            return value
        if not value or value == mask:
            return value
        note(f"MongoDB field {name}", masked)
        return mask

    def _text(self, value: str, masked: list[str]) -> str:
        """JSON kept in a string, URLs, and secrets of a known form."""
        if not may_hold_names(value):
            return value
        data = value.encode("utf-8", "surrogatepass")
        edits = json_edits(data, self._names) if looks_like_json(data) else []
        edits = with_texts(data, edits, self._names)
        for edit in edits:
            note(f"MongoDB value {edit.name}", masked)
        return apply(data, edits).decode("utf-8", "surrogatepass") if edits else value


def _same(items: list[Any], clean: list[Any]) -> list[Any]:
    return items if all(new is old for new, old in zip(clean, items, strict=True)) else clean
