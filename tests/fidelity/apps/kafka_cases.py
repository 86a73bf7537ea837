"""confluent-kafka: records that a request sends, and what it is told of them."""

from __future__ import annotations

import os
import threading
from typing import Any

import confluent_kafka
from confluent_kafka.serialization import IntegerSerializer, StringSerializer

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.seen import kind, seen

CASES = Cases("confluent-kafka", "confluent-kafka")
PATIENCE = 60


def producer(**settings: Any) -> Any:
    names = {name.replace("_", "."): value for name, value in settings.items()}
    return confluent_kafka.Producer({"bootstrap.servers": os.environ["KAFKA_URL"], "linger.ms": 0, **names})


def fault(error: Any) -> Any:
    """An error of librdkafka's as the app sees it."""
    if error is None:
        return None
    return [kind(error), error.code(), error.name(), error.str(), error.retriable(), error.fatal()]


def raised(error: BaseException) -> Any:
    """An exception, and the errors of librdkafka in it."""
    return [kind(error), [fault(one) if hasattr(one, "code") else str(one) for one in error.args]]


def message(given: Any) -> Any:
    """A message in a report; of the clock's values only that they are there."""
    stamp, at = given.timestamp()
    return {
        "class": kind(given),
        "place": [given.topic(), given.partition(), given.offset()],
        "data": seen([given.key(), given.value(), given.headers()]),
        "timestamp": [stamp, at > 0],
        "latency": [kind(given.latency()), (given.latency() or 0) >= 0],
        "error": fault(given.error()),
        "length": len(given),
    }


