"""Records that a broker never acknowledged: the same errors in a replay."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiokafka
import confluent_kafka

import timetracer_otel
from tests.services.kafka import Kafka


async def with_aiokafka(broker: Kafka) -> Any:
    """One record that arrives, one that is sent when the broker is gone."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.url, request_timeout_ms=1000)
    await producer.start()
    try:
        arrived = await producer.send_and_wait("gone", b"1", partition=0)
        broker.stop()
        future = await producer.send("gone", b"2", partition=0)
        lost: Any
        (lost,) = await asyncio.gather(future, return_exceptions=True)
        return [arrived.offset, type(lost).__qualname__, str(lost)]
    finally:
        await producer.stop()


def with_confluent(broker: Kafka) -> Any:
    """As above: the error is in the report."""
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": broker.url, "message.timeout.ms": 1000, "linger.ms": 0, "log_level": 0}
    )
    told: list[Any] = []

    def report(error: Any, message: Any) -> None:
        told.append([None if error is None else [error.code(), error.name(), error.str()], message.value()])

    producer.produce("gone", b"1", partition=0, on_delivery=report)
    left = [producer.flush(60)]
    broker.stop()
    producer.produce("gone", b"2", partition=0, on_delivery=report)
    return [*left, producer.flush(0), producer.flush(60), told]


def recorded_and_replayed(folder: Path, work: Any) -> tuple[Any, Any]:
    """What the app got, with a broker that goes away and with none."""
    broker = Kafka()
    try:
        with timetracer_otel.record(folder) as recording:
            recorded = work(broker)
    finally:
        broker.stop()
    assert recording.path is not None
    with timetracer_otel.replay(recording.path) as session:
        replayed = work(broker)
    assert session.unused == []
    return recorded, replayed


def test_a_future_of_aiokafka_that_fails(tmp_path: Path) -> None:
    recorded, replayed = recorded_and_replayed(tmp_path, lambda broker: asyncio.run(with_aiokafka(broker)))
    assert recorded[0] == 0
    assert recorded[1] in ("KafkaTimeoutError", "NodeNotReadyError", "KafkaConnectionError")
    assert replayed == recorded


def test_a_report_of_confluent_kafka_with_an_error(tmp_path: Path) -> None:
    recorded, replayed = recorded_and_replayed(tmp_path, with_confluent)
    assert recorded[:3] == [0, 1, 0]
    assert [told[0] and told[0][1] for told in recorded[3]] == [None, "_MSG_TIMED_OUT"]
    assert replayed == recorded


async def _start(client: Any) -> str:
    try:
        await client.start()
    except aiokafka.errors.KafkaError as error:
        return f"{type(error).__qualname__}: {error}"
    finally:
        await client.stop()
    return "started"


async def started(broker: Kafka) -> Any:
    """What starts while the broker is there, and fails to when it is gone."""
    told = []
    for _ in range(2):
        told += [
            await _start(aiokafka.AIOKafkaConsumer("orders", bootstrap_servers=broker.url)),
            await _start(aiokafka.AIOKafkaProducer(bootstrap_servers=broker.url)),
        ]
        broker.stop()
    return told


def test_a_start_that_fails(tmp_path: Path) -> None:
    recorded, replayed = recorded_and_replayed(tmp_path, lambda broker: asyncio.run(started(broker)))
    assert recorded[:2] == ["started", "started"]
    assert [text.split(":")[0] for text in recorded[2:]] == ["KafkaConnectionError"] * 2
    assert replayed == recorded
