"""Serializers are the app's: asked as often as without us, and what they raise is no fault of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiokafka
import pytest

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.services.kafka import Kafka
from timetracer_otel import ports
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.kafka.aio import AiokafkaIntegration


class OwnError(Exception):
    """The app's own."""


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    broker = Kafka()
    yield broker
    broker.remove()


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    integration = AiokafkaIntegration()
    wrapping.install(integration)
    yield
    wrapping.uninstall(integration)


async def send(address: str) -> list[Any]:
    """What serializers were asked, and what came of each send."""
    seen: list[Any] = []

    def upper(value: Any) -> bytes:
        seen.append(value)
        if not isinstance(value, str):
            raise OwnError("no text")
        return value.upper().encode()

    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=address, key_serializer=str.encode, value_serializer=upper, max_request_size=1000
    )
    async with producer:
        sent = await producer.send_and_wait("serialized", "one", key="k", partition=0)
        seen.append([sent.topic, sent.partition])
        for value in (2, "x" * 2000):
            try:
                await producer.send("serialized", value, key="k", partition=0)
            except Exception as error:  # its class and text are what is asked
                seen.append([type(error).__name__, str(error)[:40]])
    return seen


def test_they_are_asked_once_and_what_they_raise_is_the_apps(broker: Kafka) -> None:
    ports.forget_failures()
    live = asyncio.run(send(broker.url))
    with using(RecordingPort()) as recording:
        recorded = asyncio.run(send(broker.url))
    broker.stop()
    with using(ReplayPort(recording.calls)):
        replayed = asyncio.run(send(broker.url))

    assert live == [
        "one", ["serialized", 0], 2, ["OwnError", "no text"], "x" * 2000,
        ["MessageSizeTooLargeError", "[Error 10] MessageSizeTooLargeError: The"],
    ]  # fmt: skip
    assert recorded == live
    assert replayed == recorded
    assert ports.failures() == {}
    assert [call.asked.title().partition(":")[0] for call in recording.calls if "kafka" in call.family] == [
        "serialized 'k'",
        "serialized 'k'",
    ]
