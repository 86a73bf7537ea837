"""A replayed connection that is below somebody else's: SQLAlchemy's."""

from __future__ import annotations

from typing import Any

import asyncpg
from asyncpg.transaction import TransactionState

from timetracer_otel.integrations.dbapi.core import refused


def stand_in(namespace: str) -> Any:
    """A replayed connection, made by asyncpg's own way to connect, which waits for nothing there."""
    connecting = asyncpg.connect(
        host="127.0.0.1", port=5432, user="replay", password="", database=namespace, ssl=False
    )
    try:
        connecting.send(None)
    except StopIteration as stop:
        return stop.value
    connecting.close()
    raise refused("a connection that is waited for", "asyncpg")


def begun(connection: Any, *, open_: bool) -> None:
    """Be in a transaction that somebody else began, or not."""
    connection._protocol.in_transaction = open_
    connection._top_xact = None
    if open_:  # transactions that the app begins are savepoints in it
        outer = connection.transaction()
        outer._state = TransactionState.STARTED
        connection._top_xact = outer
