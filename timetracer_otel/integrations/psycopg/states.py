"""How a call left its connection: its transaction, and the settings that decide how values are read."""

from __future__ import annotations

from typing import Any

from psycopg import pq

from timetracer_otel.integrations.psycopg.connection import NoConnection, known_link_of

_SETTINGS = ("TimeZone", "DateStyle", "IntervalStyle", "client_encoding", "application_name")
"""What an app may change, and the server then reports."""


def of(connection: Any) -> list[Any]:
    """The state of a connection, as plain data; settings that are others than when it was first seen."""
    state: list[Any] = [int(connection.pgconn.transaction_status), int(connection.pgconn.status)]
    link = known_link_of(connection)
    if link is None or not link.learned:
        return state
    changed = {}
    for name in _SETTINGS:
        value = connection.pgconn.parameter_status(name.encode())
        text = None if value is None else value.decode("utf-8", "replace")
        if text is not None and text != link.learned["parameters"].get(name):
            changed[name] = text
    return [*state, changed] if changed else state


def hold_settings(connection: Any, state: Any) -> None:
    """Leave a replayed connection with recorded settings, in the transaction it is in."""
    if isinstance(state, list) and len(state) > 1:
        place = connection.pgconn
        hold(connection, [int(place.held), int(place.status), *state[2:]])


def hold(connection: Any, state: Any) -> None:
    """Leave a replayed connection in a recorded state."""
    place = connection.pgconn
    match state:
        case [int(transaction), int(status), *more] if isinstance(place, NoConnection):
            place.transaction_status = pq.TransactionStatus(transaction)
            place.status = pq.ConnStatus(status)
            changed = more[0] if more and isinstance(more[0], dict) else {}
            place.change({name: changed[name] for name in _SETTINGS if isinstance(changed.get(name), str)})
