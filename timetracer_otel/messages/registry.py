"""Which message classes a span's attributes carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from timetracer_otel import attributes as names
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Answer, Failure, Request
from timetracer_otel.messages.function import FunctionCall, FunctionResult
from timetracer_otel.messages.grpc import GrpcReply, GrpcRequest
from timetracer_otel.messages.http import HttpRequest, HttpResponse
from timetracer_otel.messages.kafka import KafkaDelivery, KafkaRecords
from timetracer_otel.messages.mail import MailCommand, MailReply
from timetracer_otel.messages.mongodb import MongoCommand, MongoReply
from timetracer_otel.messages.redis import RedisCommand, RedisReply
from timetracer_otel.messages.sql import SqlResult, SqlStatement
from timetracer_otel.messages.task import TaskMessage, TaskOutcome
from timetracer_otel.span import Attributes

M = TypeVar("M")

REQUESTS: dict[str, type[Request]] = {
    "http": HttpRequest,
    "db": SqlStatement,
    "redis": RedisCommand,
    "function": FunctionCall,
    "mongodb": MongoCommand,
    "grpc": GrpcRequest,
    "celery": TaskMessage,
    "kafka": KafkaRecords,
    "smtp": MailCommand,
}
ANSWERS: dict[str, type[Answer]] = {
    "http": HttpResponse,
    "db": SqlResult,
    "redis": RedisReply,
    "function": FunctionResult,
    "mongodb": MongoReply,
    "grpc": GrpcReply,
    "celery": TaskOutcome,
    "kafka": KafkaDelivery,
    "smtp": MailReply,
}
_ANSWER_MARK = {
    "http": names.HTTP_RESPONSE_STATUS_CODE,
    "db": names.DB_ROWCOUNT,
    "redis": names.REDIS_REPLY,
    "function": names.FUNCTION_RESULT,
    "mongodb": names.MONGODB_REPLY,
    "grpc": names.GRPC_REPLY,
    "celery": names.TASK_OUTCOME,
    "kafka": names.KAFKA_DELIVERY,
    "smtp": names.SMTP_REPLY,
}


def read_request(family: str, attributes: Attributes) -> Request | None:
    """The request of that family in those attributes; ``None`` for a family not known here.

    Raises:
        CodecError: a payload attribute is malformed.
        KeyError: one that a request of that family always has is missing.
    """
    kind = REQUESTS.get(family)
    return None if kind is None else _read(kind.from_attributes, attributes, f"request of family {family!r}")


def read_answer(family: str, attributes: Attributes) -> Answer | Failure | None:
    """The answer of that family in those attributes; ``None`` when it was not recorded.

    Raises:
        CodecError: a payload attribute is malformed.
    """
    if names.EXCEPTION in attributes:
        return _read(Failure.from_attributes, attributes, "exception")
    kind = ANSWERS.get(family)
    if kind is None or _ANSWER_MARK[family] not in attributes:
        return None
    return _read(kind.from_attributes, attributes, f"answer of family {family!r}")


def _read(read: Callable[[Attributes], M], attributes: Attributes, what: str) -> M:
    """Whatever a file says, a message or an error that is ours."""
    try:
        return read(attributes)
    except (CodecError, KeyError):
        raise
    except Exception as error:
        raise CodecError(
            f"the recorded {what} is malformed: {type(error).__name__}: {error}"[:300]
        ) from error
