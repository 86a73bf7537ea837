"""What an app sees of aiomysql and asyncmy, both made after PyMySQL: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiomysql
import asyncmy
import pytest
from asyncmy import cursors
from pymysql.constants import CLIENT

from tests.integrations.mysql.runs import NOWHERE, AioMySqlRuns, AsyncmyRuns, Runs, raised
from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.services.mariadb import MariaDb
from timetracer_otel.errors import MissError, NoSessionError

pytestmark = pytest.mark.needs("mariadbd")
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"


@dataclass
class Driver:
    """One of them, and what it calls in its own way.

    Attributes:
        runs: Its three runs.
        module: The driver.
        cursors: Where its classes of cursors are.
        kind: The argument for a class of cursors.
        database: The argument for the name of the database.
        several: With these arguments several statements may be sent at once.
        state: What a connection says of whether it is open.
    """

    runs: Runs
    module: Any
    cursors: Any
    kind: str
    database: str
    several: dict[str, Any]
    state: str

    def nowhere(self) -> Any:
        """A connection to an address where no server is."""
        named = {self.database: "drivers"}
        return self.module.connect(host="127.0.0.1", port=NOWHERE, user="x", **named)


@pytest.fixture(params=["aiomysql", "asyncmy"])
def driver(request: pytest.FixtureRequest, mariadb_server: MariaDb) -> Driver:
    if request.param == "aiomysql":
        runs = AioMySqlRuns(mariadb_server)
        several = {"client_flag": CLIENT.MULTI_STATEMENTS}
        return Driver(runs, aiomysql, aiomysql, "cursorclass", "db", several, "closed")
    return Driver(AsyncmyRuns(mariadb_server), asyncmy, cursors, "cursor_cls", "database", {}, "connected")


@pytest.mark.parametrize("kind", ["Cursor", "DictCursor", "SSCursor", "SSDictCursor"])
def test_fetching_in_every_way(driver: Driver, kind: str) -> None:
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

    driver.runs.same(scenario, **{driver.kind: getattr(driver.cursors, kind)})


def test_changes_and_transactions(driver: Driver) -> None:
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

    driver.runs.same(scenario)


def test_results_procedures_and_errors(driver: Driver) -> None:
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
            seen.append(await raised(partial(cursor.execute, statement)))
        return [*seen, getattr(connection, driver.state), await raised(lambda: cursor.execute("SELECT 1"))]

    seen = driver.runs.same(scenario, **driver.several)
    assert seen[9][0] is driver.module.IntegrityError


def test_a_pool_used_by_many_tasks(driver: Driver) -> None:
    async def scenario(connection: Any) -> Any:
        place = driver.runs.place(connection._port, **{driver.database: "drivers"})
        async with driver.module.create_pool(minsize=1, maxsize=3, **place) as pool:

            async def ask(number: int) -> Any:
                async with pool.acquire() as one, one.cursor() as cursor:
                    await cursor.execute("SELECT %s + 1", (number,))
                    return await cursor.fetchone()

            return await asyncio.gather(*map(ask, range(8)))

    assert driver.runs.same(scenario) == [(number + 1,) for number in range(8)]


def test_a_connection_that_cannot_be_had(driver: Driver) -> None:
    def refused() -> Any:
        return asyncio.run(raised(driver.nowhere))

    port = RecordingPort()
    with using(port):
        recorded = refused()
    assert recorded[2][0] == 2003
    with using(ReplayPort(port.calls)):
        assert refused() == recorded


def test_what_was_not_recorded(driver: Driver) -> None:
    async def one(connection: Any) -> Any:
        return await (await connection.cursor()).execute("SELECT 1")

    async def other(connection: Any) -> Any:
        return await (await connection.cursor()).execute("SELECT 2")

    _, calls = driver.runs.recorded(one)
    with pytest.raises(MissError):
        driver.runs.replayed(calls, other)

    async def outside() -> Any:
        with using(ReplayPort(calls)):
            connection = await driver.nowhere()
        await one(connection)

    with pytest.raises(NoSessionError):
        asyncio.run(outside())
