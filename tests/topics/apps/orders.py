"""Consumers of orders, of both libraries: each record is counted in Redis and answered by another."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

import aiokafka
import confluent_kafka
import redis
import redis.asyncio

KAFKA = os.environ.get("KAFKA", "127.0.0.1:1")
URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:1/0")
COUNT = int(os.environ.get("ORDERS", "1000"))
LATER_SECONDS = 0.2


def tell(*what: Any) -> None:
    """Say what was seen."""
    print(json.dumps([one.decode() if isinstance(one, bytes) else one for one in what]), flush=True)


def consume() -> None:
    """One record after the other."""
    store = redis.Redis.from_url(URL)
    producer = confluent_kafka.Producer({"bootstrap.servers": KAFKA})
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": KAFKA, "group.id": "one", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["orders"])
    reports: list[Any] = []

    def report(error: Any, message: Any) -> None:
        reports.append(
            [error, message.topic(), message.partition(), message.offset(), message.timestamp()[0]]
        )

    seen = 0
    try:
        while seen < COUNT:
            message = consumer.poll(0.2)
            if message is None:
                continue
            seen += 1
            number = store.incr("seen")
            producer.produce("done", f"{number}", key=message.key(), headers={"x": "1"}, on_delivery=report)
            left = producer.flush(60)
            (committed,) = consumer.commit(message=message, asynchronous=False)
            told = [message.topic(), message.key(), message.value(), message.partition(), message.offset()]
            tell(*told, number, left, reports.pop(), committed.offset)
    finally:
        consumer.close()


def consume_many() -> None:
    """All that there are at once."""
    store = redis.Redis.from_url(URL)
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": KAFKA, "group.id": "many", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["orders"])
    seen = 0
    try:
        while seen < COUNT:
            messages = consumer.consume(10, 0.5)
            for message in messages:
                tell(message.key(), store.incr("seen"))
            seen += len(messages)
    finally:
        consumer.close()


async def consume_async() -> None:
    """One record after the other, with aiokafka."""
    store = redis.Redis.from_url(URL)
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=KAFKA)
    consumer = aiokafka.AIOKafkaConsumer(
        "orders", bootstrap_servers=KAFKA, group_id="async", auto_offset_reset="earliest"
    )
    await producer.start()
    await consumer.start()
    seen = 0
    try:
        async for message in consumer:
            number = store.incr("seen")
            sent = await producer.send_and_wait("done", f"{number}".encode(), key=message.key)
            await consumer.commit()
            tell(message.topic, message.key, message.value, number, sent.partition, sent.offset)
            seen += 1
            if seen == COUNT:
                break
    finally:
        await consumer.stop()
        await producer.stop()


async def consume_async_many() -> None:
    """All that there are at once, with aiokafka."""
    store = redis.Redis.from_url(URL)
    consumer = aiokafka.AIOKafkaConsumer(
        "orders", bootstrap_servers=KAFKA, group_id="async many", auto_offset_reset="earliest"
    )
    await consumer.start()
    seen = 0
    try:
        while seen < COUNT:
            for place, messages in (await consumer.getmany(timeout_ms=500)).items():
                for message in messages:
                    tell(place.topic, place.partition, message.key, message.offset, store.incr("seen"))
                    seen += 1
    finally:
        await consumer.stop()


def consume_later() -> None:
    """What a record asks for is done by a thread, while the next one is waited for."""
    store = redis.Redis.from_url(URL)
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": KAFKA, "group.id": "later", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["orders"])

    def later(key: str) -> None:
        time.sleep(LATER_SECONDS)
        store.incr(f"later:{key}")

    seen = 0
    try:
        while seen < COUNT:
            message = consumer.poll(0.2)
            if message is not None:
                seen += 1
                key = message.key()
                assert key is not None
                threading.Thread(target=later, args=(key.decode(),)).start()
                tell(key)
    finally:
        consumer.close()


async def consume_async_later() -> None:
    """The same with aiokafka, by a task."""
    store = redis.asyncio.Redis.from_url(URL)
    consumer = aiokafka.AIOKafkaConsumer(
        "orders", bootstrap_servers=KAFKA, group_id="async later", auto_offset_reset="earliest"
    )

    async def later(key: str) -> None:
        await asyncio.sleep(LATER_SECONDS)
        await store.incr(f"later:{key}")

    await consumer.start()
    tasks = []
    try:
        async for message in consumer:
            tasks.append(asyncio.create_task(later(message.key.decode())))
            tell(message.key)
            if len(tasks) == COUNT:
                break
    finally:
        await consumer.stop()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    work = globals()[sys.argv[1]]
    asyncio.run(work()) if asyncio.iscoroutinefunction(work) else work()
