"""How long things took when they were recorded, and how long a replay waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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


async def not_cancelled(title: str, cassettes: Sequence[Cassette]) -> str:
    """Wait to be cancelled, :data:`CANCELLATION_SECONDS` longer than the recorded request took.

    Returns:
        What to say when nobody did.

    Args:
        title: of the call that waits.
        cassettes: what is replayed.
    """
    seconds = max(map(seconds_of, cassettes), default=0.0) + CANCELLATION_SECONDS
    await asyncio.sleep(seconds)
    return (
        f"{title}: it was cancelled when it was recorded; nobody cancelled it now, in"
        f" {seconds:.0f} seconds; record again when that is right"
    )
