"""Work with Redis and one other library, recorded and replayed with either of them live; prints what it saw.

A process of its own: the doors of the services are in the tests' process, whose connections a replay refuses.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
import celery
import confluent_kafka
import grpc
import pymongo
import redis

import timetracer_otel
from timetracer_otel import config

KAFKA, GRPC = os.environ["KAFKA_URL"], os.environ["GRPC_URL"]


def with_confluent() -> Any:
    """Transactions are calls of functions, not records."""
    producer = confluent_kafka.Producer({"bootstrap.servers": KAFKA, "transactional.id": "hybrid"})
    told: list[Any] = []
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce("hybrid", "1", partition=0, on_delivery=lambda _, message: told.append(message.offset()))
    left = producer.flush(60)
    producer.commit_transaction(60)
    return [left, told]


async def with_aiokafka() -> Any:
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=KAFKA)
    await producer.start()
    try:
        return (await producer.send_and_wait("hybrid-aio", b"1", partition=0)).offset
    finally:
        await producer.stop()


def with_celery() -> Any:
    url = os.environ["BROKER_URL"]
    with celery.Celery("hybrid", broker=url, backend=url) as app:
        sent = app.send_task("hybrid.add", (1, 2), task_id="hybrid")
        return [sent.id, sent.state]


def with_grpc() -> Any:
    with grpc.insecure_channel(GRPC) as channel:
        return channel.unary_unary("/shop.Stock/AskJson")(b"7", timeout=60).decode()


async def with_grpc_aio() -> Any:
    async with grpc.aio.insecure_channel(GRPC) as channel:
        return (await channel.unary_unary("/shop.Stock/AskJson")(b"7", timeout=60)).decode()


def with_pymongo() -> Any:
    with pymongo.MongoClient[dict[str, Any]](os.environ["MONGODB_URL"]) as client:
        change = {"$inc": {"visits": 1}}
        found = client.shop.hybrid.find_one_and_update({"_id": 1}, change, upsert=True, return_document=True)
        assert found
        return found["visits"]


LIBRARIES: dict[str, tuple[str, Callable[[], Any]]] = {
    "confluent-kafka": ("kafka", with_confluent),
    "aiokafka": ("aiokafka", lambda: asyncio.run(with_aiokafka())),
    "celery": ("celery", with_celery),
    "grpc": ("grpc", with_grpc),
    "grpc.aio": ("grpc", lambda: asyncio.run(with_grpc_aio())),
    "pymongo": ("mongodb", with_pymongo),
}
"""The name or family that settings have, and a call."""


def work(call: Callable[[], Any]) -> Any:
    """What an app gets."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        return [client.incr("visits"), call(), client.incr("visits")]


def main() -> None:
    """Record each, then replay it in three ways."""
    told: dict[str, Any] = {}
    for library, (name, call) in LIBRARIES.items():
        with timetracer_otel.record(Path(sys.argv[1]) / library) as recording:
            told[library] = {"recorded": work(call)}
        assert recording.path is not None
        ways: list[tuple[str, dict[str, Any]]] = [
            (f"{name} live", {"live_plugins": (name,)}),
            ("redis live", {"live_plugins": ("redis",)}),
            ("redis mocked", {"mock_plugins": ("redis",)}),
        ]
        for way, choice in ways:
            with timetracer_otel.replay(recording.path, settings=config.load({}, **choice)) as session:
                try:
                    told[library][way] = work(call)
                except Exception as error:  # the test shows it
                    told[library][way] = f"{type(error).__name__}: {error}"
            if session.unused:
                told[library][f"{way}, unused"] = [one.span.name for one in session.unused]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
