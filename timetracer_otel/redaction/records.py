"""Secrets in records of Kafka: credentials among the headers, secret keys of values that are JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from timetracer_otel.messages import FunctionResult, KafkaRecord, KafkaRecords
from timetracer_otel.redaction.data import DataRules, may_hold_names
from timetracer_otel.redaction.headers import HeaderRules
from timetracer_otel.redaction.mask import note


class RecordRules:
    """Masks what is secret in records.

    Args:
        data: the rules of values.
        headers: the rules of HTTP headers, which hold for headers as well.
    """

    def __init__(self, data: DataRules, headers: HeaderRules) -> None:
        self._data = data
        self._rules = headers

    def records(self, message: KafkaRecords, masked: list[str]) -> KafkaRecords:
        """The records without secrets; the same object when they have none."""
        clean = [self._record(record, masked) for record in message.records]
        if all(new is old for new, old in zip(clean, message.records, strict=True)):
            return message
        return KafkaRecords(clean, message.batch)

    def _record(self, record: KafkaRecord, masked: list[str]) -> KafkaRecord:
        value = self._data.function_result(FunctionResult(record.value), masked).value
        key = self._data.function_result(FunctionResult(record.key), masked).value
        headers = None if record.headers is None else [self._header(pair, masked) for pair in record.headers]
        if value is record.value and key is record.key and headers == record.headers:
            return record
        return msgspec.structs.replace(record, key=key, value=value, headers=headers)

    def _header(self, pair: list[Any], masked: list[str]) -> list[Any]:
        name, value = pair
        text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            return pair
        clean = self._rules.header(str(name), text)
        if clean == text:
            if not may_hold_names(text):
                return pair
            found = self._data.function_result(FunctionResult(value), masked).value
            return pair if found is value else [name, found]
        note(f"Kafka header {name}", masked)
        return [name, clean.encode("utf-8", "surrogateescape") if isinstance(value, bytes) else clean]
