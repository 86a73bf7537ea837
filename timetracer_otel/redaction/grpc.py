"""Secrets in gRPC calls: credentials in the metadata, secret fields of messages, texts of errors.

Which fields a protobuf message has says its class, which is known where the app gave it; of other messages
only JSON is looked into.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from timetracer_otel.messages import GrpcReply, GrpcRequest
from timetracer_otel.messages.grpc import Metadata
from timetracer_otel.redaction import protobuf
from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.json_text import json_edits, looks_like_json
from timetracer_otel.redaction.mask import MASK, apply, note
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.urls import mask_said, with_texts

_MAX_TYPES: Final = 1024
_MASK: Final = MASK.encode()
_TELLING: Final = (b"://", b"eyJ", b"PRIVATE KEY", b"Bearer ", b'{"')
"""One of them is in each text that may hold a secret, whatever its field is called."""


class GrpcRules:
    """Masks what is secret in gRPC calls.

    Args:
        names: which names of metadata, fields and keys are secret.
        headers: the rules of HTTP headers, which hold for metadata as well.
    """

    def __init__(self, names: SensitiveNames, headers: HeaderRules) -> None:
        self._names = names
        self._rules = headers
        self._may_name = lru_cache(maxsize=_MAX_TYPES)(self._may_name_secrets)

    def request(self, message: GrpcRequest, masked: list[str]) -> GrpcRequest:
        """The call without secrets; the same object when it has none."""
        metadata = self._metadata(message.metadata, "gRPC metadata", masked)
        messages = self._messages(message.messages, message.schema, "gRPC request", masked)
        if metadata is message.metadata and messages is message.messages:
            return message
        return msgspec.structs.replace(message, metadata=metadata, messages=messages)

    def reply(self, message: GrpcReply, masked: list[str]) -> GrpcReply:
        """The reply without secrets; the same object when it has none."""
        initial = self._metadata(message.initial_metadata, "gRPC initial metadata", masked)
        trailing = self._metadata(message.trailing_metadata, "gRPC trailing metadata", masked)
        messages = self._messages(message.messages, message.schema, "gRPC response", masked)
        details, debug = message.details, message.debug
        if details or debug:
            details, debug = self._said(details, masked), self._said(debug, masked)
        if (
            initial is message.initial_metadata
            and trailing is message.trailing_metadata
            and messages is message.messages
            and details is message.details
            and debug is message.debug
        ):
            return message
        return msgspec.structs.replace(
            message,
            initial_metadata=initial,
            trailing_metadata=trailing,
            messages=messages,
            details=details,
            debug=debug,
        )

    def _said(self, text: str | None, masked: list[str]) -> str | None:
        """What an error says, as other exceptions."""
        if not text:
            return text
        clean, found = mask_said(text, self._names)
        for name in found:
            note(f"gRPC status {name}", masked)
        return clean if found else text

    def _metadata(self, metadata: Metadata, where: str, masked: list[str]) -> Metadata:
        clean: Metadata = [(name, self._value(name, value)) for name, value in metadata]
        if clean == metadata:
            return metadata
        for (name, before), (_, after) in zip(metadata, clean, strict=True):
            if before != after:
                note(f"{where} {name}", masked)
        return clean

    def _value(self, name: str, value: str | bytes) -> str | bytes:
        if isinstance(value, str):
            return self._rules.header(name, value)
        plain = name.lower().removesuffix("-bin")
        secret = plain in self._names or self._rules.header(plain, "x") != "x"
        return _MASK if secret and value else value

    def _messages(
        self, messages: list[bytes] | None, schema: Any, where: str, masked: list[str]
    ) -> list[bytes] | None:
        if not messages:
            return messages
        if schema is None:
            clean = [self._json(one, where, masked) for one in messages]
        else:
            named = self._may_name(schema)
            clean = [self._message(one, schema, where, masked, named=named) for one in messages]
        return messages if clean == messages else clean

    def _json(self, message: bytes, where: str, masked: list[str]) -> bytes:
        edits = json_edits(message, self._names) if looks_like_json(message) else []
        edits = with_texts(message, edits, self._names) if looks_like_json(message) else edits
        for edit in edits:
            note(f"{where} {edit.name}", masked)
        return apply(message, edits) if edits else message

    def _message(self, message: bytes, schema: Any, where: str, masked: list[str], *, named: bool) -> bytes:
        telling = any(mark in message for mark in _TELLING)
        if not (named or telling):
            return message  # as most

        def clean(name: str, value: bytes, is_text: bool) -> bytes:
            if value and value != _MASK and self._names.hide(name, value):
                note(f"{where} {name}", masked)
                return _MASK
            if not (telling and is_text):
                return value
            edits = json_edits(value, self._names) if looks_like_json(value) else []
            edits = with_texts(value, edits, self._names)
            for edit in edits:
                note(f"{where} {edit.name}", masked)
            return apply(value, edits) if edits else value

        try:
            return protobuf.changed(message, schema, clean, self._names.__contains__)
        except protobuf.MalformedError:
            return message

    def _may_name_secrets(self, schema: Any) -> bool:
        """False for messages of which no field is secret by its name: those of most classes."""
        return any(field.is_map or self._names.may_hide(field.name) for field in protobuf.reached(schema))
