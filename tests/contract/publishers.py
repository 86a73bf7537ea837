"""What publishes messages, under contract: where it is, who instruments it, how an app uses it.

Nothing is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from tests.contract.clients import Coroutines, Synchronous
from timetracer_otel.testing.subjects import Dependency


class Celery(Synchronous):
    """Tasks that are published, each with an id of its own; nobody runs them."""

    module = integration = "celery"
    scope = "opentelemetry.instrumentation.celery"
    instrumentor = "opentelemetry.instrumentation.celery:CeleryInstrumentor"

    def client(self) -> Any:
        return self._task("open", os.environ["REDIS_URL"]), self._task("closed", "redis://127.0.0.1:1/0")

    def _task(self, name: str, broker: str) -> Any:
        app = self.load().Celery(name, broker=broker)
        app.conf.broker_transport_options = {"max_retries": 0, "interval_start": 0, "interval_step": 0}

        def add(way: str) -> None:
            raise NotImplementedError

        return app.task(name=f"{name}.add", typing=False)(add)

    def call(self, client: Any, way: str) -> Any:
        return repr(client[0].apply_async((way,), task_id=way))

    def fail(self, client: Any) -> Any:
        return client[1].apply_async(("closed",), task_id="closed", retry=False)


class ConfluentKafka(Synchronous):
    """One producer, of a class that is looked up when the client is made."""

    module = "confluent_kafka"
    integration = "confluent_kafka"
    scope = "opentelemetry.instrumentation.confluent_kafka"
    instrumentor = "opentelemetry.instrumentation.confluent_kafka:ConfluentKafkaInstrumentor"

    def client(self) -> Any:
        return self.load().Producer({"bootstrap.servers": os.environ["KAFKA_URL"], "linger.ms": 0})

    def call(self, client: Any, way: str) -> Any:
        reports: list[Any] = []
        client.produce("contract", way, partition=0, on_delivery=lambda *told: reports.append(told))
        while not reports:
            client.poll(1)
        ((error, message),) = reports
        return error, type(message), message.topic(), message.value(), type(message.offset())

    def fail(self, client: Any) -> Any:
        return client.produce("contract", "x" * 2_000_000)


class Aiokafka(Dependency):
    """It knows coroutines only, and its producers belong to an event loop."""

    module = integration = "aiokafka"
    scope = "opentelemetry.instrumentation.aiokafka"
    instrumentor = "opentelemetry.instrumentation.aiokafka:AIOKafkaInstrumentor"

    def client(self) -> Any:
        return self.load().AIOKafkaProducer

    def call(self, client: Any, way: str) -> Any:
        return asyncio.run(self.call_async(client, way))

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._send(client, b"outside", transactional_id="contract"))

    async def call_async(self, client: Any, way: str) -> Any:
        sent = await self._send(client, way.encode())
        return type(sent), sent.topic, sent.partition, sent.topic_partition, type(sent.offset)

    async def _send(self, client: Any, value: bytes, **settings: str) -> Any:
        producer = client(bootstrap_servers=os.environ["KAFKA_URL"], **settings)
        await producer.start()
        try:
            return await producer.send_and_wait("contract", value, partition=0)
        finally:
            await producer.stop()


_MAIL = "Subject: contract\n\nx"


class Smtplib(Synchronous):
    """A mail over a connection of its own. The standard instrumentations do not know it."""

    module = integration = "smtplib"

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        host, _, port = os.environ["MAIL_URL"].split(",")[0].partition(":")
        with client.SMTP(host, int(port)) as connection:
            return connection.sendmail("shop@example.com", [f"{way}@example.com"], _MAIL)

    def fail(self, client: Any) -> Any:
        return self.call(client, "refused")


class Aiosmtplib(Coroutines):
    """As above; it knows coroutines only."""

    module = integration = "aiosmtplib"

    async def call_async(self, client: Any, way: str) -> Any:
        host, _, port = os.environ["MAIL_URL"].split(",")[0].partition(":")
        async with client.SMTP(hostname=host, port=int(port), start_tls=False) as connection:
            return await connection.sendmail("shop@example.com", [f"{way}@example.com"], _MAIL)

    def fail(self, client: Any) -> Any:
        return asyncio.run(self.call_async(client, "refused"))
