"""What a consumer makes of each record is a cassette, and replays with no broker and no Redis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka
import pytest

from tests.services.environment import instrumenting
from tests.services.valkey import Valkey
from timetracer_otel.cassette import Cassette
from timetracer_otel.store import FolderStore

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("timetracer-otel")
MODULE = "tests.topics.apps.orders"
LATER = ("consume_later", "consume_async_later")
CONSUMERS = ("consume", "consume_many", "consume_async", "consume_async_many", *LATER)
COUNT = 3

INSTRUMENTED = instrumenting("aiokafka", "confluent_kafka", "redis")


class Recorded(NamedTuple):
    """A consumer's recording.

    Attributes:
        function: the consumer.
        store: its cassettes.
        told: what it said while it was recorded.
    """

    function: str
    store: Path
    told: list[Any]


def run(*command: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """A process and what it said."""
    return subprocess.run(
        list(map(str, command)), env={**os.environ, **INSTRUMENTED, "PYTHONPATH": str(ROOT), **environ},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


def said(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """The lines of JSON on its standard output."""
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    """What every consumer recorded of the same records; broker and Redis are gone."""
    valkey = Valkey()
    broker = confluent_kafka.Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
    try:
        (found,) = broker.list_topics(timeout=60).brokers.values()
        for number in range(COUNT):
            headers: dict[str, str | bytes | None] = {"authorization": "Bearer secret", "x-shop": "rome"}
            broker.produce("orders", json.dumps({"n": number}), f"k{number}", 0, headers=headers)
        assert broker.flush(60) == 0
        stores = {function: tmp_path_factory.mktemp(function) for function in CONSUMERS}
        kafka = f"{found.host}:{found.port}"

        def record(function: str) -> Recorded:
            command = (
                COMMAND,
                "record",
                "--dir",
                stores[function],
                "--",
                sys.executable,
                "-m",
                MODULE,
                function,
            )
            # a database each
            redis = f"{valkey.url.removesuffix('/0')}/{CONSUMERS.index(function)}"
            done = run(*command, KAFKA=kafka, REDIS_URL=redis, ORDERS=str(COUNT))
            return Recorded(function, stores[function], said(done))

        # at once: the broker lets each group wait for members who might come, three seconds and more
        with ThreadPoolExecutor(len(CONSUMERS)) as at_once:
            return dict(zip(CONSUMERS, at_once.map(record, CONSUMERS), strict=True))
    finally:
        valkey.stop()


def of_records(store: Path) -> list[Cassette]:
    """The cassettes of a store but those of what the service drew while it was imported."""
    found = [cassette for _, cassette in FolderStore(store).iter()]
    return [cassette for cassette in found if cassette.title != "import"]


def test_each_record_is_one_cassette(recordings: dict[str, Recorded]) -> None:
    found = sorted(_told(cassette) for cassette in of_records(recordings["consume"].store))
    assert found == [
        (
            "message orders",
            f"orders 'k{number}': '{{\"n\": {number}}}'",
            ["INCRBY seen 1", f"done 'k{number}': '{number + 1}'", "Producer.flush", "Consumer.commit"],
        )
        for number in range(COUNT)
    ]


def test_records_fetched_together_are_one_cassette(recordings: dict[str, Recorded]) -> None:
    cassettes = of_records(recordings["consume_many"].store)
    calls = [call for cassette in cassettes for call in cassette.calls()]
    assert {cassette.title for cassette in cassettes} == {"messages orders"}
    assert len(calls) == COUNT


def _told(cassette: Cassette) -> tuple[str, str, list[str]]:
    message = cassette.inbound_message
    assert message is not None
    calls = [call.request.title().partition("(")[0] for call in cassette.calls() if call.request is not None]
    return cassette.title, message.title(), calls


@pytest.mark.parametrize("function", CONSUMERS)
def test_it_replays_in_process(recordings: dict[str, Recorded], function: str) -> None:
    done = run(COMMAND, "replay", recordings[function].store, "--app", f"{MODULE}:{function}", "--json")
    verdicts = said(done)
    assert {(one["outcome"], *one["differences"]) for one in verdicts} == {("same",)}, done


@pytest.mark.parametrize("function", CONSUMERS)
def test_it_replays_as_a_process(recordings: dict[str, Recorded], function: str) -> None:
    recorded = recordings[function]
    command = (COMMAND, "replay", recorded.store, "--", sys.executable, "-m", MODULE, function)
    done = run(*command, ORDERS=str(COUNT))
    assert said(done) == recorded.told
    assert "missing" not in done.stderr, done


@pytest.mark.parametrize("function", LATER)
def test_what_a_record_started_belongs_to_it(recordings: dict[str, Recorded], function: str) -> None:
    found = sorted(_told(cassette) for cassette in of_records(recordings[function].store))
    assert found == [
        ("message orders", f"orders 'k{number}': '{{\"n\": {number}}}'", [f"INCRBY later:k{number} 1"])
        for number in range(COUNT)
    ]
