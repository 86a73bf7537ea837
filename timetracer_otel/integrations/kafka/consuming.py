"""The class in the place of confluent-kafka's consumer: what follows a poll belongs to what it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.kafka import methods
from timetracer_otel.integrations.kafka.converting import message_of, offsets_data, offsets_of, record_of
from timetracer_otel.integrations.kafka.polled import Polled, Questions, accepts, answers
from timetracer_otel.messages import KafkaRecords

if TYPE_CHECKING:
    from timetracer_otel.integrations.kafka.confluent import ConfluentKafkaIntegration

_REFUSED: Final = (
    "list_topics", "committed", "get_watermark_offsets", "offsets_for_times", "position", "cluster_id",
)  # fmt: skip
_STEERING: Final = ("pause", "resume", "seek", "store_offsets", "unassign", "unsubscribe")


class _Reading:
    """What one consumer is at; kept beside it, as the class may hold no fields (see :mod:`.swapping`).

    Attributes:
        polled: what its last poll gave.
        topics: those it asked for; ``None``: any.
    """

    __slots__ = ("polled", "topics")

    def __init__(self, integration: ConfluentKafkaIntegration) -> None:
        self.polled = Polled(integration)
        self.topics: list[str] | None = None

    def begin(self, messages: list[Any], *, batch: bool) -> None:
        """A poll gave these."""
        self.polled.begin(KafkaRecords([record_of(message) for message in messages], batch))

    def following(
        self, integration: ConfluentKafkaIntegration, timeout: Any, *, batch: bool
    ) -> KafkaRecords | None:
        """In replay, what the next poll gives.

        Raises:
            ReplayError: the consumer is no app of its own.
        """
        port = ports.entry_port()
        if port is None:
            raise ReplayError(
                "confluent_kafka: a consumer is replayed as an app of its own (timetracer-otel replay"
                " --app MODULE:FUNCTION), not within a request or a block"
            )
        seconds = None if timeout is None or timeout < 0 else float(timeout)
        found = port.deliver(integration, accepts(self.topics, batch=batch), seconds)
        if not isinstance(found, KafkaRecords):
            return None
        self.polled.begin(found)
        return found


def consumer_class(integration: ConfluentKafkaIntegration, base: Any) -> Any:
    """A class in the place of a consumer's."""
    questions = Questions(integration)
    under_way: dict[int, _Reading] = {}

    def reading(consumer: Any) -> _Reading:
        found = under_way.get(id(consumer))
        if found is None:
            found = under_way[id(consumer)] = _Reading(integration)
        return found

    def begin(consumer: Any, messages: list[Any], *, batch: bool) -> None:
        reading(consumer).begin(messages, batch=batch)

    class Consumer(base):  # type: ignore[misc]  # a class of C's
        __slots__ = ()
        timetracer_seen = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            safely(reading, self)
            if answers(integration):
                args, kwargs = methods.without_brokers(args, kwargs)
            super().__init__(*args, **kwargs)

        def __del__(self) -> None:
            found = under_way.pop(id(self), None)
            if found is not None:
                safely(found.polled.end)

        def poll(self, *args: Any, **kwargs: Any) -> Any:
            """The next record; as confluent-kafka has it."""
            if (found := under_way.get(id(self))) is not None:
                found.polled.end()
            if not answers(integration):
                message = super().poll(*args, **kwargs)
                if message is not None and message.error() is None and wrapping.installed(integration.name):
                    safely(begin, self, [message], batch=False)
                return message
            timeout = kwargs.get("timeout", args[0] if args else -1)
            following = reading(self).following(integration, timeout, batch=False)
            return None if following is None else message_of(following.records[0])

        def consume(self, *args: Any, **kwargs: Any) -> Any:
            """The next records; as confluent-kafka has it."""
            if (found := under_way.get(id(self))) is not None:
                found.polled.end()
            if not answers(integration):
                messages = super().consume(*args, **kwargs)
                good = [message for message in messages if message.error() is None]
                if good and wrapping.installed(integration.name):
                    safely(begin, self, good, batch=True)
                return messages
            timeout = kwargs.get("timeout", args[1] if len(args) > 1 else -1)
            following = reading(self).following(integration, timeout, batch=True)
            return [] if following is None else [message_of(record) for record in following.records]

        def close(self) -> None:
            """Leave the group; as confluent-kafka has it."""
            if (found := under_way.get(id(self))) is not None:
                found.polled.end()
            super().close()

        def subscribe(self, topics: Any, *args: Any, **kwargs: Any) -> Any:
            """Ask for topics; as confluent-kafka has it."""
            if answers(integration):
                plain = all(isinstance(topic, str) and not topic.startswith("^") for topic in topics)
                reading(self).topics = list(topics) if plain else None
                return None
            return super().subscribe(topics, *args, **kwargs)

        def assign(self, partitions: Any) -> Any:
            """Ask for partitions; as confluent-kafka has it."""
            if answers(integration):
                reading(self).topics = [partition.topic for partition in partitions]
                return None
            return super().assign(partitions)

    methods.ask(Consumer, "commit", questions, offsets_data, offsets_of)
    methods.refuse(Consumer, _REFUSED, integration)
    for name in _STEERING:
        methods.do_nothing(Consumer, name, integration)
    return Consumer
