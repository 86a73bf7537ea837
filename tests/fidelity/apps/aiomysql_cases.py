"""aiomysql, used directly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiomysql

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

CASES = Cases("aiomysql", "drivers/aiomysql", needs="mariadbd")
PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


def place() -> dict[str, Any]:
    """The address, as aiomysql takes it."""
    known = mysql_place("aiomysql")
    known["db"] = known.pop("database")
    return known


@contextlib.asynccontextmanager
async def connected(table: str, **options: Any) -> AsyncIterator[Any]:
    """A connection, and a table with three rows in it."""
    connection = await aiomysql.connect(**place(), **options)
    try:
        async with connection.cursor(aiomysql.Cursor) as cursor:
            await cursor.execute(f"DROP TABLE IF EXISTS {table}")
            await cursor.execute(
                f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, n INT)"
            )
            given = [("ann", 41), ("bob", 17), ("cid", None)]
            await cursor.executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", given)
        await connection.commit()
        yield connection
    finally:
        await connection.ensure_closed()


async def failing(act: Callable[[], Awaitable[Any]]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(await act())}
    except Exception as error:
        return raised(error)


@CASES("Cursor, DictCursor, SSCursor, SSDictCursor: fetchone, fetchmany, fetchall, iteration")
async def kinds_of_cursors() -> Any:
    answer: list[Any] = []
    async with connected("am_kinds") as connection:
        for kind in (aiomysql.Cursor, aiomysql.DictCursor, aiomysql.SSCursor, aiomysql.SSDictCursor):
            async with connection.cursor(kind) as cursor:
                answer += [await cursor.execute(PEOPLE.format("am_kinds")), seen(cursor.description)]
                answer += [seen(await cursor.fetchone()), seen(await cursor.fetchmany(1)), cursor.rowcount]
            async with connection.cursor(kind) as cursor:
                await cursor.execute("SELECT name FROM am_kinds WHERE n > %s", (20,))
                answer += [[seen(row) async for row in cursor]]
    return answer


@CASES("transactions: lastrowid, executemany, commit, rollback, autocommit")
async def transactions() -> Any:
    async with connected("am_changes") as connection, connection.cursor() as cursor:
        insert = "INSERT INTO am_changes (name) VALUES (%s)"
        answer = [await cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.insert_id()]
        await connection.commit()
        answer += [await cursor.executemany(insert, [(f"n{number}",) for number in range(20)])]
        await connection.rollback()
        await connection.begin()
        answer += [await cursor.execute("DELETE FROM am_changes"), await connection.rollback()]
        await connection.autocommit(True)
        await cursor.execute(PEOPLE.format("am_changes"))
        return [*answer, seen(await cursor.fetchall()), connection.get_autocommit()]


@CASES("types; several results, callproc")
async def types_and_results() -> Any:
    async with connected("am_types") as connection, connection.cursor() as cursor:
        await cursor.execute(ON_MARIADB)
        answer = [seen(cursor.description), seen(await cursor.fetchall())]
        await cursor.execute(
            "CREATE OR REPLACE PROCEDURE am_two(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
        )
        answer += [seen(await cursor.callproc("am_two", (4, 0))), seen(await cursor.fetchall())]
        answer += [await cursor.nextset(), await cursor.execute("SELECT @_am_two_1")]
        return [*answer, seen(await cursor.fetchall())]


@CASES("connection refused, wrong password")
async def refused() -> Any:
    return [
        await failing(lambda: aiomysql.connect(**{**place(), "port": 1})),
        await failing(lambda: aiomysql.connect(**{**place(), "user": "nobody"})),
    ]


@CASES("errors: unique, syntax, connection killed")
async def errors() -> Any:
    async with connected("am_errors") as connection, connection.cursor() as cursor:
        answer = [
            await failing(lambda: cursor.execute("INSERT INTO am_errors (name) VALUES ('ann')")),
            await failing(lambda: cursor.execute("SELEC 1")),
            await failing(lambda: cursor.execute("KILL CONNECTION_ID()")),
        ]
        return [*answer, connection.closed]


@CASES("a call that the app cancels")
async def cancelled() -> Any:
    async with connected("am_cancelled") as connection:
        cursor = await connection.cursor()
        try:
            async with asyncio.timeout(0.3):
                await cursor.execute("SELECT SLEEP(20)")
        except TimeoutError as error:
            return [raised(error), connection.closed]


@CASES("a pool, used by eight tasks at once")
async def pools() -> Any:
    async with aiomysql.create_pool(minsize=1, maxsize=3, **place()) as pool:

        async def ask(number: int) -> Any:
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("SELECT %s + 1", (number,))
                return seen(await cursor.fetchone())

        return await asyncio.gather(*map(ask, range(8)))
