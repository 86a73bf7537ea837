"""psycopg below SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import SharedDriver

if TYPE_CHECKING:
    from timetracer_otel.integrations.dbapi.pending import Sent


class Shared(SharedDriver):
    """What SQLAlchemy's integration asks of psycopg's."""

    def stand_in(self, namespace: str, dialect: Any, *, asynchronous: bool) -> Any:
        """A replayed connection, whose values are adapted as the dialect has them adapted."""
        from timetracer_otel.integrations.psycopg import below

        return below.stand_in(self, namespace, dialect, asynchronous=asynchronous)

    def renew(self, connection: Any, namespace: str) -> bool:
        """It keeps what the app registered."""
        from timetracer_otel.integrations.psycopg import below

        return below.renew(self, connection, namespace)

    def begun(self, connection: Any, *, open_: bool) -> None:
        """In a transaction, or not."""
        connection.pgconn.hold_transaction(open_=open_)

    def wrote(self, connection: Any) -> bool:
        """As its link says."""
        from timetracer_otel.integrations.psycopg.connection import known_link_of

        return links.wrote(known_link_of(connection))

    def tell_set_up(self, connection: Any, answers: dict[str, Any]) -> None:
        """To its link."""
        from timetracer_otel.integrations.psycopg.connection import link_of

        link_of(connection, self).tell_set_up(answers)

    def sent(self, cursor: Any, rows: Sequence[Any], before: int, taken: Any) -> Sent | None:
        """As the result of libpq's has it."""
        from timetracer_otel.integrations.psycopg import below

        return below.sent(cursor, rows, before)

    def reader(self, connection: Any) -> Callable[[Any], Any]:
        """By the loaders registered on the connection."""
        from timetracer_otel.integrations.psycopg import below

        return below.reader(connection)
