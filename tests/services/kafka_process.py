"""The broker process of :mod:`tests.services.kafka`; prints the port it listens on."""

from __future__ import annotations

import sys

import confluent_kafka

cluster = confluent_kafka.Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
(broker,) = cluster.list_topics(timeout=60).brokers.values()
print(broker.port, flush=True)
sys.stdin.read()  # until whoever started this ends, or closes it
