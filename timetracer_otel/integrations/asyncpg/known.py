"""What is known of one connection of asyncpg's."""

from __future__ import annotations

from contextvars import Context
from typing import Any

import msgspec

from timetracer_otel.integrations.asyncpg.codecs import Codecs
from timetracer_otel.integrations.dbapi.links import Link


class Listening(msgspec.Struct, eq=False):
    """An app listens on a channel.

    Attributes:
        context: where it began to: notifications belong to that request.
        message: the statement it began with.
        since: statements asked on the connection by then.
        heard: notifications so far.
    """

    context: Context
    message: Any
    since: int
    heard: int = 0


class Told(msgspec.Struct, eq=False):
    """A recorded notification that a replay gives when the time has come.

    Attributes:
        after: statements on the connection before it.
        pid: the process that sent it.
        own: it was that of the connection itself.
        channel: where.
        payload: what.
    """

    after: int
    pid: int
    own: bool
    channel: str
    payload: str


class Known(msgspec.Struct, eq=False):
    """One connection.

    Attributes:
        link: what every driver's connection has.
        codecs: what the app's own codecs decode.
        notices: what the server said beside the statement under way.
        asked: statements so far.
        channels: where the app listens.
        due: notifications to give in a replay, in order.
    """

    link: Link
    codecs: Codecs = msgspec.field(default_factory=Codecs)
    notices: list[Any] = msgspec.field(default_factory=list)
    asked: int = 0
    channels: dict[str, Listening] = msgspec.field(default_factory=dict)
    due: list[Told] = msgspec.field(default_factory=list)

    def begin(self) -> None:
        """The next statement is asked."""
        self.asked += 1
        self.notices.clear()
        self.codecs.decoded.clear()
