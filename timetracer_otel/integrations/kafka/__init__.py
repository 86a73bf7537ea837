"""Kafka: confluent-kafka and aiokafka. Sending is a call; what follows a poll belongs to what it gave."""