class Reports:
    """What callbacks were told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def __call__(self, error: Any, given: Any) -> None:
        self.told.append([fault(error), message(given)])

    @property
    def ordered(self) -> list[Any]:
        """By partition: between partitions the order is chance."""
        return sorted(self.told, key=lambda one: str(one[1]["place"]))


@CASES("one record: key, value, headers; its report at flush")
def report() -> Any:
    reports, sender = Reports(), producer()
    headers = [("shop", "rome"), ("shop", b"\x00\xff"), ("none", None)]
    sender.produce("report", "ü", key=b"k\x00", headers=headers, on_delivery=reports)
    before = [len(sender), reports.told == []]
    return [before, sender.flush(PATIENCE), len(sender), reports.told]


@CASES("no key, no value, headers as a dict, a timestamp that is given, text and bytes")
def shapes() -> Any:
    reports, sender = Reports(), producer()
    sender.produce("shapes", partition=0, callback=reports)
    sender.produce("shapes", None, "key", 0, reports)
    sender.produce("shapes", b"", b"", partition=0, headers={"a": "1", "b": b"2"}, on_delivery=reports)
    sender.produce(topic="shapes", value="v", partition=0, timestamp=1767225600000, on_delivery=reports)
    left = sender.flush(PATIENCE)
    return [left, reports.told]


@CASES("keys spread over partitions, partitions that are named")
def partitions() -> Any:
    reports, sender = Reports(), producer()
    for number in range(12):
        sender.produce("spread", f"{number}", key=f"key {number % 5}", on_delivery=reports)
    for number in range(4):
        sender.produce("spread", "named", partition=number, on_delivery=reports)
    return [sender.flush(PATIENCE), reports.ordered]


@CASES("reports served by poll, one after the other, and none")
def polled() -> Any:
    reports, sender = Reports(), producer()
    told = []
    for number in range(3):
        sender.produce("polled", f"{number}", partition=1, on_delivery=reports)
        told.append([sender.poll(PATIENCE), len(sender), len(reports.told)])
    return [told, sender.poll(0), reports.told]


@CASES("a callback for all records of a producer, beside one of a record's own")
def default_callback() -> Any:
    all_of_them, own = Reports(), Reports()
    sender = confluent_kafka.Producer(
        {"bootstrap.servers": os.environ["KAFKA_URL"], "linger.ms": 0, "on_delivery": all_of_them}
    )
    sender.produce("default", "1", partition=0)
    sender.produce("default", "2", partition=0, on_delivery=own)
    return [sender.flush(PATIENCE), all_of_them.told, own.told]


@CASES("a callback that raises")
def raising_callback() -> Any:
    def fail(error: Any, given: Any) -> None:
        raise LookupError("no such order", given.offset())

    sender = producer()
    sender.produce("raising", "1", partition=0, on_delivery=fail)
    try:
        sender.flush(PATIENCE)
    except LookupError as error:
        return [raised(error), sender.flush(PATIENCE)]
    return None


@CASES("nobody waits for the report of one")
def unattended() -> Any:
    reports, sender = Reports(), producer()
    sender.produce("unattended", "1", partition=0, on_delivery=reports)
    sender.flush(PATIENCE)
    sender.produce("unattended", "2", partition=0, on_delivery=reports)
    return reports.told


@CASES("a partition that is not there, a record that is too large, arguments that are wrong")
def errors() -> Any:
    reports, sender = Reports(), producer()
    sender.produce("errors", "0", partition=0)
    told: list[Any] = [sender.flush(PATIENCE)]  # from now on it knows how many partitions there are
    calls = (
        {"topic": "errors", "value": "1", "partition": 99, "on_delivery": reports},
        {"topic": "errors", "value": "x" * 2_000_000, "on_delivery": reports},
        {"topic": "errors", "value": 7},
        {"topic": "errors", "value": "1", "headers": 7},
    )
    for given in calls:
        try:
            told.append(sender.produce(**given))
        except Exception as error:  # its class is what is asked
            told.append(raised(error))
    return [told, sender.flush(PATIENCE), reports.told]


@CASES("a broker that is not there: the record times out")
def no_broker() -> Any:
    reports = Reports()
    sender = confluent_kafka.Producer(
        {"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 500, "linger.ms": 0, "log_level": 0}
    )
    sender.produce("nowhere", "1", on_delivery=reports)
    return [sender.flush(PATIENCE), reports.told]


@CASES("a flush that gives up, and one that does not")
def flush_gave_up() -> Any:
    reports = Reports()
    sender = confluent_kafka.Producer(
        {"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 1500, "linger.ms": 0, "log_level": 0}
    )
    sender.produce("nowhere", "1", on_delivery=reports)
    told = [sender.flush(0), sender.flush(timeout=0.01), len(reports.told), len(sender)]
    return [told, sender.flush(PATIENCE), reports.told, sender.flush()]


@CASES("a full queue")
def full() -> Any:
    sender: Any = confluent_kafka.Producer(
        {"bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": 1, "log_level": 0}
    )
    sender.produce("nowhere", "1")
    try:
        sender.produce("nowhere", "2")
    except BufferError as error:
        return [raised(error), sender.purge(), sender.flush(PATIENCE)]
    return None


@CASES("settings that are wrong")
def settings() -> Any:
    told = []
    for wrong in ({"no.such.setting": 1}, {"acks": "perhaps"}):
        try:
            confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:1", **wrong})
        except confluent_kafka.KafkaException as error:
            told.append(raised(error))
    return told


@CASES("a transaction that is committed, one that is aborted")
def transactions() -> Any:
    reports, sender = Reports(), producer(transactional_id="fidelity")
    told = [sender.init_transactions(PATIENCE), sender.begin_transaction()]
    sender.produce("bank", "1", partition=0, on_delivery=reports)
    told += [sender.commit_transaction(PATIENCE), sender.begin_transaction()]
    sender.produce("bank", "2", partition=0, on_delivery=reports)
    told += [sender.flush(PATIENCE), sender.abort_transaction(PATIENCE)]
    try:
        sender.commit_transaction(PATIENCE)
    except confluent_kafka.KafkaException as error:
        told.append(raised(error))
    return [told, reports.told]


@CASES("an idempotent producer, compressed records")
def idempotent() -> Any:
    reports, sender = Reports(), producer(enable_idempotence=True, compression_type="zstd")
    for number in range(3):
        sender.produce("idempotent", f"{number}" * 100, partition=2, on_delivery=reports)
    return [sender.flush(PATIENCE), reports.told]


@CASES("serializers of confluent-kafka's own")
def serializers() -> Any:
    reports = Reports()
    sender = confluent_kafka.SerializingProducer(
        {
            "bootstrap.servers": os.environ["KAFKA_URL"],
            "key.serializer": StringSerializer("utf_8"),
            "value.serializer": IntegerSerializer(),
        }
    )
    sender.produce("serialized", key="ü", value=7, partition=0, on_delivery=reports)
    try:
        sender.produce("serialized", key="ü", value="seven", on_delivery=reports)
    except Exception as error:  # its class is what is asked
        refused = [kind(error), kind(error.__cause__)]
    return [sender.flush(PATIENCE), reports.told, refused]


@CASES("reports taken by a thread of the app's own")
def thread() -> Any:
    reports, sender, done = Reports(), producer(), threading.Event()

    def serve() -> None:
        while not done.is_set():
            sender.poll(0.01)

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        for number in range(2):
            sender.produce("threads", f"{number}", partition=0, on_delivery=reports)
        left = sender.flush(PATIENCE)
        while len(reports.told) < 2:
            done.wait(0.01)
    finally:
        done.set()
        serving.join()
    return [left, reports.told]


shared: list[Any] = []


@CASES("one producer for all requests")
def one_for_all() -> Any:
    if not shared:
        shared.append(producer())
    reports = Reports()
    shared[0].produce("shared", "1", partition=0, on_delivery=reports)
    return [shared[0].flush(PATIENCE), reports.told]
