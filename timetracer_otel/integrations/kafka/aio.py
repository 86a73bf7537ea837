"""aiokafka: producers and consumers of asyncio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from timetracer_otel import ports, values
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.kafka.late import late, left_unstarted, started_late
from timetracer_otel.integrations.kafka.polled import Asked, Polled, Questions, accepts, answers
from timetracer_otel.integrations.kafka.serializing import Serializing, serialize, under_way
from timetracer_otel.messages import (
    Answer,
    Failure,
    FunctionCall,
    FunctionResult,
    KafkaDelivery,
    KafkaRecord,
    KafkaRecords,
)

_PRODUCER, _CONSUMER = "aiokafka.producer.producer", "aiokafka.consumer.consumer"
_SEND = ("topic", "value", "key", "partition", "timestamp_ms", "headers")
_POLLED = "_timetracer_polled"
_WAIT_SECONDS = 0.005


class AiokafkaIntegration(Integration):
    """Records and answers what producers send; what follows a record that a consumer gave belongs to it."""

    name: ClassVar[str] = "aiokafka"
    oldest = ("aiokafka>=0.10",)
    family: ClassVar[str] = "kafka"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.aiokafka",)

    def __init__(self) -> None:
        self._questions = Questions(self)

    def points(self) -> Sequence[Point]:
        """Sending, fetching, and what needs a broker beside."""
        producer, consumer = f"{_PRODUCER}:AIOKafkaProducer.", f"{_CONSUMER}:AIOKafkaConsumer."
        handlers = {
            producer + "send": self._send,
            producer + "start": self._start,
            producer + "stop": self._stop_producer,
            producer + "flush": self._flush,
            producer + "send_batch": self._refuse,
            producer + "partitions_for": self._refuse,
            producer + "begin_transaction": self._ask,
            producer + "commit_transaction": self._ask,
            producer + "abort_transaction": self._ask,
            consumer + "start": self._start,
            consumer + "getone": self._getone,
            consumer + "getmany": self._getmany,
            consumer + "stop": self._stop,
            consumer + "commit": self._ask,
            consumer + "committed": self._refuse,
            consumer + "position": self._refuse,
            consumer + "topics": self._refuse,
            consumer + "offsets_for_times": self._refuse,
            consumer + "beginning_offsets": self._refuse,
            consumer + "end_offsets": self._refuse,
            consumer + "seek_to_beginning": self._skip,
            consumer + "seek_to_end": self._skip,
            consumer + "seek_to_committed": self._skip,
            # the standard instrumentation asks for partitions before a record is sent
            "aiokafka.client:AIOKafkaClient._wait_on_metadata": self._wait_on_metadata,
        }
        return [
            Point(_PRODUCER, "AIOKafkaProducer._serialize", wrapper=serialize, optional=True),
            *(
                Point(module, path, handler, asynchronous=True)
                for place, handler in handlers.items()
                for module, path in [place.split(":")]
            ),
        ]

    # sending

    def _send(self, call: Invocation) -> Flow[Any]:
        """One record; what the app gets is the future of its report."""
        port = ports.current()
        if port is None:
            return (yield call.proceed)
        if port.live(self):
            return (yield from self._send_live(call, port, None, Serializing()))
        sending = Serializing(once=True)
        exchange = port.begin(self, self._records(call, sending))
        recorded = exchange.recorded
        if isinstance(recorded, Failure):
            raise self.rebuild_failure(recorded, call)
        if recorded is not None:
            return self.rebuild(recorded, call)
        return (yield from self._send_live(call, port, exchange, sending))

    def _send_live(
        self, call: Invocation, port: ports.Port, exchange: ports.Exchange | None, sending: Serializing
    ) -> Flow[Any]:
        """Begun once it is sent: only then is known what the app's serializers made of it."""
        unstarted = None if exchange is None else late(call.instance)
        token = under_way.set(sending)
        try:
            if unstarted is not None:
                yield unstarted.start
            future = yield call.proceed
        except BaseException as error:
            begun = exchange or (None if sending.refused else safely(self._begin_sent, port, call, sending))
            if begun is not None:
                safely(begun.finish, safely(self.failure, error, call))
            raise
        finally:
            under_way.reset(token)
        sent = exchange or self._begin_sent(port, call, sending)
        sent.reading(KafkaDelivery)
        future.add_done_callback(lambda done: self._delivered(done, sent))
        return future

    def _begin_sent(self, port: ports.Port, call: Invocation, sending: Serializing) -> ports.Exchange:
        exchange = port.begin(self, self._records(call, sending))
        with exchange:
            """A span of our own, where the send has no other, is over when it has begun."""
        return exchange

    def request(self, call: Invocation) -> KafkaRecords:
        """The record as its producer serializes it."""
        return self._records(call, Serializing())

    def _records(self, call: Invocation, sending: Serializing) -> KafkaRecords:
        given = dict(zip(_SEND, call.args, strict=False)) | call.kwargs
        for name in ("key", "value"):
            serializer = getattr(call.instance, f"_{name}_serializer")
            if name in sending.given:
                given[name] = sending.given[name]
            elif serializer is not None:  # it was not asked yet
                given[name] = sending.ask(name, serializer, given.get(name))
        headers = given.get("headers")
        return KafkaRecords(
            [
                KafkaRecord(
                    topic=given["topic"],
                    key=values.snapshot(given.get("key")),
                    value=values.snapshot(given.get("value")),
                    headers=_header_pairs(headers),
                    partition=given.get("partition"),
                    timestamp=given.get("timestamp_ms"),
                )
            ]
        )

    def _delivered(self, future: Any, exchange: ports.Exchange) -> None:
        try:
            if future.cancelled():
                exchange.finish(KafkaDelivery())
            elif (error := future.exception()) is not None:
                exchange.finish(KafkaDelivery(failure=exceptions.describe(error), served=1))
            else:
                exchange.finish(self.answer(future.result(), cast("Invocation", None)))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("aiokafka: reading a report", error)
            exchange.finish(None)

    def answer(self, result: Any, call: Invocation) -> KafkaDelivery:
        """Where the record is; nothing is known of one that nobody acknowledges."""
        if result is None:
            return KafkaDelivery(served=1)
        return KafkaDelivery(
            partition=result.partition,
            offset=result.offset,
            timestamp=result.timestamp,
            timestamp_type=result.timestamp_type,
            served=1,
        )

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The future of the report; one that never comes is never done."""
        delivery = cast("KafkaDelivery", answer)
        future = asyncio.get_running_loop().create_future()
        given = dict(zip(_SEND, call.args, strict=False)) | call.kwargs
        structs: Any = sys.modules["aiokafka.structs"]
        if delivery.failure is not None:
            future.set_exception(self.rebuild_failure(delivery.failure, call))
        elif delivery.served and delivery.partition is None:
            future.set_result(None)
        elif delivery.served:
            topic, partition = given["topic"], delivery.partition
            future.set_result(
                structs.RecordMetadata(
                    topic=topic,
                    partition=partition,
                    topic_partition=structs.TopicPartition(topic, partition),
                    offset=delivery.offset,
                    timestamp=delivery.timestamp,
                    timestamp_type=delivery.timestamp_type,
                    log_start_offset=None,
                )
            )
        return future

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Those of aiokafka."""
        return exceptions.module_exceptions(sys.modules["aiokafka.errors"])

    # fetching

    def _getone(self, call: Invocation) -> Flow[Any]:
        polled = self._polled(call)
        polled.end()
        if not answers(self):
            record = yield call.proceed
            self._begin(polled, [record], batch=False)
            return record
        found = yield lambda: self._next(call, batch=False, seconds=None)
        polled.begin(found)
        return _consumer_record(found.records[0])

    def _getmany(self, call: Invocation) -> Flow[Any]:
        polled = self._polled(call)
        polled.end()
        if not answers(self):
            found = yield call.proceed
            records = [record for part in found.values() for record in part]
            if records:
                self._begin(polled, records, batch=True)
            return found
        seconds = call.kwargs.get("timeout_ms", 0) / 1000
        recorded = yield lambda: self._next(call, batch=True, seconds=seconds)
        if recorded is None:
            return {}
        polled.begin(recorded)
        structs: Any = sys.modules["aiokafka.structs"]
        parts: dict[Any, list[Any]] = {}
        for record in recorded.records:
            place = structs.TopicPartition(record.topic, record.partition)
            parts.setdefault(place, []).append(_consumer_record(record))
        return parts

    def _begin(self, polled: Polled, records: list[Any], *, batch: bool) -> None:
        try:
            polled.begin(KafkaRecords([_record(record) for record in records], batch))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("aiokafka: reading a record", error)

    async def _next(self, call: Invocation, *, batch: bool, seconds: float | None) -> Any:
        port = ports.entry_port()
        if port is None:
            raise ReplayError(
                "aiokafka: a consumer is replayed as an app of its own (timetracer-otel replay --app"
                " MODULE:FUNCTION), not within a request or a block"
            )
        topics = call.instance._subscription.topics or None
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        while True:
            found = port.deliver(self, accepts(topics, batch=batch), 0)
            if found is not None or (deadline is not None and loop.time() >= deadline):
                return found
            await asyncio.sleep(_WAIT_SECONDS)

    def _polled(self, call: Invocation) -> Polled:
        polled = getattr(call.instance, _POLLED, None)
        if not isinstance(polled, Polled):
            polled = Polled(self)
            setattr(call.instance, _POLLED, polled)
        return polled

    def _stop(self, call: Invocation) -> Flow[Any]:
        self._polled(call).end()
        return (yield from self._stop_producer(call))

    def _stop_producer(self, call: Invocation) -> Flow[Any]:
        if answers(self) and not started_late(call.instance):
            call.instance._closed = True  # else it says that it was not closed
            return None
        return (yield call.proceed)

    # what needs a broker beside

    def _skip(self, call: Invocation) -> Flow[Any]:
        return None if answers(self) else (yield call.proceed)

    def _flush(self, call: Invocation) -> Flow[Any]:
        return None if answers(self) and not started_late(call.instance) else (yield call.proceed)

    def _wait_on_metadata(self, call: Invocation) -> Flow[Any]:
        """Part of a record that is let through; else it has no answer."""
        return (yield call.proceed) if under_way.get() is not None else (yield from self._refuse(call))

    def _start(self, call: Invocation) -> Flow[Any]:
        """The start of a producer or a consumer; a replay knows of one that failed."""
        exchange = safely(self._questions.begin, FunctionCall(_name(call)))
        recorded = None if exchange is None else exchange.recorded
        if isinstance(recorded, Failure):
            raise self.rebuild_failure(recorded, call)
        if answers(self):
            left_unstarted(call.instance, call.proceed)
            return None
        if exchange is None:
            return (yield call.proceed)
        try:
            with exchange:
                result = yield call.proceed
        except BaseException as error:
            safely(exchange.finish, safely(self.failure, error, call))
            raise
        exchange.finish(FunctionResult(None))
        return result

    def _ask(self, call: Invocation) -> Flow[Any]:
        given = [_plain(value) for value in call.args]
        asked = FunctionCall(_name(call), given, {key: _plain(value) for key, value in call.kwargs.items()})
        question = Asked(
            call.wrapped, call.instance, call.args, call.kwargs, asked=asked, read=_nothing, make=_nothing
        )
        return (yield from self._questions.exchange(question))

    def _refuse(self, call: Invocation) -> Flow[Any]:
        if answers(self):
            name = getattr(call.wrapped, "__qualname__", "this")
            raise ReplayError(
                f"aiokafka: {name} cannot be answered from a cassette: it is not recorded; let Kafka go live"
                " with TIMETRACER_LIVE_PLUGINS=aiokafka"
            )
        return (yield call.proceed)


