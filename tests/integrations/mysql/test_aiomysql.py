"""What an app sees of aiomysql: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiomysql
import pymysql
import pytest
from pymysql.constants import CLIENT

from tests.integrations.mysql.runs import NOWHERE, AioMySqlRuns
from tests.integrations.ports import RecordingPort, ReplayPort, using
from timetracer_otel.errors import MissError, NoSessionError

pytestmark = pytest.mark.needs("mariadbd")
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"
ANY_CURSOR = pytest.mark.parametrize(
    "kind", [aiomysql.Cursor, aiomysql.DictCursor, aiomysql.SSCursor, aiomysql.SSDictCursor]
)


async def raised(act: Callable[[], Awaitable[Any]]) -> list[Any]:
    try:
        return ["returned", await act()]
    except Exception as error:
        return [type(error), str(error), error.args]


@ANY_CURSOR
def test_fetching_in_every_way(aio: AioMySqlRuns, kind: Any) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        cursor.arraysize = 2
        seen = [type(cursor), await cursor.execute(PEOPLE), cursor.description, cursor.rowcount]
        seen += [
            await cursor.fetchone(),
            cursor.rownumber,
            await cursor.fetchmany(),
            await cursor.fetchmany(5),
        ]
        seen += [await cursor.fetchone(), cursor.rowcount, cursor.lastrowid]
        await cursor.execute("SELECT name FROM people WHERE age > %(age)s", {"age": 20})
        seen += [[row async for row in cursor]]
        await cursor.execute("SELECT %s, 1.50, 18446744073709551615, x'00ff', DATE'2024-02-29'", ("it's",))
        seen += [await cursor.fetchall(), await cursor.close()]
        return [*seen, await raised(lambda: cursor.execute("SELECT 1"))]

    aio.same(scenario, cursorclass=kind)


def test_changes_and_transactions(aio: AioMySqlRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        insert = "INSERT INTO people (name, age) VALUES (%s, %s)"
        seen = [await cursor.execute(insert, ("dan", 1)), cursor.lastrowid, connection.insert_id()]
        seen += [await connection.commit(), await cursor.executemany(insert, [("a", 1), ("b", 2)])]
        seen += [
            await cursor.executemany("UPDATE people SET age = %s WHERE name = %s", [(5, "a"), (6, "no")])
        ]
        await connection.rollback()
        await connection.begin()
        seen += [await cursor.execute("DELETE FROM people"), await connection.rollback()]
        seen += [await cursor.execute(PEOPLE), await cursor.fetchall(), connection.get_autocommit()]
        await connection.autocommit(True)
        return [*seen, connection.get_autocommit(), await connection.ping(), connection.get_server_info()]

    aio.same(scenario)


def test_results_procedures_and_errors(aio: AioMySqlRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        await cursor.execute("SELECT 1; SELECT 2")
        seen = [
            await cursor.fetchall(),
            await cursor.nextset(),
            await cursor.fetchall(),
            await cursor.nextset(),
        ]
        seen += [await cursor.callproc("two_results", (18, 0)), await cursor.fetchall()]
        seen += [await cursor.nextset(), await cursor.fetchall(), await cursor.nextset()]
        for statement in ("INSERT INTO people (name) VALUES ('ann')", "SELEC 1", "KILL CONNECTION_ID()"):
            seen.append(await raised(lambda statement=statement: cursor.execute(statement)))
        return [*seen, connection.closed, await raised(lambda: cursor.execute("SELECT 1"))]

    assert aio.same(scenario, client_flag=CLIENT.MULTI_STATEMENTS)[9][0] is pymysql.IntegrityError


def test_a_pool_used_by_many_tasks(aio: AioMySqlRuns) -> None:
    async def scenario(connection: Any) -> Any:
        place = aio.place(connection.port, db="drivers")
        async with aiomysql.create_pool(minsize=1, maxsize=3, **place) as pool:

            async def ask(number: int) -> Any:
                async with pool.acquire() as one, one.cursor() as cursor:
                    await cursor.execute("SELECT %s + 1", (number,))
                    return await cursor.fetchone()

            return await asyncio.gather(*map(ask, range(8)))

    assert aio.same(scenario) == [(number + 1,) for number in range(8)]


def test_a_connection_that_cannot_be_had(aio: AioMySqlRuns) -> None:
    def refused() -> Any:
        return asyncio.run(raised(lambda: aiomysql.connect(host="127.0.0.1", port=NOWHERE, user="x", db="y")))

    port = RecordingPort()
    with using(port):
        recorded = refused()
    assert recorded[2][0] == 2003
    with using(ReplayPort(port.calls)):
        assert refused() == recorded


def test_what_was_not_recorded(aio: AioMySqlRuns) -> None:
    async def one(connection: Any) -> Any:
        return await (await connection.cursor()).execute("SELECT 1")

    async def other(connection: Any) -> Any:
        return await (await connection.cursor()).execute("SELECT 2")

    _, calls = aio.recorded(one)
    with pytest.raises(MissError):
        aio.replayed(calls, other)

    async def outside() -> Any:
        with using(ReplayPort(calls)):
            connection = await aiomysql.connect(host="127.0.0.1", port=NOWHERE, user="x", db="drivers")
        await one(connection)

    with pytest.raises(NoSessionError):
        asyncio.run(outside())


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
