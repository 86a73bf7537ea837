"""What is known of a pipeline of psycopg's, and of what waits in it."""

from __future__ import annotations

from typing import Any

import msgspec

from timetracer_otel.messages import SqlResult, SqlStatement
from timetracer_otel.ports import Exchange

ATTRIBUTE = "_timetracer_piped"
ARRIVED = "arrived"
"""What an answer says of its time."""


class Waiting(msgspec.Struct, eq=False):
    """A statement, or a command, that was sent and is not answered yet.

    Attributes:
        message: what it asks.
        cursor: whose it is; ``None`` for a command.
        exchange: who is told of it; ``None`` in a replay.
        limit: bytes kept of its answer.
        queued: it got as far as psycopg's queue.
        left: its entries there.
        sent: no more will be.
        results: what came.
        failed: what psycopg raised for it; in a replay what it raises.
        arrived: after how many sendings it was answered; in a replay as it was recorded.
        answer: the recorded result, in a replay.
        command: what a command is, in a replay.
    """

    message: SqlStatement
    cursor: Any = None
    exchange: Exchange | None = None
    limit: int = 0
    queued: bool = False
    left: int = 0
    sent: bool = False
    results: list[Any] = msgspec.field(default_factory=list)
    failed: BaseException | None = None
    arrived: int | None = None
    answer: SqlResult | None = None
    command: bytes = b""


class Piped(msgspec.Struct, eq=False):
    """One pipeline.

    Attributes:
        sendings: so far.
        taken: entries that psycopg took from its queue.
        waiting: by the number of their entry.
        asking: the one whose entries are being queued.
        hear: listens for notices while something waits.
        notices: since the last answer.
        notifies: likewise.
    """

    sendings: int = 0
    taken: int = 0
    waiting: dict[int, Waiting] = msgspec.field(default_factory=dict)
    asking: Waiting | None = None
    hear: Any = None
    notices: list[Any] = msgspec.field(default_factory=list)
    notifies: list[Any] = msgspec.field(default_factory=list)

    def add(self, waiting: Waiting, first: int, end: int) -> None:
        """These entries of the queue are its own."""
        waiting.queued = True
        waiting.left += end - first
        for place in range(first, end):
            self.waiting[self.taken + place] = waiting


def piped_of(pipeline: Any) -> Piped:
    """What is known of it, made when it is first seen."""
    found: Piped | None = vars(pipeline).get(ATTRIBUTE)
    if found is None:
        found = vars(pipeline)[ATTRIBUTE] = Piped()
    return found
