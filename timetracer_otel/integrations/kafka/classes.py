"""The classes in the place of confluent-kafka's: record what passes, or answer without a broker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.base import run
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.kafka.converting import (
    argument_data,
    error_data,
    header_pairs,
    message_of,
    offsets_data,
    offsets_of,
    record_of,
    record_sent,
    report_of,
)
from timetracer_otel.integrations.kafka.polled import Asked, Polled, Questions, accepts, answers
from timetracer_otel.messages import Failure, FunctionCall, KafkaDelivery, KafkaRecord, KafkaRecords

if TYPE_CHECKING:
    from timetracer_otel.integrations.kafka.confluent import ConfluentKafkaIntegration

T = TypeVar("T")

_PRODUCE = ("topic", "value", "key", "partition", "callback", "on_delivery", "timestamp", "headers")
_BROKERS = ("bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers")
_QUESTIONS = ("init_transactions", "begin_transaction", "commit_transaction", "abort_transaction")
_REFUSED_PRODUCER = ("list_topics", "produce_batch", "send_offsets_to_transaction", "cluster_id")
_REFUSED_CONSUMER = (
    "list_topics", "committed", "get_watermark_offsets", "offsets_for_times", "position", "cluster_id",
)  # fmt: skip
_NOTHING_CONSUMER = (
    "pause",
    "resume",
    "seek",
    "store_offsets",
    "unassign",
    "unsubscribe",
    "subscribe",
    "assign",
)


class _Due(NamedTuple):
    """A report that a later poll gives."""

    at: int
    record: KafkaRecord
    delivery: KafkaDelivery
    callback: Callable[..., Any] | None


def producer_class(integration: ConfluentKafkaIntegration, base: Any) -> Any:
    """A class in the place of a producer's."""
    questions = Questions(integration)

    class Producer(base):  # type: ignore[misc]  # a class of C's
        timetracer_seen = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            conf = _configuration(args, kwargs)
            self._timetracer_default = conf.get("on_delivery") or conf.get("dr_cb")
            self._timetracer_polls = 0
            self._timetracer_due: deque[_Due] = deque()
            self._timetracer_lock = threading.Lock()
            if answers(integration):
                args, kwargs = _without_brokers(args, kwargs)
            super().__init__(*args, **kwargs)

        def produce(self, *args: Any, **kwargs: Any) -> None:
            """Send a record; as confluent-kafka has it."""
            port = ports.current()
            if port is None or not wrapping.installed(integration.name):
                super().produce(*args, **kwargs)
                return
            given = dict(zip(_PRODUCE, args, strict=False)) | kwargs
            request = safely(record_sent, given)
            if request is None:
                if port.replaying and not port.live(integration):
                    raise ReplayError("confluent_kafka: this record cannot be read, so it is not answered")
                super().produce(*args, **kwargs)
                return
            callback = given.pop("on_delivery", None) or given.pop("callback", None)
            given.pop("callback", None)
            exchange = port.begin(integration, request)
            recorded = exchange.recorded
            if isinstance(recorded, Failure):
                raise integration.rebuild_failure(recorded)
            if isinstance(recorded, KafkaDelivery):
                if recorded.served:
                    at = self._timetracer_polls + recorded.served
                    due = _Due(at, request.records[0], recorded, callback or self._timetracer_default)
                    with self._timetracer_lock:
                        self._timetracer_due.append(due)
                return
            report = _Report(exchange, self, callback or self._timetracer_default)
            given["on_delivery"] = report
            try:
                with exchange:
                    super().produce(**given)
            except BaseException as error:
                failure = safely(integration.failure, error)
                safely(exchange.finish, failure)
                raise
            safely(exchange.reading, KafkaDelivery)

        def poll(self, *args: Any, **kwargs: Any) -> Any:
            """Serve callbacks; as confluent-kafka has it."""
            self._timetracer_polls += 1
            if not answers(integration):
                return super().poll(*args, **kwargs)
            served = self._timetracer_serve(self._timetracer_polls)
            if served == 0 and not self._timetracer_due:
                return super().poll(*args, **kwargs)  # waits, as nothing will come
            return served

        def flush(self, *args: Any, **kwargs: Any) -> Any:
            """Wait for all reports; as confluent-kafka has it."""
            self._timetracer_polls += 1
            if not answers(integration):
                return super().flush(*args, **kwargs)
            self._timetracer_serve(None)
            return len(self._timetracer_due)

        def __len__(self) -> int:
            return int(super().__len__()) + len(self._timetracer_due)

        def _timetracer_serve(self, polls: int | None) -> int:
            served = 0
            while True:
                with self._timetracer_lock:
                    first = self._timetracer_due[0] if self._timetracer_due else None
                    if first is None or (polls is not None and first.at > polls):
                        return served
                    due = self._timetracer_due.popleft()
                served += 1
                if due.callback is not None:
                    due.callback(*report_of(due.record, due.delivery))

    for name in _QUESTIONS:
        _ask(Producer, name, questions, lambda result: None, lambda value: None)
    _refuse(Producer, _REFUSED_PRODUCER, integration)
    return _named(Producer, base)


