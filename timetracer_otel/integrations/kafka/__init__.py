"""Kafka: confluent-kafka and aiokafka. Sending is a call; what follows a poll belongs to what it gave."""

from timetracer_otel.integrations.kafka.aio import AiokafkaIntegration
from timetracer_otel.integrations.kafka.confluent import ConfluentKafkaIntegration

__all__ = ["AiokafkaIntegration", "ConfluentKafkaIntegration"]
