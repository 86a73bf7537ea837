"""Secrets in gRPC calls: credentials in the metadata, and secret keys in messages that are JSON.

What is inside protobuf messages cannot be told without their schema, which a cassette does not hold.
"""

from __future__ import annotations

import msgspec

from timetracer_otel.messages import GrpcReply, GrpcRequest
from timetracer_otel.messages.grpc import Metadata
from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.json_text import json_edits, looks_like_json
from timetracer_otel.redaction.mask import MASK, apply, note
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.urls import with_texts


class GrpcRules:
    """Masks what is secret in gRPC calls.

    Args:
        names: which names of metadata and keys are secret.
        headers: the rules of HTTP headers, which hold for metadata as well.
    """

    def __init__(self, names: SensitiveNames, headers: HeaderRules) -> None:
        self._names = names
        self._rules = headers

    def request(self, message: GrpcRequest, masked: list[str]) -> GrpcRequest:
        """The call without secrets; the same object when it has none."""
        metadata = self._metadata(message.metadata, "gRPC metadata", masked)
        messages = self._messages(message.messages, "gRPC request", masked)
        if metadata is message.metadata and messages is message.messages:
            return message
        return msgspec.structs.replace(message, metadata=metadata, messages=messages)

    def reply(self, message: GrpcReply, masked: list[str]) -> GrpcReply:
        """The reply without secrets; the same object when it has none."""
        initial = self._metadata(message.initial_metadata, "gRPC initial metadata", masked)
        trailing = self._metadata(message.trailing_metadata, "gRPC trailing metadata", masked)
        messages = self._messages(message.messages, "gRPC response", masked)
        if (
            initial is message.initial_metadata
            and trailing is message.trailing_metadata
            and messages is message.messages
        ):
            return message
        return msgspec.structs.replace(
            message, initial_metadata=initial, trailing_metadata=trailing, messages=messages
        )

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
        return MASK.encode() if secret and value else value

    def _messages(self, messages: list[bytes] | None, where: str, masked: list[str]) -> list[bytes] | None:
        if messages is None:
            return None
        clean = [self._message(one, where, masked) for one in messages]
        return messages if clean == messages else clean

    def _message(self, message: bytes, where: str, masked: list[str]) -> bytes:
        edits = (
            with_texts(message, json_edits(message, self._names), self._names)
            if looks_like_json(message)
            else []
        )
        for edit in edits:
            note(f"{where} {edit.name}", masked)
        return apply(message, edits) if edits else message
