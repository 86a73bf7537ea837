"""A replay that lets through what nothing recorded answers: such a record reaches the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import aiokafka
import confluent_kafka
import pytest

import timetracer_otel
from tests.services.kafka import Kafka
from timetracer_otel import config

ASKED: list[str] = []
Send: TypeAlias = Callable[[str, Sequence[str]], Any]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The broker's own: the door before it is in this process, where a replay refuses connections."""
    broker = Kafka()
    assert not isinstance(broker.door.target, str)
    host, port = broker.door.target
    yield f"{host}:{port}"
    broker.stop()


def _serialized(value: str) -> bytes:
    ASKED.append(value)
    return value.encode()


async def _by_aiokafka(address: str, texts: Sequence[str]) -> Any:
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address, value_serializer=_serialized)
    await producer.start()
    try:
        sent = [await producer.send("aio", text, partition=0) for text in texts]
        await producer.flush()
        return [(await one).offset for one in sent]
    finally:
        await producer.stop()


def by_aiokafka(address: str, texts: Sequence[str]) -> Any:
    """Where the records are."""
    return asyncio.run(_by_aiokafka(address, texts))


def by_confluent_kafka(address: str, texts: Sequence[str]) -> Any:
    """As above."""
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "linger.ms": 0})
    told: list[Any] = []
    for text in texts:
        producer.produce(
            "confluent",
            _serialized(text),
            partition=0,
            on_delivery=lambda error, message: told.append(message),
        )
    left = [producer.flush(60), len(producer)]
    assert left == [0, 0]
    return [message.offset() for message in told]


@pytest.mark.parametrize("by", [by_aiokafka, by_confluent_kafka])
def test_a_record_that_nothing_answers_reaches_the_broker(tmp_path: Path, address: str, by: Send) -> None:
    settings = config.load(environ={}, dir=tmp_path / "store", on_miss="record")
    with timetracer_otel.record(settings=settings) as recording:
        assert by(address, ["tea"]) == [0]
    assert recording.path is not None

    ASKED.clear()
    with timetracer_otel.replay(recording.path, settings=settings) as session:
        assert by(address, ["tea", "cup"]) == [0, 1]
    assert ASKED == ["tea", "cup"]
    assert [call.title for call in session.misses] == [f"{_topic(by)}: 'cup'"]

    ASKED.clear()
    assert session.captured_to is not None
    with timetracer_otel.replay(session.captured_to) as session:
        assert by("127.0.0.1:1", ["tea", "cup"]) == [0, 1]
    assert (ASKED, session.unused) == (["tea", "cup"], [])


def _topic(by: Send) -> str:
    return "aio" if by is by_aiokafka else "confluent"
