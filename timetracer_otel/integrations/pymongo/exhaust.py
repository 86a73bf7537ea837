"""Exhaust cursors: the server sends batch after batch, asked once."""

from __future__ import annotations

from typing import Any, Final

from timetracer_otel.messages import MongoCommand, MongoReply
from timetracer_otel.values.bson import Int64

_MORE: Final = "_timetracer_more"


def take(connection: Any) -> MongoCommand | None:
    """What the next batch is called, when one comes unasked; forgotten by this."""
    found: MongoCommand | None = vars(connection).pop(_MORE, None)
    return found


def note(connection: Any, request: MongoCommand, reply: MongoReply) -> None:
    """Remember how to name the next message, where the server sends more of itself."""
    if not reply.more_to_come:
        return
    asked, cursor = request.document, (reply.document or {}).get("cursor", {})
    number = cursor.get("id", 0)
    vars(connection)[_MORE] = MongoCommand(
        {
            "getMore": Int64(number) if isinstance(number, int) else number,
            "collection": asked.get("collection", asked.get("find")),
            "$db": asked.get("$db"),
            "exhaust": True,
        },
        request.server,
    )