class _Report:
    """Takes the report of a delivery, for the recording and for the app."""

    def __init__(self, exchange: ports.Exchange, producer: Any, callback: Callable[..., Any] | None) -> None:
        self._exchange = exchange
        self._producer = producer
        self._sent_at = producer._timetracer_polls
        self._callback = callback

    def __call__(self, error: Any, message: Any) -> None:
        safely(self._note, error, message)
        if self._callback is not None:
            self._callback(error, message)

    def _note(self, error: Any, message: Any) -> None:
        kind, at = message.timestamp()
        self._exchange.finish(
            KafkaDelivery(
                partition=message.partition(),
                offset=message.offset(),
                timestamp=at,
                timestamp_type=kind,
                headers=header_pairs(message.headers()),
                latency=message.latency(),
                failure=None if error is None else Failure("cimpl.KafkaError", [error_data(error)]),
                served=max(1, self._producer._timetracer_polls - self._sent_at),
            )
        )


def consumer_class(integration: ConfluentKafkaIntegration, base: Any) -> Any:
    """A class in the place of a consumer's."""
    questions = Questions(integration)

    class Consumer(base):  # type: ignore[misc]  # a class of C's
        timetracer_seen = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._timetracer_polled = Polled(integration)
            self._timetracer_topics: list[str] | None = None
            if answers(integration):
                args, kwargs = _without_brokers(args, kwargs)
            super().__init__(*args, **kwargs)

        def poll(self, *args: Any, **kwargs: Any) -> Any:
            """The next record; as confluent-kafka has it."""
            self._timetracer_polled.end()
            if not answers(integration):
                message = super().poll(*args, **kwargs)
                if message is not None and message.error() is None:
                    safely(self._timetracer_begin, [message], batch=False)
                return message
            timeout = kwargs.get("timeout", args[0] if args else -1)
            found = self._timetracer_next(timeout, batch=False)
            return None if found is None else message_of(found.records[0])

        def consume(self, *args: Any, **kwargs: Any) -> Any:
            """The next records; as confluent-kafka has it."""
            self._timetracer_polled.end()
            if not answers(integration):
                messages = super().consume(*args, **kwargs)
                good = [message for message in messages if message.error() is None]
                if good:
                    safely(self._timetracer_begin, good, batch=True)
                return messages
            timeout = kwargs.get("timeout", args[1] if len(args) > 1 else -1)
            found = self._timetracer_next(timeout, batch=True)
            return [] if found is None else [message_of(record) for record in found.records]

        def close(self) -> None:
            """Leave the group; as confluent-kafka has it."""
            self._timetracer_polled.end()
            super().close()

        def __del__(self) -> None:
            polled = getattr(self, "_timetracer_polled", None)
            if polled is not None:
                polled.end()

        def subscribe(self, topics: Any, *args: Any, **kwargs: Any) -> Any:
            """Ask for topics; as confluent-kafka has it."""
            if answers(integration):
                plain = all(isinstance(topic, str) and not topic.startswith("^") for topic in topics)
                self._timetracer_topics = list(topics) if plain else None
                return None
            return super().subscribe(topics, *args, **kwargs)

        def assign(self, partitions: Any) -> Any:
            """Ask for partitions; as confluent-kafka has it."""
            if answers(integration):
                self._timetracer_topics = [partition.topic for partition in partitions]
                return None
            return super().assign(partitions)

        def _timetracer_begin(self, messages: list[Any], *, batch: bool) -> None:
            if wrapping.installed(integration.name):
                records = KafkaRecords([record_of(message) for message in messages], batch)
                self._timetracer_polled.begin(records)

        def _timetracer_next(self, timeout: Any, *, batch: bool) -> KafkaRecords | None:
            port = ports.entry_port()
            if port is None:
                raise ReplayError(
                    "confluent_kafka: a consumer is replayed as an app of its own (timetracer-otel replay"
                    " --app MODULE:FUNCTION), not within a request or a block"
                )
            seconds = None if timeout is None or timeout < 0 else float(timeout)
            found = port.deliver(integration, accepts(self._timetracer_topics, batch=batch), seconds)
            if not isinstance(found, KafkaRecords):
                return None
            self._timetracer_polled.begin(found)
            return found

    _ask(Consumer, "commit", questions, offsets_data, offsets_of)
    _refuse(Consumer, _REFUSED_CONSUMER, integration)
    for name in ("pause", "resume", "seek", "store_offsets", "unassign", "unsubscribe"):
        _do_nothing(Consumer, name, integration)
    return _named(Consumer, base)


