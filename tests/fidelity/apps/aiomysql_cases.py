"""aiomysql, used directly."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiomysql

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.pymysql_like import Driver, add_connections, add_statements
from tests.fidelity.apps.seen import raised

CASES = Cases("aiomysql", "drivers/aiomysql", needs=("mariadbd",))


def place() -> dict[str, Any]:
    """The address, as aiomysql takes it."""
    known = mysql_place("aiomysql")
    known["db"] = known.pop("database")
    return known


@contextlib.asynccontextmanager
async def connection() -> AsyncIterator[Any]:
    """A connection; the server is told that it is left."""
    made = await aiomysql.connect(**place())
    try:
        yield made
    finally:
        await made.ensure_closed()


DRIVER = Driver(
    module=aiomysql,
    prefix="am",
    cursors=(aiomysql.Cursor, aiomysql.DictCursor, aiomysql.SSCursor, aiomysql.SSDictCursor),
    place=place,
    connection=connection,
    state=lambda connection: connection.closed,
    said=raised,
)
add_statements(CASES, DRIVER)
add_connections(CASES, DRIVER)
