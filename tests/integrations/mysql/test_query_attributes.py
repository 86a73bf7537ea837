"""MySQL, unlike MariaDB, takes attributes before the text of a query; mysql.connector sends them then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.mysql.runs import ConnectorAioRuns, ConnectorRuns
from tests.integrations.ports import Recorded
from timetracer_otel import values
from timetracer_otel.integrations.mysql import packets

pytestmark = pytest.mark.needs("mariadbd")
_TAKES_ATTRIBUTES = 1 << 27


def on_mysql(calls: list[Recorded]) -> list[Recorded]:
    """As if the server that was recorded had said that it takes them."""
    for call in calls:
        facts = values.loads(call.asked.server)  # type: ignore[attr-defined]  # a statement
        facts["learned"]["capabilities"] |= _TAKES_ATTRIBUTES
        call.asked.server = values.dumps(facts)  # type: ignore[attr-defined]
    return calls


def test_mysql_connector(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        connection.query_attrs_append(("who", "me"))
        connection.autocommit = False
        cursor = connection.cursor()
        cursor.execute("SELECT name FROM people WHERE id = %s", (1,))
        return [cursor.fetchall(), connection.in_transaction, connection.rollback()]

    recorded, calls = connector.recorded(scenario)
    assert connector.replayed(on_mysql(calls), scenario) == recorded


def test_mysql_connector_aio(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        connection.query_attrs_append(("who", "me"))
        await connection.set_autocommit(False)
        cursor = await connection.cursor()
        await cursor.execute("SELECT name FROM people WHERE id = %s", (1,))
        return [await cursor.fetchall(), connection.in_transaction, await connection.rollback()]

    recorded, calls = connector_aio.recorded(scenario)
    assert connector_aio.replayed(on_mysql(calls), scenario) == recorded


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (15, b"\x04text"),  # text after its length
        (8, bytes(8)),  # an integer
        (1, b"\x05"),
        (5, bytes(8)),  # a float
        (12, b"\x04\xea\x07\x0b\x14"),  # a date, after its length
        (6, b""),  # NULL
    ],
)
def test_values_of_attributes(kind: int, value: bytes) -> None:
    attributes = b"\x01\x01" + b"\0" + b"\x01" + bytes([kind, 0]) + b"\x03who" + value
    assert packets.query(attributes + b"SET autocommit = 1") == b"SET autocommit = 1"


def test_no_attributes() -> None:
    assert packets.query(b"\0\x01SET autocommit = 1") == packets.query(b"SET autocommit = 1")
