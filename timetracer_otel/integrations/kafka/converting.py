"""Records, reports and offsets of confluent-kafka as data, and back."""

from __future__ import annotations

import sys
from typing import Any, Final

from timetracer_otel import values
from timetracer_otel.messages import KafkaDelivery, KafkaRecord, KafkaRecords

_ERROR_FIELDS: Final = ("code", "str", "fatal", "retriable", "txn_requires_abort")


def error_data(error: Any) -> Any:
    """A ``KafkaError`` as data; anything else as the codec has it."""
    kind: Any = sys.modules["confluent_kafka.cimpl"].KafkaError
    if not isinstance(error, kind):
        return values.snapshot(error)
    return {"kafka_error": [getattr(error, name)() for name in _ERROR_FIELDS]}


def error_of(data: Any) -> Any:
    """The reverse of :func:`error_data`."""
    given = data.get("kafka_error") if isinstance(data, dict) else None
    if not isinstance(given, list) or len(given) != len(_ERROR_FIELDS):
        return data
    kind: Any = sys.modules["confluent_kafka.cimpl"].KafkaError
    return kind(*given)


def record_sent(given: dict[str, Any]) -> KafkaRecords:
    """The record that a producer is asked to send."""
    partition = given.get("partition")
    return KafkaRecords(
        [
            KafkaRecord(
                topic=given["topic"],
                key=_as_bytes(given.get("key")),
                value=_as_bytes(given.get("value")),
                headers=header_pairs(given.get("headers")),
                partition=partition if isinstance(partition, int) and partition >= 0 else None,
                timestamp=given.get("timestamp") or None,
            )
        ]
    )


def record_of(message: Any) -> KafkaRecord:
    """A message that a consumer was given, as data."""
    kind, at = message.timestamp()
    return KafkaRecord(
        topic=message.topic(),
        key=message.key(),
        value=message.value(),
        headers=header_pairs(message.headers()),
        partition=message.partition(),
        offset=message.offset(),
        timestamp=at,
        timestamp_type=kind,
    )


def message_of(record: KafkaRecord) -> Any:
    """The reverse of :func:`record_of`."""
    kind: Any = sys.modules["confluent_kafka.cimpl"].Message
    return kind(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=None if record.headers is None else [tuple(pair) for pair in record.headers],
        timestamp=(record.timestamp_type or 0, record.timestamp or 0),
        error=None,
    )


def report_of(record: KafkaRecord, delivery: KafkaDelivery) -> tuple[Any, Any]:
    """The error and the message that a callback is called with."""
    error = None if delivery.failure is None else error_of(delivery.failure.args[0])
    # of a record that no broker took there is neither; the constructor takes no ``None`` for them
    place = {"partition": delivery.partition, "offset": delivery.offset}
    message = sys.modules["confluent_kafka.cimpl"].Message(
        topic=record.topic,
        **{name: value for name, value in place.items() if value is not None},
        key=record.key,
        value=record.value,
        headers=None if delivery.headers is None else [tuple(pair) for pair in delivery.headers],
        timestamp=(delivery.timestamp_type or 0, delivery.timestamp or 0),
        latency=delivery.latency,
        error=error,
    )
    return error, message


def header_pairs(headers: Any) -> list[list[Any]] | None:
    """Headers as names and bytes."""
    if headers is None:
        return None
    if not isinstance(headers, dict | list | tuple):
        return [["", values.snapshot(headers)]]  # refused by librdkafka
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [[name, value.encode() if isinstance(value, str) else value] for name, value in pairs]


def _as_bytes(value: Any) -> Any:
    """Text as librdkafka sends it."""
    return value.encode() if isinstance(value, str) else value


def argument_data(value: Any) -> Any:
    """An argument of a question as data."""
    if hasattr(value, "topic") and callable(value.topic):
        return {"topic": value.topic(), "partition": value.partition(), "offset": value.offset()}
    if isinstance(value, list):
        return [argument_data(one) for one in value]
    if hasattr(value, "topic"):
        return {"topic": value.topic, "partition": value.partition, "offset": value.offset}
    return value


def offsets_data(result: Any) -> Any:
    """Offsets of partitions as data."""
    if not isinstance(result, list):
        return None
    return [[one.topic, one.partition, one.offset] for one in result]


def offsets_of(value: Any) -> Any:
    """The reverse of :func:`offsets_data`."""
    kind: Any = sys.modules["confluent_kafka.cimpl"].TopicPartition
    return None if value is None else [kind(*one) for one in value]
