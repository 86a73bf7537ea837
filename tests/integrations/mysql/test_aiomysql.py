"""What an app sees of aiomysql: live, recording and replaying alike."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.mysql.runs import AioMySqlRuns, raised

pytestmark = pytest.mark.needs("mariadbd")
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"


def test_a_ping_connects_anew(aio: AioMySqlRuns) -> None:
    async def scenario(connection: Any) -> Any:
        seen = [await raised(lambda: connection.query("KILL CONNECTION_ID()")), await connection.ping()]
        cursor = await connection.cursor()
        seen += [await cursor.execute(PEOPLE), await cursor.fetchall()]
        connection.close()
        seen += [await raised(lambda: connection.ping(reconnect=False)), await connection.ping()]
        cursor = await connection.cursor()
        return [*seen, await cursor.execute("SELECT 2"), await cursor.fetchall()]

    assert aio.same(scenario)[-2:] == [1, ((2,),)]
