"""asyncmy, used directly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncmy
from asyncmy import cursors

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

CASES = Cases("asyncmy", "drivers/asyncmy", needs="mariadbd")
PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


@contextlib.asynccontextmanager
async def connected(table: str, **options: Any) -> AsyncIterator[Any]:
    """A connection, and a table with three rows in it."""
    async with asyncmy.connect(**mysql_place("asyncmy"), **options) as connection:
        async with connection.cursor(cursors.Cursor) as cursor:
            await cursor.execute(f"DROP TABLE IF EXISTS {table}")
            await cursor.execute(
                f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, n INT)"
            )
            given = [("ann", 41), ("bob", 17), ("cid", None)]
            await cursor.executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", given)
        await connection.commit()
        yield connection


async def failing(act: Callable[[], Awaitable[Any]]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(await act())}
    except Exception as error:
        return [raised(error), getattr(error, "sqlstate", None)]


@CASES("Cursor, DictCursor, SSCursor, SSDictCursor: fetchone, fetchmany, fetchall, iteration")
async def kinds_of_cursors() -> Any:
    answer: list[Any] = []
    async with connected("as_kinds") as connection:
        for kind in (cursors.Cursor, cursors.DictCursor, cursors.SSCursor, cursors.SSDictCursor):
            async with connection.cursor(kind) as cursor:
                answer += [await cursor.execute(PEOPLE.format("as_kinds")), seen(cursor.description)]
                answer += [seen(await cursor.fetchone()), seen(await cursor.fetchmany(1)), cursor.rowcount]
            async with connection.cursor(kind) as cursor:
                await cursor.execute("SELECT name FROM as_kinds WHERE n > %s", (20,))
                answer += [[seen(row) async for row in cursor]]
    return answer


@CASES("transactions: lastrowid, executemany, commit, rollback, autocommit")
async def transactions() -> Any:
    async with connected("as_changes") as connection, connection.cursor() as cursor:
        insert = "INSERT INTO as_changes (name) VALUES (%s)"
        answer = [await cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.insert_id()]
        await connection.commit()
        answer += [await cursor.executemany(insert, [(f"n{number}",) for number in range(20)])]
        await connection.rollback()
        await connection.begin()
        answer += [await cursor.execute("DELETE FROM as_changes"), await connection.rollback()]
        await connection.autocommit(True)
        await cursor.execute(PEOPLE.format("as_changes"))
        return [*answer, seen(await cursor.fetchall()), connection.get_autocommit()]


@CASES("types; several results, callproc")
async def types_and_results() -> Any:
    async with connected("as_types") as connection, connection.cursor() as cursor:
        await cursor.execute(ON_MARIADB)
        answer = [seen(cursor.description), seen(await cursor.fetchall())]
        await cursor.execute(
            "CREATE OR REPLACE PROCEDURE as_two(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
        )
        answer += [seen(await cursor.callproc("as_two", (4, 0))), seen(await cursor.fetchall())]
        answer += [await cursor.nextset(), await cursor.execute("SELECT @_as_two_1")]
        return [*answer, seen(await cursor.fetchall())]


@CASES("prepared statements, in binary; execute_bulk")
async def prepared() -> Any:
    async with connected("as_prepared") as connection:
        async with await connection.prepare(ON_MARIADB) as statement:
            result = await statement.execute()
            answer = [seen(result.description), seen(result.rows)]
        async with await connection.prepare("INSERT INTO as_prepared (name, n) VALUES (?, ?)") as statement:
            answer += [(await statement.execute(("dan", 1))).insert_id]
            answer += [await failing(lambda: statement.execute(("dan", 1)))]
            bulk = await statement.execute_bulk([(f"n{number}", number) for number in range(20)])
            answer += [bulk.affected_rows]
        async with await connection.prepare("SELECT name FROM as_prepared WHERE n > ?") as statement:
            for least in (15, 100):
                answer += [seen((await statement.execute((least,))).rows)]
        return answer


@CASES("connection refused, wrong password")
async def refused() -> Any:
    return [
        await failing(lambda: asyncmy.connect(**{**mysql_place("asyncmy"), "port": 1})),
        await failing(lambda: asyncmy.connect(**{**mysql_place("asyncmy"), "user": "nobody"})),
    ]


@CASES("errors: unique, syntax, connection killed")
async def errors() -> Any:
    async with connected("as_errors") as connection, connection.cursor() as cursor:
        answer = [
            await failing(lambda: cursor.execute("INSERT INTO as_errors (name) VALUES ('ann')")),
            await failing(lambda: cursor.execute("SELEC 1")),
            await failing(lambda: cursor.execute("KILL CONNECTION_ID()")),
        ]
        return [*answer, connection.connected]


@CASES("a call that the app cancels")
async def cancelled() -> Any:
    async with connected("as_cancelled") as connection:
        cursor = connection.cursor()
        try:
            async with asyncio.timeout(0.3):
                await cursor.execute("SELECT SLEEP(20)")
        except TimeoutError as error:
            return [raised(error), connection.connected]


@CASES("a pool, used by eight tasks at once")
async def pools() -> Any:
    async with asyncmy.create_pool(minsize=1, maxsize=3, **mysql_place("asyncmy")) as pool:

        async def ask(number: int) -> Any:
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("SELECT %s + 1", (number,))
                return seen(await cursor.fetchone())

        return await asyncio.gather(*map(ask, range(8)))
