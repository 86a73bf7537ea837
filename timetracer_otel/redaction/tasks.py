"""Secrets in tasks: keywords and fields with secret names, credentials among the headers."""

from __future__ import annotations

from typing import Any

import msgspec

from timetracer_otel.messages import FunctionCall, FunctionResult, TaskMessage, TaskOutcome
from timetracer_otel.redaction.data import DataRules
from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.mask import note


class TaskRules:
    """Masks what is secret in tasks.

    Args:
        data: the rules of values, which hold for arguments and results.
        headers: the rules of HTTP headers, which hold for headers as well.
    """

    def __init__(self, data: DataRules, headers: HeaderRules) -> None:
        self._data = data
        self._rules = headers

    def message(self, message: TaskMessage, masked: list[str]) -> TaskMessage:
        """The task without secrets; the same object when it has none."""
        given = FunctionCall(message.name, message.arguments, message.keywords)
        call = self._data.function_call(given, masked)
        embedded = self._data.function_result(FunctionResult(message.embedded), masked).value
        headers = self._headers(message.headers, masked)
        if call is given and embedded is message.embedded and headers is message.headers:
            return message
        return msgspec.structs.replace(
            message, arguments=call.arguments, keywords=call.keywords, embedded=embedded, headers=headers
        )

    def outcome(self, message: TaskOutcome, masked: list[str]) -> TaskOutcome:
        """The outcome without secret fields; the same object when it has none."""
        clean = self._data.function_result(FunctionResult(message.value), masked).value
        return message if clean is message.value else TaskOutcome(message.state, clean)

    def _headers(self, headers: dict[str, Any], masked: list[str]) -> dict[str, Any]:
        clean = {
            name: self._rules.header(name, value) if isinstance(value, str) else value
            for name, value in headers.items()
        }
        changed = [name for name, value in headers.items() if clean[name] != value]
        for name in changed:
            note(f"task header {name}", masked)
        deep: dict[str, Any] = self._data.function_result(
            FunctionResult(clean if changed else headers), masked
        ).value
        return deep
