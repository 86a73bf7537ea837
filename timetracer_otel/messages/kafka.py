"""Records of Kafka: one that is sent, and those that a consumer was given."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Canonical, Failure
from timetracer_otel.messages.http import UNMATCHED_HEADERS
from timetracer_otel.span import Attributes

_SHOWN = 40
"""Characters of a key or a value in a title."""


class KafkaRecord(msgspec.Struct):
    """One record.

    Attributes:
        topic: where it goes to or comes from.
        key, value: bytes, unless the client was given others by a deserializer.
        headers: in order; ``None`` where there are none.
        partition, offset: ``None`` where nobody said.
        timestamp: milliseconds since 1970.
        timestamp_type: 1 when its producer set it, 2 when the broker did.
    """

    topic: str
    key: Any = None
    value: Any = None
    headers: list[list[Any]] | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    timestamp_type: int | None = None

    def plain(self) -> dict[str, Any]:
        """The record as a dict."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    @classmethod
    def from_plain(cls, data: Any) -> Self:
        """The reverse of :meth:`plain`.

        Raises:
            CodecError: it is no record.
        """
        if not isinstance(data, dict) or not isinstance(data.get("topic"), str):
            raise CodecError("a recorded Kafka record names no topic")
        headers = data.get("headers")
        return cls(
            topic=data["topic"],
            key=data.get("key"),
            value=data.get("value"),
            headers=None if headers is None else [list(pair) for pair in headers],
            partition=_number(data.get("partition")),
            offset=_number(data.get("offset")),
            timestamp=_number(data.get("timestamp")),
            timestamp_type=_number(data.get("timestamp_type")),
        )


class KafkaRecords(msgspec.Struct):
    """A record that is sent, or those that one poll gave.

    Attributes:
        records: in order.
        batch: they were asked for as a list.
    """

    records: list[KafkaRecord]
    batch: bool = False

    family: ClassVar[str] = "kafka"

    @property
    def label(self) -> str:
        """``message orders``, for what a consumer was given."""
        topics = dict.fromkeys(record.topic for record in self.records)
        return f"{'messages' if self.batch else 'message'} {', '.join(topics)}"

    def attributes(self) -> Attributes:
        """Payload attributes of the records."""
        data = {"records": [record.plain() for record in self.records], "batch": self.batch}
        return {names.KAFKA_RECORDS: values.dumps(data)}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The records that those attributes carry.

        Raises:
            CodecError: they are malformed.
            KeyError: they are missing.
        """
        data = values.loads(str(attributes[names.KAFKA_RECORDS]))
        if not isinstance(data, dict) or not isinstance(data.get("records"), list) or not data["records"]:
            raise CodecError(f"{names.KAFKA_RECORDS} holds no records")
        return cls([KafkaRecord.from_plain(one) for one in data["records"]], data.get("batch") is True)

    def canonical(self) -> Canonical:
        """Topic, key, value and headers, and the partition where one was asked for."""
        return {
            "records": [
                {
                    "topic": record.topic,
                    "key": record.key,
                    "value": record.value,
                    "partition": record.partition,
                    "headers": [
                        pair for pair in record.headers or () if str(pair[0]).lower() not in UNMATCHED_HEADERS
                    ],
                }
                for record in self.records
            ]
        }

    def key(self) -> Hashable:
        """:meth:`canonical` as bytes."""
        return values.canonical(self.canonical())

    def title(self) -> str:
        """``orders 'key': 'value'``, or how many there are."""
        if len(self.records) != 1:
            return f"{self.label}: {len(self.records)}"
        (record,) = self.records
        key = "" if record.key is None else f" {_show(record.key)}"
        return f"{record.topic}{key}: {_show(record.value)}"

    @property
    def writes(self) -> bool:
        """Always: somebody will read it."""
        return True

    def span_attributes(self) -> Attributes:
        """Of a span of ours; ``rpc.method`` gives it its name."""
        topic = self.records[0].topic
        return {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "rpc.method": f"send {topic}",
        }


class KafkaDelivery(msgspec.Struct):
    """What a producer is told of a record.

    Attributes:
        partition, offset: where it is.
        timestamp, timestamp_type: as of :class:`KafkaRecord`.
        headers: those that the report shows.
        latency: seconds until it was acknowledged.
        failure: why it could not be delivered.
        served: the how manieth poll after it was sent gave the report; 0: none did.
    """

    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    timestamp_type: int | None = None
    headers: list[list[Any]] | None = None
    latency: float | None = None
    failure: Failure | None = None
    served: int = 0

    family: ClassVar[str] = "kafka"

    def attributes(self) -> Attributes:
        """Payload attributes of the report."""
        data = msgspec.structs.asdict(self)
        data["failure"] = None if self.failure is None else self.failure.plain()
        return {names.KAFKA_DELIVERY: values.dumps(data)}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The report that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: it is missing.
        """
        data = values.loads(str(attributes[names.KAFKA_DELIVERY]))
        if not isinstance(data, dict):
            raise CodecError(f"{names.KAFKA_DELIVERY} is no dict")
        headers, failure, latency = data.get("headers"), data.get("failure"), data.get("latency")
        return cls(
            partition=_number(data.get("partition")),
            offset=_number(data.get("offset")),
            timestamp=_number(data.get("timestamp")),
            timestamp_type=_number(data.get("timestamp_type")),
            headers=None if headers is None else [list(pair) for pair in headers],
            latency=latency if isinstance(latency, float) else None,
            failure=None if failure is None else Failure.from_plain(failure),
            served=_number(data.get("served")) or 0,
        )


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _show(value: Any) -> str:
    text = repr(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
