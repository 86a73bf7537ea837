"""confluent-kafka: its producers and consumers are classes of C, so classes of ours stand in their place."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Integration, Invocation, Point
from timetracer_otel.integrations.kafka.consuming import consumer_class
from timetracer_otel.integrations.kafka.converting import error_data, error_of
from timetracer_otel.integrations.kafka.producing import producer_class
from timetracer_otel.integrations.kafka.swapping import PACKAGES, Swap
from timetracer_otel.messages import Answer, Failure, Request


class ConfluentKafkaIntegration(Integration):
    """Sees producers and consumers of the classes that are looked up from now on, and of those derived from
    them, also before.

    What was imported by name before (``from confluent_kafka import Producer``) is not seen.
    """

    name: ClassVar[str] = "confluent_kafka"
    oldest = ("confluent-kafka>=2.13",)
    family: ClassVar[str] = "kafka"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.confluent_kafka",)

    def __init__(self) -> None:
        producer, consumer = (functools.partial(make, self) for make in (producer_class, consumer_class))
        self._swaps = (
            Swap("Producer", "_original_kafka_producer", producer),
            Swap("Consumer", "_original_kafka_consumer", consumer),
        )

    def points(self) -> Sequence[Point]:
        """The classes, in C's module and where apps find them."""
        return [
            Point(module, swap.name, replacement=swap.put, undo=swap.undo)
            for module in PACKAGES
            for swap in self._swaps
        ]

    def request(self, call: Invocation) -> Request:
        """Not by way of functions: see :mod:`.swapping`."""
        raise ReplayError("confluent_kafka: no function is wrapped")

    def answer(self, result: Any, call: Invocation) -> Answer:
        """As above."""
        raise ReplayError("confluent_kafka: no function is wrapped")

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """As above."""
        raise ReplayError("confluent_kafka: no function is wrapped")

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """``KafkaException``, and those of serializers."""
        return exceptions.module_exceptions(sys.modules["confluent_kafka.error"])

    def failure(self, error: BaseException, call: Invocation | None = None) -> Failure:
        """The exception, and the error of librdkafka in it as data."""
        failure = exceptions.describe(error)
        failure.args = [error_data(one) for one in error.args]
        return failure

    def rebuild_failure(self, failure: Failure, call: Invocation | None = None) -> BaseException:
        """The exception with an error of librdkafka's class."""
        error = exceptions.rebuild(failure, self.exception_classes())
        error.args = tuple(error_of(one) for one in failure.args)
        return error