def _named(kind: Any, base: Any) -> Any:
    kind.__name__, kind.__qualname__, kind.__module__ = base.__name__, base.__qualname__, base.__module__
    kind.__doc__ = base.__doc__
    return kind


def _ask(
    kind: Any, name: str, questions: Questions, read: Callable[[Any], Any], make: Callable[[Any], Any]
) -> None:
    """Make a method a call of a function."""
    beneath = getattr(kind, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if ports.current() is None or not wrapping.installed(questions.name):
            return beneath(self, *args, **kwargs)
        asked = FunctionCall(f"{kind.__name__}.{name}", [argument_data(one) for one in args])
        asked.keywords = {key: argument_data(value) for key, value in kwargs.items()}
        call = Asked(
            lambda *a, **k: beneath(self, *a, **k), self, args, kwargs, asked=asked, read=read, make=make
        )
        return run(questions.exchange(call), None if answers(questions) else call)

    method.__name__, method.__doc__ = name, beneath.__doc__
    setattr(kind, name, method)


def _refuse(kind: Any, names: tuple[str, ...], caller: ports.Caller) -> None:
    """Methods whose answers are not recorded: a replay says so instead of asking nobody."""
    for name in names:
        beneath = getattr(kind, name, None)
        if beneath is None:
            continue

        def method(self: Any, *args: Any, _name: str = name, _beneath: Any = beneath, **kwargs: Any) -> Any:
            if answers(caller):
                raise ReplayError(
                    f"confluent_kafka: {kind.__name__}.{_name} cannot be answered from a cassette: it is not"
                    " recorded; let Kafka go live with TIMETRACER_LIVE_PLUGINS=confluent_kafka"
                )
            return _beneath(self, *args, **kwargs)

        method.__name__, method.__doc__ = name, beneath.__doc__
        setattr(kind, name, method)


def _do_nothing(kind: Any, name: str, caller: ports.Caller) -> None:
    """Methods that steer what a broker gives: a replay gives what was recorded."""
    beneath = getattr(kind, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return None if answers(caller) else beneath(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, beneath.__doc__
    setattr(kind, name, method)


def _configuration(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    given = args[0] if args and isinstance(args[0], dict) else kwargs.get("conf")
    return given if isinstance(given, dict) else kwargs


def _without_brokers(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same configuration, checked as ever, of a client that knows nobody to connect to."""

    def clean(conf: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in conf.items() if name not in _BROKERS} | {"log_level": 0}

    if args and isinstance(args[0], dict):
        return (clean(args[0]), *args[1:]), kwargs
    if isinstance(kwargs.get("conf"), dict):
        return args, {**kwargs, "conf": clean(kwargs["conf"])}
    return args, clean(kwargs)
