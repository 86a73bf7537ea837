"""What OTLP says of requests and answers, whatever carries them.

The specification: https://opentelemetry.io/docs/specs/otlp/. What is wrong with a request and will be wrong
the next time as well is told from what may go better later.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from timetracer_otel.collectors.inbox import Inbox
from timetracer_otel.converters.reading import read_document
from timetracer_otel.errors import CassetteLimitError
from timetracer_otel.formats.compression import decompress
from timetracer_otel.formats.limits import Limits
from timetracer_otel.formats.streams import Document

Encoding: TypeAlias = Literal["json", "protobuf"]

LIMITS: Final = Limits(max_bytes=64 * 1024 * 1024)
"""What one request may hold."""
_MAX_REASONS: Final = 3


class Taken(msgspec.Struct):
    """What became of a request.

    Attributes:
        outcome: ``taken``, all of it or all but some; ``malformed`` and ``too large`` for ever; ``busy`` now.
        refused: spans that could not be read.
        reason: why, in a line.
    """

    outcome: Literal["taken", "malformed", "too large", "busy"]
    refused: int = 0
    reason: str = ""


def take(body: bytes, encoding: Encoding, inbox: Inbox) -> Taken:
    """Take an ``ExportTraceServiceRequest``, which is a ``TracesData`` on the wire.

    Args:
        body: compressed or not.
        encoding: what its content type says.
        inbox: takes its spans.
    """
    try:
        data = decompress(body, LIMITS)
    except CassetteLimitError as error:
        return Taken("too large", reason=str(error))
    except Exception as error:  # noqa: BLE001  # whoever sent it is told, and the server goes on
        return Taken("malformed", reason=str(error))
    if not data:
        return Taken("taken") if encoding == "protobuf" else Taken("malformed", reason="the body is empty")
    binary = encoding == "protobuf"
    piece = read_document(
        Document(data, 1, binary=binary), "otlp-protobuf" if binary else "otlp-json", LIMITS
    )
    reason = "; ".join(piece.damage[:_MAX_REASONS])
    if piece.damage and not piece.runs:
        return Taken("malformed", len(piece.damage), reason)
    if not inbox.offer(piece):
        return Taken("busy", reason="more comes in than can be written; send it again later")
    return Taken("taken", len(piece.damage), reason)


def response(taken: Taken) -> ExportTraceServiceResponse:
    """The answer to a request that was taken; what was not taken of it is said."""
    answer = ExportTraceServiceResponse()
    if taken.refused:
        answer.partial_success.rejected_spans = taken.refused
        answer.partial_success.error_message = taken.reason
    return answer
