"""A replayed connection below somebody else's (SQLAlchemy's), and values that an app's loaders make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import ServerCursor, pq
from psycopg.errors import Error

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import DriverIntegration
from timetracer_otel.integrations.dbapi.pending import Sent
from timetracer_otel.integrations.dbapi.values import is_made_by_app
from timetracer_otel.integrations.psycopg import connection as connections
from timetracer_otel.messages.sql import DriverValue

CUSTOM = "psycopg.custom"
"""A value as the server sent it: the number of its type, its format, and what was sent."""


def stand_in(integration: DriverIntegration, namespace: str, dialect: Any, *, asynchronous: bool) -> Any:
    """A replayed connection, whose values are adapted as the dialect has them adapted."""
    learned = links.learned(integration, namespace)
    adapters = getattr(dialect, "_psycopg_adapters_map", None)
    made = connections.made(namespace, learned, adapters, asynchronous=asynchronous)
    connections.attach(made, links.Link(integration, namespace, learned=learned, replayed=True))
    return made


def renew(integration: DriverIntegration, connection: Any, namespace: str) -> bool:
    """It serves another session, in which its server may have been another."""
    if connection.closed:
        return False
    learned = links.learned(integration, namespace)
    connection.pgconn.relearn(learned)
    connections.attach(connection, links.Link(integration, namespace, learned=learned, replayed=True))
    return True


def sent(cursor: Any, rows: Sequence[Any], before: int) -> Sent | None:
    """What the server sent for a value of a row, for a cursor of SQLAlchemy's."""
    own = getattr(cursor, "_cursor", cursor)  # of an asynchronous engine
    result = own.pgresult
    if result is None:
        return None
    if isinstance(own, ServerCursor) or hasattr(own, "itersize"):
        if result.ntuples != len(rows):
            return None
        first = 0
    else:
        first = before if own is not cursor else own.rownumber - len(rows)

    def found(number: int, place: int, _: Any) -> DriverValue:
        raw = result.get_value(first + number, place)
        data = None if raw is None else _text(bytes(raw))
        return DriverValue(CUSTOM, [result.ftype(place), int(result.fformat(place)), data])

    return found


def reader(connection: Any) -> Callable[[Any], Any]:
    """Makes values of what was sent, by the loaders that the app registered."""
    from timetracer_otel.integrations.psycopg.loading import Transformer

    transformer = Transformer(connection)

    def read(data: Any) -> Any:
        oid, form, raw = data
        try:
            loader = transformer.get_loader(int(oid), pq.Format(form))
            value = loader.load(raw.encode() if isinstance(raw, str) else raw)
        except Error as error:
            raise ReplayError(f"psycopg: a recorded value of type {oid} cannot be read: {error}") from error
        if not is_made_by_app(value):
            raise ReplayError(
                f"psycopg: a recorded row holds a value of type {oid} that a loader of the app's made;"
                " none is registered for it on this connection, or what it asked the server was not recorded"
            )
        return value

    return read


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
