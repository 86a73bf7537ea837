"""The class in the place of confluent-kafka's producer: records what is sent, or answers without a broker."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.kafka import methods
from timetracer_otel.integrations.kafka.converting import error_data, header_pairs, record_sent, report_of
from timetracer_otel.integrations.kafka.polled import Questions, answers
from timetracer_otel.messages import (
    Failure,
    FunctionCall,
    FunctionResult,
    KafkaDelivery,
    KafkaRecord,
)

if TYPE_CHECKING:
    from timetracer_otel.integrations.kafka.confluent import ConfluentKafkaIntegration

_PRODUCE: Final = ("topic", "value", "key", "partition", "callback", "on_delivery", "timestamp", "headers")
_QUESTIONS: Final = ("init_transactions", "begin_transaction", "commit_transaction", "abort_transaction")
_REFUSED: Final = ("list_topics", "produce_batch", "send_offsets_to_transaction", "cluster_id")


class _Due(NamedTuple):
    """A report that a later poll gives."""

    at: int
    record: KafkaRecord
    delivery: KafkaDelivery
    callback: Callable[..., Any] | None


class _Sending:
    """What one producer is at; kept beside it, as the class may hold no fields (see :mod:`.swapping`).

    Attributes:
        default: the callback for records without one of their own.
        polls: how often reports were asked for.
        due: the reports that a replay will give.
        make: in a replay, makes ``live``.
        live: the producer, with its brokers, of records that a replay lets through; made with the first.
        lock: around ``due`` and ``live``.
    """

    __slots__ = ("default", "due", "live", "lock", "make", "polls")

    def __init__(self, default: Callable[..., Any] | None) -> None:
        self.default = default
        self.polls = 0
        self.due: deque[_Due] = deque()
        self.live: Any = None
        self.lock = threading.Lock()
        self.make: Callable[[], Any] | None = None

    def let_through(self) -> Any:
        """The producer that knows its brokers; ``None`` for one that knows them itself."""
        with self.lock:
            if self.live is None and self.make is not None:
                self.live = self.make()
            return self.live

    def serve(self, polls: int | None) -> int:
        """Call the callbacks of what is due by then, of everything if ``None``; how many there were."""
        served = 0
        while True:
            with self.lock:
                first = self.due[0] if self.due else None
                if first is None or (polls is not None and first.at > polls):
                    return served
                due = self.due.popleft()
            served += 1
            if due.callback is not None:
                due.callback(*report_of(due.record, due.delivery))


def producer_class(integration: ConfluentKafkaIntegration, base: Any) -> Any:
    """A class in the place of a producer's."""
    questions = Questions(integration)
    under_way: dict[int, _Sending] = {}

    class Producer(base):  # type: ignore[misc]  # a class of C's
        __slots__ = ()
        timetracer_seen = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            conf = methods.configuration(args, kwargs)
            under_way[id(self)] = sending = _Sending(conf.get("on_delivery") or conf.get("dr_cb"))
            if answers(integration):
                sending.make = functools.partial(base, *args, **kwargs)
                args, kwargs = methods.without_brokers(args, kwargs)
            super().__init__(*args, **kwargs)

        def __del__(self) -> None:
            under_way.pop(id(self), None)

        def produce(self, *args: Any, **kwargs: Any) -> None:
            """Send a record; as confluent-kafka has it."""
            port, sending = ports.current(), under_way.get(id(self))
            if port is None or sending is None or not wrapping.installed(integration.name):
                if sending is None and answers(integration):
                    raise ReplayError(
                        "confluent_kafka: this producer was made before timetracer-otel was there, so its"
                        " records are neither recorded nor answered; make it later"
                    )
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
                    at = sending.polls + recorded.served
                    with sending.lock:
                        sending.due.append(
                            _Due(at, request.records[0], recorded, callback or sending.default)
                        )
                return
            callback = callback or sending.default
            report = safely(_Report, exchange, sending, callback)
            if report is None:
                safely(exchange.finish, None)
            if report is not None or callback is not None:
                given["on_delivery"] = report or callback
            try:
                with exchange:
                    live = sending.let_through() if port.replaying else None
                    produce = super().produce if live is None else live.produce
                    produce(**given)
            except BaseException as error:
                failure = safely(integration.failure, error)
                safely(exchange.finish, failure)
                raise
            if report is not None:
                safely(exchange.reading, KafkaDelivery)

        def poll(self, *args: Any, **kwargs: Any) -> Any:
            """Serve callbacks; as confluent-kafka has it."""
            sending = under_way.get(id(self))
            if sending is not None:
                sending.polls += 1
            if sending is None or not answers(integration):
                return super().poll(*args, **kwargs)
            served = sending.serve(sending.polls)
            if sending.live is not None:
                return served + sending.live.poll(
                    0 if served else kwargs.get("timeout", args[0] if args else -1)
                )
            if served == 0 and not sending.due:
                return super().poll(*args, **kwargs)  # waits, as nothing will come
            return served

        def flush(self, *args: Any, **kwargs: Any) -> Any:
            """Wait for all reports; as confluent-kafka has it."""
            sending = under_way.get(id(self))
            if sending is not None:
                sending.polls += 1
            if sending is None or not wrapping.installed(integration.name):
                return super().flush(*args, **kwargs)
            exchange = safely(questions.begin, FunctionCall("Producer.flush", list(args), dict(kwargs)))
            if answers(integration):
                left = getattr(getattr(exchange, "recorded", None), "value", None)
                # one that gave up served what there was; else all that is due is due now
                sending.serve(sending.polls if left else None)
                live = sending.live
                return (left or len(sending.due)) + (0 if live is None else live.flush(*args, **kwargs))
            left = None  # what a callback raises is raised here, and a replay's callback raises it again
            try:
                left = super().flush(*args, **kwargs)
            finally:
                if exchange is not None:
                    safely(_flushed, exchange, left)
            return left

        def __len__(self) -> int:
            sending = under_way.get(id(self))
            live = None if sending is None else sending.live
            due = 0 if sending is None else len(sending.due)
            return int(super().__len__()) + due + (0 if live is None else len(live))

    for name in _QUESTIONS:
        methods.ask(Producer, name, questions, lambda result: None, lambda value: None)
    methods.refuse(Producer, _REFUSED, integration)
    return Producer


def _flushed(exchange: ports.Exchange, left: int | None) -> None:
    """Only now, so that calls which callbacks made are calls of the request's, not part of this one."""
    with exchange:
        exchange.finish(FunctionResult(left))


class _Report:
    """Takes the report of a delivery, for the recording and for the app."""

    def __init__(
        self, exchange: ports.Exchange, sending: _Sending, callback: Callable[..., Any] | None
    ) -> None:
        self._exchange = exchange
        self._sending = sending
        self._sent_at = sending.polls
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
                served=max(1, self._sending.polls - self._sent_at),
            )
        )
