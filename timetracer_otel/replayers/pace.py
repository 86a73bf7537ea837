"""How long things took when they were recorded, and how long a replay waits for them."""

from __future__ import annotations

from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.messages import Answer, Failure, GrpcReply, HttpResponse

CANCELLATION_SECONDS = 5.0
"""How much longer than the recorded request a call waits to be cancelled, and a client for an app to end."""


def seconds_before(answer: Answer | Failure, call: Call) -> float:
    """How long an answer took to come; of a stream, whose pieces say that themselves, nothing."""
    if isinstance(answer, HttpResponse) and answer.chunks:
        return 0.0
    if isinstance(answer, GrpcReply) and len(answer.times) > 1:
        return 0.0
    return max(0, call.span.end_time_unix_nano - call.span.start_time_unix_nano) / 1e9


def seconds_of(cassette: Cassette) -> float:
    """How long the recorded request took, with all it left behind."""
    ended = max((span.end_time_unix_nano for span in cassette.spans), default=0)
    return max(0, ended - cassette.started) / 1e9
