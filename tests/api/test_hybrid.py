"""A replay that leaves one library live: its calls go out, and those of the other are answered."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services.grpc_server import GrpcServer
from tests.services.kafka import Kafka
from tests.services.mongodb import MongoDb
from tests.services.valkey import Valkey

ROOT = Path(__file__).parents[2]


def test_kafka_celery_grpc_and_mongodb_are_live_or_answered(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        kafka, rpcs, mongodb, valkey, broker = Kafka(), GrpcServer(), MongoDb(), Valkey(), Valkey()
        for server in (kafka, rpcs, mongodb, valkey, broker):
            stack.callback(server.stop)
        environ = {
            "KAFKA_URL": kafka.url,
            "GRPC_URL": rpcs.url,
            "MONGODB_URL": mongodb.url,
            "REDIS_URL": valkey.url,
            "BROKER_URL": broker.url,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.api.apps.hybrid", tmp_path],
            cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        arrived = rpcs.arrived["AskJson"]
    assert done.returncode == 0, done.stderr

    sent, asked = ["hybrid", "PENDING"], '{"asked": 7, "stock": 7}'
    # what a call gives while recorded, live, answered, live again; a transaction ends with a mark of its own
    expected: dict[str, tuple[str, list[Any]]] = {
        "confluent-kafka": ("kafka", [[0, [0]], [0, [2]], [0, [0]], [0, [4]]]),
        "aiokafka": ("aiokafka", [0, 1, 0, 2]),
        "celery": ("celery", [sent] * 4),
        "grpc": ("grpc", [asked] * 4),
        "grpc.aio": ("grpc", [asked] * 4),
        "pymongo": ("mongodb", [1, 2, 1, 3]),
    }
    assert json.loads(done.stdout) == {
        library: visits_and(name, results, 4 * at)
        for at, (library, (name, results)) in enumerate(expected.items())
    }
    assert arrived == 2 * 3  # recorded, live, live again


def visits_and(name: str, results: list[Any], before: int) -> dict[str, Any]:
    """What the process says of one library; Redis counts on only while it is recorded, or live."""
    recorded, live, answered, again = results
    first, second, third, fourth = range(before + 1, before + 5)
    return {
        "recorded": [first, recorded, second],
        f"{name} live": [first, live, second],
        "redis live": [third, answered, fourth],
        "redis mocked": [first, again, second],
    }
