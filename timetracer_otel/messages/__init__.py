"""What is exchanged with a dependency, whichever library does the talking."""

from timetracer_otel.messages import mime
from timetracer_otel.messages.base import Answer, Canonical, Failure, Request, label_of
from timetracer_otel.messages.function import FunctionCall, FunctionResult
from timetracer_otel.messages.grpc import GrpcReply, GrpcRequest
from timetracer_otel.messages.http import PIECE_BYTES, WEBSOCKET, HttpRequest, HttpResponse
from timetracer_otel.messages.kafka import KafkaDelivery, KafkaRecord, KafkaRecords
from timetracer_otel.messages.mail import MailCommand, MailReply
from timetracer_otel.messages.mongodb import MongoCommand, MongoReply
from timetracer_otel.messages.redis import RedisCommand, RedisReply
from timetracer_otel.messages.registry import read_answer, read_request
from timetracer_otel.messages.sql import SqlResult, SqlStatement
from timetracer_otel.messages.task import TaskMessage, TaskOutcome

__all__ = [
    "PIECE_BYTES",
    "WEBSOCKET",
    "Answer",
    "Canonical",
    "Failure",
    "FunctionCall",
    "FunctionResult",
    "GrpcReply",
    "GrpcRequest",
    "HttpRequest",
    "HttpResponse",
    "KafkaDelivery",
    "KafkaRecord",
    "KafkaRecords",
    "MailCommand",
    "MailReply",
    "MongoCommand",
    "MongoReply",
    "RedisCommand",
    "RedisReply",
    "Request",
    "SqlResult",
    "SqlStatement",
    "TaskMessage",
    "TaskOutcome",
    "label_of",
    "mime",
    "read_answer",
    "read_request",
]
