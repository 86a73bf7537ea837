"""aiosqlite: sqlite3 in a thread for each connection.

Nothing is recorded here: the thread is given the context of each call that is queued for it, so that what
sqlite3's own integration sees there is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from timetracer_otel.integrations import threads
from timetracer_otel.integrations.base import Point, Wrappable


class AiosqliteIntegration(Wrappable):
    """Hands each call's context to the thread of its connection."""

    name: ClassVar[str] = "aiosqlite"
    oldest = ("aiosqlite>=0.20",)

    def points(self) -> Sequence[Point]:
        """Where calls are queued."""
        return (
            Point("aiosqlite.core", "Connection._execute", wrapper=_execute),
            Point("aiosqlite.core", "Connection._connect", wrapper=_connect),
        )


def _execute(wrapped: Any, _connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    function, *rest = args
    return wrapped(threads.carry(function), *rest, **kwargs)


def _connect(wrapped: Any, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    connection._connector = threads.carry(connection._connector)
    return wrapped(*args, **kwargs)
