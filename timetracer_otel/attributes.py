"""The names of span attributes and events that carry payloads.

Semantic conventions (https://opentelemetry.io/docs/specs/semconv/) where they have a name,
``timetracer.*`` where none exists.
"""

from __future__ import annotations

from typing import Final

# HTTP (semconv: HTTP spans, HTTP attributes registry)
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_REQUEST_HEADER: Final = "http.request.header."
HTTP_REQUEST_BODY: Final = "http.request.body.content"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_RESPONSE_HEADER: Final = "http.response.header."
HTTP_RESPONSE_BODY: Final = "http.response.body.content"
HTTP_ROUTE: Final = "http.route"
URL_FULL: Final = "url.full"
HTTP_REQUEST_HEADER_NAMES: Final = "timetracer.http.request.header_names"
HTTP_REQUEST_NO_HEADERS: Final = "timetracer.http.request.headers_not_recorded"
HTTP_REQUEST_INCOMPLETE: Final = "timetracer.http.request.incomplete"
HTTP_RESPONSE_HEADER_NAMES: Final = "timetracer.http.response.header_names"
HTTP_RESPONSE_CHUNKS: Final = "timetracer.http.response.chunks"
HTTP_RESPONSE_REASON: Final = "timetracer.http.response.reason"
HTTP_RESPONSE_VERSION: Final = "timetracer.http.response.version"
HTTP_RESPONSE_INCOMPLETE: Final = "timetracer.http.response.incomplete"

# SQL (semconv: database spans)
DB_SYSTEM_NAME: Final = "db.system.name"
DB_QUERY_TEXT: Final = "db.query.text"
DB_RETURNED_ROWS: Final = "db.response.returned_rows"
DB_PARAMETERS: Final = "timetracer.db.parameters"
DB_EXECUTEMANY: Final = "timetracer.db.executemany"
DB_COLUMNS: Final = "timetracer.db.columns"
DB_ROWS: Final = "timetracer.db.rows"
DB_ROWCOUNT: Final = "timetracer.db.rowcount"
DB_LASTROWID: Final = "timetracer.db.lastrowid"
DB_SERVER: Final = "timetracer.db.server"
DB_STEP: Final = "timetracer.db.step"

# Redis
REDIS_COMMAND: Final = "timetracer.redis.command"
REDIS_REPLY: Final = "timetracer.redis.reply"

# MongoDB
MONGODB_COMMAND: Final = "timetracer.mongodb.command"
MONGODB_REPLY: Final = "timetracer.mongodb.reply"
MONGODB_SERVER: Final = "timetracer.mongodb.server"

# gRPC
GRPC_METHOD: Final = "timetracer.grpc.method"
GRPC_TARGET: Final = "timetracer.grpc.target"
GRPC_REQUEST: Final = "timetracer.grpc.request"
GRPC_REPLY: Final = "timetracer.grpc.reply"

# tasks
TASK_NAME: Final = "timetracer.task.name"
TASK_ID: Final = "timetracer.task.id"
TASK_QUEUE: Final = "timetracer.task.queue"
TASK_MESSAGE: Final = "timetracer.task.message"
TASK_OUTCOME: Final = "timetracer.task.outcome"

# Kafka
KAFKA_RECORDS: Final = "timetracer.kafka.records"
KAFKA_DELIVERY: Final = "timetracer.kafka.delivery"

# mail
SMTP_COMMAND: Final = "timetracer.smtp.command"
SMTP_MESSAGE: Final = "timetracer.smtp.message"
SMTP_REPLY: Final = "timetracer.smtp.reply"

# functions
FUNCTION_NAME: Final = "timetracer.function.name"
FUNCTION_ARGUMENTS: Final = "timetracer.function.arguments"
FUNCTION_RESULT: Final = "timetracer.function.result"

# every dependency call
EXCEPTION: Final = "timetracer.exception"
CALL_INTEGRATION: Final = "timetracer.call.integration"
CALL_FAMILY: Final = "timetracer.call.family"
CALL_LANE: Final = "timetracer.call.lane"
CALL_INDEX: Final = "timetracer.call.index"

# the entry span
ENTRY_FRAMEWORK: Final = "timetracer.entry.framework"
ENTRY_FAMILY: Final = "timetracer.entry.family"
"""The message family of what began it, where that was no HTTP request."""
ENTRY_TITLE: Final = "timetracer.entry.title"
"""What began it in a few words, where that was no HTTP request."""
TEST_CALLS: Final = "timetracer.test.calls"
"""How many calls the test had made when it was done; those after are the ends of its fixtures."""
GAPS: Final = "timetracer.gaps"
EVENT_VALUE: Final = "timetracer.value"
"""Span event: one answer of the clock or of a random source (attributes ``source``, ``value``)."""
STARTUP: Final = "startup"
"""The name of the entry span of what an app did as it started up."""
IMPORT: Final = "import"
"""The name of the entry span of what an app drew as it was imported."""

# the resource
CASSETTE_VERSION: Final = "timetracer.cassette.version"
GIT_REVISION: Final = "vcs.ref.head.revision"
