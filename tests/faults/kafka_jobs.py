"""What requests do with Kafka: producers within them, and consumers, whose records begin them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import aiokafka
import confluent_kafka
import httpx

from tests.faults.seen import OwnError, attempt, attempt_async

_BASE = os.environ["UPSTREAM_URL"]
_BROKER = os.environ["KAFKA_URL"]
_TOPIC = "faults-told"
_COUNT = 2


def _conf(**more: Any) -> dict[str, Any]:
    return {"bootstrap.servers": _BROKER, "log_level": 0, **more}


def make_records() -> None:
    """What consumers are given."""
    producer = confluent_kafka.Producer(_conf())
    for number in range(_COUNT):
        producer.produce(_TOPIC, f"{number}", key="k", partition=0, headers={"x": "1"})
    if producer.flush(60):
        raise RuntimeError("the broker took no records")


def produced() -> Any:
    """Records with reports, by the producer's default and by one's own."""
    told: list[Any] = []

    def report(error: Any, message: Any) -> None:
        told.append([error and error.name(), message.topic(), message.partition(), message.value()])

    producer: Any = confluent_kafka.Producer(_conf(on_delivery=report))
    producer.produce("faults", "one", key=b"k", partition=0, headers=[("a", b"1")])
    producer.produce("faults", "two", partition=0, on_delivery=report)
    left = producer.flush(60)
    silent = confluent_kafka.Producer(_conf())
    silent.produce("faults", b"three", partition=0)
    waiting = len(silent)
    while len(silent):
        silent.poll(1)
    refused = attempt(lambda: producer.produce("faults", value="x" * 2_000_000))
    odd = attempt(lambda: producer.produce("faults", value=object()))
    large = producer.produce("faults", "x" * 3000, partition=0)
    producer.flush(60)
    transactions = attempt(producer.begin_transaction)
    listed = sorted(name for name in producer.list_topics(timeout=60).topics if name == "faults")
    return [told, left, waiting, refused, odd, large, transactions, listed]


def consume() -> Any:
    """One record after the other, a call each, offsets."""
    consumer = confluent_kafka.Consumer(_conf(**{"group.id": "faults", "auto.offset.reset": "earliest"}))
    consumer.assign([confluent_kafka.TopicPartition(_TOPIC, 0, 0)])
    seen: list[Any] = []
    while len(seen) < _COUNT:
        message = consumer.poll(1)
        if message is not None:
            offsets = consumer.commit(message=message, asynchronous=False)
            place = [message.value(), message.partition(), message.offset(), offsets[0].offset]
            seen.append([*place, httpx.get(f"{_BASE}/json").status_code])
    consumer.pause([confluent_kafka.TopicPartition(_TOPIC, 0)])
    consumer.close()
    return [*seen, attempt(lambda: consumer.poll(0))]


def consume_many() -> Any:
    """All that there are at once."""
    consumer = confluent_kafka.Consumer(_conf(**{"group.id": "many", "auto.offset.reset": "earliest"}))
    consumer.assign([confluent_kafka.TopicPartition(_TOPIC, 0, 0)])
    seen: list[Any] = []
    while len(seen) < _COUNT:
        found = consumer.consume(_COUNT, 1)
        seen += [[one.value(), one.offset(), httpx.get(f"{_BASE}/json").status_code] for one in found]
    consumer.close()
    return seen


def _upper(value: Any) -> bytes:
    if not isinstance(value, str):
        raise OwnError("no text")
    return value.upper().encode()


async def produced_async() -> Any:
    """As :func:`produced`, with a serializer of the app's."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=_BROKER, value_serializer=_upper) as producer:
        sent = await producer.send_and_wait("faults", "one", key=b"k", partition=0, headers=[("a", b"1")])
        later = await producer.send("faults", "two", partition=0)
        await producer.flush()
        places = [[one.topic, one.partition] for one in (sent, await later)]
        refused = await attempt_async(producer.send("faults", 3))
        large = await attempt_async(producer.send("faults", "x" * 2_000_000))
        partitions = sorted(await producer.partitions_for("faults"))
        transactions = await attempt_async(producer.begin_transaction())
    return [
        places,
        refused,
        large,
        partitions,
        transactions,
        await attempt_async(producer.send("faults", "x")),
    ]


async def _consume_async() -> Any:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=_BROKER, group_id=None)
    place = aiokafka.TopicPartition(_TOPIC, 0)
    await consumer.start()
    consumer.assign([place])
    seen: list[Any] = []
    async with httpx.AsyncClient() as client:
        consumer.seek(place, 0)
        for _ in range(_COUNT):
            message = await consumer.getone()
            seen.append([message.value, message.offset, (await client.get(f"{_BASE}/json")).status_code])
        await consumer.seek_to_beginning(place)
        found: list[Any] = []
        while len(found) < _COUNT:
            parts = await consumer.getmany(timeout_ms=1000)
            found += [message.value for messages in parts.values() for message in messages]
        seen += [found, (await client.get(f"{_BASE}/json")).status_code, await consumer.position(place)]
    await consumer.stop()
    return [*seen, await attempt_async(consumer.commit())]


def requests() -> dict[str, Callable[[], Any]]:
    """One for each way to fetch."""
    return {
        "confluent-kafka poll": consume,
        "confluent-kafka consume": consume_many,
        "aiokafka": lambda: asyncio.run(_consume_async()),
    }
