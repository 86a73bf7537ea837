"""Kafka and Celery: what is published, what consumers are given, and what errors say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiokafka
import confluent_kafka
import pytest
from celery import Celery, chain, chord

import timetracer_otel
from tests.canaries.canaries import Canaries
from tests.canaries.places import IN_CLEAR
from tests.services.kafka import Kafka
from tests.services.valkey import Valkey
from timetracer_otel import record

Records = list[tuple[bytes, bytes]]


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    broker = Kafka()
    yield broker
    broker.remove()


def records(c: Canaries) -> Records:
    """Keys and values with secrets in every form that text has, and in one that it has not."""
    avro = b"\0\0\0\0\7\x10password\x30%b"
    return [
        (b"k", json.dumps({"user": {"password": c["value, JSON"]}}).encode()),
        (json.dumps({"token": c["key, JSON"]}).encode(), b"x"),
        (f"session:{c['header']}".encode(), avro % c["header"].encode()),
        (b"k", avro % c["avro"].encode()),
        (b"k", b"\0\0\0\0\1" + json.dumps({"password": c["value, JSON with the id of a schema"]}).encode()),
        (b"k", f"postgres://u:{c['value, URL']}@h/d".encode()),
        (b"k", f"see postgres://u:{c['value, URL in a text']}@h/d".encode()),
        (b"k", f"Bearer {c['value, bearer']}".encode()),
    ]


def headers(c: Canaries) -> list[tuple[str, bytes]]:
    """Of every record."""
    return [
        ("authorization", f"Bearer {c['header']}".encode()),
        ("x-api-key", c["header, key"].encode()),
        ("baggage", f"a=1,session_token={c['header, baggage']}".encode()),
        ("reply-url", f"http://u:{c['header, URL']}@h/".encode()),
        ("context", json.dumps({"password": c["header, JSON"]}).encode()),
    ]


def publish(broker: Kafka, c: Canaries) -> None:
    """Send all records with confluent-kafka."""
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.url})
    for key, value in records(c):
        producer.produce("one", value, key, 0, headers=list(headers(c)))
    assert producer.flush(60) == 0


def consume(broker: Kafka, c: Canaries) -> list[Any]:
    """Be given them."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.url, "group.id": "canaries"})
    consumer.assign([confluent_kafka.TopicPartition("one", 0, 0)])
    found: list[Any] = []
    while len(found) < len(records(c)):
        message = consumer.poll(60)
        assert message is not None
        found.append(message.value())
    consumer.close()
    return found


async def publish_async(broker: Kafka, c: Canaries) -> None:
    """Send all records with aiokafka."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=broker.url) as producer:
        for key, value in records(c):
            await producer.send_and_wait("other", value, key, 0, headers=headers(c))


async def consume_async(broker: Kafka, c: Canaries) -> list[Any]:
    """Be given them."""
    consumer = aiokafka.AIOKafkaConsumer("other", bootstrap_servers=broker.url, auto_offset_reset="earliest")
    async with consumer:
        return [(await consumer.getone()).value for _ in records(c)]


@pytest.mark.parametrize("client", ["confluent-kafka", "aiokafka"])
def test_records(broker: Kafka, client: str, tmp_path: Path) -> None:
    timetracer_otel.install()
    c = Canaries("Kafka")
    with record(tmp_path, name="publish"):
        if client == "aiokafka":
            asyncio.run(publish_async(broker, c))
        else:
            publish(broker, c)
    sent = c.found_in(tmp_path)
    with record(tmp_path / "consumed", name="consume"):
        found = asyncio.run(consume_async(broker, c)) if client == "aiokafka" else consume(broker, c)

    assert found == [value for _, value in records(c)]
    assert sent == set(IN_CLEAR["Kafka"])
    assert c.found_in(tmp_path / "consumed") == set(IN_CLEAR["Kafka"])


@pytest.fixture
def shop(valkey: Valkey) -> Celery:
    """An app whose tasks nobody runs, or the caller itself."""
    return Celery("shop", broker=valkey.url, backend="cache+memory://", set_as_current=False)


def test_tasks(shop: Celery, tmp_path: Path) -> None:
    timetracer_otel.install()
    c = Canaries("Celery")

    @shop.task(name="login")  # type: ignore[untyped-decorator]  # so it is
    def login(user: Any, secret: str = "", **more: Any) -> dict[str, Any]:
        if user == "nobody":
            said = f"at postgres://u:{c['exception, URL']}@h password={c['exception']}"
            said += f" Bearer {c['exception, bearer']}"
            raise RuntimeError(said)
        return {"user": "ann", "token": c["result"]}

    with record(tmp_path):
        headers = {
            "authorization": f"Bearer {c['header']}",
            "context": {"token": c["header, nested"]},
            "baggage": f"a=1,token={c['header, baggage']}",
        }
        keywords = {
            "password": c["keyword"],
            "config": {"api_key": c["keyword, nested"], "dsn": f"redis://:{c['keyword, URL']}@h"},
            "text": json.dumps({"secret": c["keyword, JSON"]}),
        }
        login.apply_async(("ann",), keywords, headers=headers)
        login.delay({"password": c["argument"]}, c["positional"], note=f"Bearer {c['bearer']}")
        chain(login.s("a", password=c["chain"]), login.si("b", password=c["chain, then"]))()
        chord([login.s("a", password=c["chord"])], login.si("b", password=c["chord, then"]))()
        login.apply_async(
            ("a",),
            link=login.si("b", password=c["link"]),
            link_error=login.si("b", password=c["link of errors"]),
        )
        shop.send_task("another", kwargs={"password": c["by name"]})
        login.apply(("ann",), {"password": c["eager"]})
        with pytest.raises(RuntimeError):
            login.apply(("nobody",), throw=True)

    assert c.found_in(tmp_path) == set(IN_CLEAR["Celery"])


@pytest.mark.parametrize("scheme", ["amqp://u:{}@127.0.0.1:1//", "redis://:{}@127.0.0.1:1/0"])
def test_a_broker_that_is_not_there(scheme: str, tmp_path: Path) -> None:
    timetracer_otel.install()
    c = Canaries("brokers")
    app = Celery("closed", broker=scheme.format(c["URL"]), set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 0, "interval_start": 0, "interval_step": 0}
    with record(tmp_path), pytest.raises(Exception, match="refused"):
        app.send_task("login", kwargs={"password": c["keyword"]}, retry=False)

    assert c.found_in(tmp_path) == set()
