"""asyncpg below SQLAlchemy."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel.integrations.asyncpg.codecs import holding
from timetracer_otel.integrations.asyncpg.known import Known
from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import SharedDriver

if TYPE_CHECKING:
    from timetracer_otel.integrations.dbapi.pending import Sent


class Shared(SharedDriver):
    """What SQLAlchemy's integration asks of asyncpg's."""

    def __init__(self) -> None:
        super().__init__()
        self._known: weakref.WeakKeyDictionary[Any, Known] = weakref.WeakKeyDictionary()

    @abstractmethod
    def known(self, connection: Any) -> Known:
        """What is known of a connection, made when it is first seen."""

    def stand_in(self, namespace: str, dialect: Any, *, asynchronous: bool) -> Any:
        """A replayed connection, made by asyncpg's own way to connect, which waits for nothing here."""
        from timetracer_otel.integrations.asyncpg import below

        return below.stand_in(namespace)

    def begun(self, connection: Any, *, open_: bool) -> None:
        """In a transaction, or not."""
        from timetracer_otel.integrations.asyncpg import below

        below.begun(connection, open_=open_)

    def wrote(self, connection: Any) -> bool:
        """As its link says."""
        known = self._known.get(connection)
        return known is not None and links.wrote(known.link)

    def tell_set_up(self, connection: Any, answers: dict[str, Any]) -> None:
        """To its link."""
        self.known(connection).link.tell_set_up(answers)

    def taken(self, cursor: Any) -> Any:
        """What codecs decoded for it."""
        taken: dict[int, Any] = {}
        self.known(cursor._adapt_connection._connection).codecs.take(taken)
        return taken

    def sent(self, cursor: Any, rows: Sequence[Any], before: int, taken: Any) -> Sent | None:
        """As its codecs were given it."""
        self.known(cursor._adapt_connection._connection).codecs.take(taken)
        return (lambda number, place, kept: holding(rows[number][place], taken)) if taken else None

    def reader(self, connection: Any) -> Callable[[Any], Any]:
        """By the codecs set on the connection."""
        return self.known(connection).codecs.read