def _name(call: Invocation) -> str:
    """``Producer.start``."""
    return str(getattr(call.wrapped, "__qualname__", "aiokafka")).removeprefix("AIOKafka")


def _nothing(value: Any) -> None:
    return None


def _plain(value: Any) -> Any:
    """Offsets by partition, as data."""
    if isinstance(value, dict):
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    return list(value) if isinstance(value, tuple) else values.snapshot(value)


def _header_pairs(headers: Any) -> list[list[Any]] | None:
    """Headers as names and bytes; whatever else was given, which aiokafka refuses, as it is."""
    if headers is None:
        return None
    try:
        return [list(pair) for pair in headers]
    except TypeError:
        return [["", values.snapshot(headers)]]


def _record(record: Any) -> KafkaRecord:
    return KafkaRecord(
        topic=record.topic,
        key=values.snapshot(record.key),
        value=values.snapshot(record.value),
        headers=[list(pair) for pair in record.headers],
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        timestamp_type=record.timestamp_type,
    )


def _consumer_record(record: KafkaRecord) -> Any:
    kind: Any = sys.modules["aiokafka.structs"].ConsumerRecord
    return kind(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        timestamp_type=record.timestamp_type,
        key=record.key,
        value=record.value,
        checksum=None,
        serialized_key_size=_size(record.key),
        serialized_value_size=_size(record.value),
        headers=tuple((name, value) for name, value in record.headers or ()),
    )


def _size(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else -1
