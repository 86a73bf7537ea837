"""A server of the Kafka protocol: librdkafka's own cluster for tests, in a process of its own.

It answers over real connections; topics come into being with four partitions when they are first named.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.services.door import Door
from tests.services.missing import need

_ROOT = Path(__file__).parents[2]


class Kafka:
    """One broker and the door in front of it; from there clients find the broker's own address."""

    def __init__(self) -> None:
        need("confluent_kafka", "confluent-kafka")
        self.door = Door(("127.0.0.1", 0))
        self._process: subprocess.Popen[bytes] | None = None
        self._used = 0
        self.start()

    @property
    def url(self) -> str:
        """The address, as ``bootstrap.servers`` has it."""
        return f"{self.door.host}:{self.door.port}"

    def fresh(self) -> None:
        """Forget all records, if somebody may have sent any."""
        if self.door.arrived != self._used:
            self.stop()
            self.start()

    def stop(self) -> None:
        """Stop the broker and forget its records; nothing listens any more."""
        self.door.shut()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def start(self) -> None:
        """Start an empty broker behind the same door."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.kafka_process"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the Kafka broker did not start; what it printed is above")
        self.door.target = ("127.0.0.1", int(line))
        self._used = self.door.arrived
        self.door.open()

    remove = stop
