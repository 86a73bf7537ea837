"""mysql.connector.aio, used directly."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from mysql.connector import aio
from mysql.connector.aio import pooling

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

CASES = Cases("mysql.connector.aio", "drivers/mysqlconnector-aio", needs=("mariadbd",))
PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"
TWO = "SELECT 1; UPDATE {0} SET n = 2; SELECT name FROM {0} ORDER BY id"


def place(**options: Any) -> dict[str, Any]:
    """The address; the server has no TLS, which the library must be told."""
    return {**mysql_place("mysqlconnector"), "ssl_disabled": True, **options}


@contextlib.asynccontextmanager
async def connected(table: str, **options: Any) -> AsyncIterator[Any]:
    """A connection, and a table with three rows in it."""
    async with await aio.connect(**place(**options)) as connection:
        cursor = await connection.cursor()
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
        return raised(error)


@CASES("cursors: plain, buffered, dictionary, raw, prepared; fetchone, fetchmany, fetchall")
async def kinds_of_cursors() -> Any:
    answer: list[Any] = []
    options: tuple[dict[str, Any], ...] = (
        {},
        {"buffered": True},
        {"dictionary": True},
        {"raw": True},
        {"prepared": True},
    )
    async with connected("ma_kinds") as connection:
        for option in options:
            cursor = await connection.cursor(**option)
            await cursor.execute(PEOPLE.format("ma_kinds"))
            answer += [seen(cursor.description), cursor.rowcount, seen(await cursor.fetchone())]
            answer += [seen(await cursor.fetchmany(1)), seen(await cursor.fetchall()), cursor.rowcount]
            await cursor.execute("SELECT name FROM ma_kinds WHERE n > %s", (20,))
            answer += [seen(await cursor.fetchall()), seen(cursor.column_names), await cursor.close()]
    return answer


@CASES("transactions: lastrowid, executemany, commit, rollback, start_transaction, autocommit")
async def transactions() -> Any:
    async with connected("ma_changes") as connection:
        cursor = await connection.cursor()
        insert = "INSERT INTO ma_changes (name) VALUES (%s)"
        answer = [await cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.in_transaction]
        answer += [await connection.commit(), connection.in_transaction]
        await cursor.executemany(insert, [(f"n{number}",) for number in range(20)])
        answer += [cursor.lastrowid, cursor.rowcount, await connection.rollback()]
        await connection.start_transaction(isolation_level="READ COMMITTED")
        await cursor.execute("DELETE FROM ma_changes")
        answer += [cursor.rowcount, connection.in_transaction, await connection.rollback()]
        await connection.set_autocommit(True)
        await cursor.execute(PEOPLE.format("ma_changes"))
        answer += [seen(await cursor.fetchall()), await connection.get_autocommit()]
        return [*answer, await connection.get_database()]


@CASES("types, in text and in binary (prepared)")
async def types() -> Any:
    answer = []
    async with await aio.connect(**place()) as connection:
        for prepared in (False, True):
            cursor = await connection.cursor(prepared=prepared)
            await cursor.execute(ON_MARIADB)
            answer += [seen(cursor.description), seen(await cursor.fetchall())]
            await cursor.execute("SELECT %s, %s, %s", ("ü€😀'\\", None, 1.5))
            answer += [seen(await cursor.fetchall())]
    return answer


@CASES("callproc, several results, map_results, cmd_query_iter")
async def results() -> Any:
    async with connected("ma_results") as connection:
        cursor = await connection.cursor()
        await cursor.execute(
            "CREATE OR REPLACE PROCEDURE ma_two(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
        )
        answer = [seen(await cursor.callproc("ma_two", (4, 0)))]
        await cursor.execute(TWO.format("ma_results"))
        answer += [seen(await cursor.fetchall())]
        while await cursor.nextset():
            answer += [seen(await cursor.fetchall()) if cursor.with_rows else cursor.rowcount]
        await cursor.execute(TWO.format("ma_results"), map_results=True)
        answer += [seen(one) async for one in cursor.fetchsets()]
        async for result in connection.cmd_query_iter("SELECT 5; SELECT 6"):
            answer += [seen(result["columns"]), seen((await connection.get_rows())[0])]
        return answer


@CASES("warnings: kept, shown, raised")
async def warned() -> Any:
    async with connected("ma_warned") as connection:
        connection.get_warnings = True
        cursor = await connection.cursor(buffered=True)
        with warnings.catch_warnings(record=True, action="always") as told:
            await cursor.execute("SELECT CAST('x' AS INT)")
            answer = [seen(await cursor.fetchall()), cursor.warning_count, seen(cursor.warnings)]
            answer += [[str(one.message) for one in told]]
        connection.raise_on_warnings = True
        return [*answer, await failing(lambda: cursor.execute("SELECT CAST('y' AS INT)"))]


@CASES("connection refused, wrong password")
async def refused() -> Any:
    return [
        await failing(lambda: aio.connect(**place(port=1))),
        await failing(lambda: aio.connect(**place(user="nobody"))),
    ]


@CASES("errors: unique, syntax, no table, parameters, unread result, read timeout, connection killed")
async def errors() -> Any:
    async with connected("ma_errors") as connection:
        cursor = await connection.cursor()
        answer = [
            await failing(lambda: cursor.execute("INSERT INTO ma_errors (name) VALUES ('ann')")),
            await failing(lambda: cursor.execute("SELEC 1")),
            await failing(lambda: cursor.execute("SELECT * FROM nowhere")),
            await failing(lambda: cursor.execute("SELECT %s, %s", (1,))),
        ]
        await cursor.execute(PEOPLE.format("ma_errors"))
        answer += [await failing(connection.cursor), seen(await cursor.fetchall())]
        async with await aio.connect(**place(read_timeout=1)) as other:
            slow = await other.cursor()
            answer += [await failing(lambda: slow.execute("SELECT SLEEP(20)")), other.is_socket_connected()]
        return [*answer, await failing(lambda: cursor.execute("KILL CONNECTION_ID()"))]


@CASES("a compressed connection")
async def compressed() -> Any:
    async with connected("ma_compressed", compress=True) as connection:
        cursor = await connection.cursor()
        await cursor.execute("SELECT REPEAT('long', 1000), %s", ("short",))
        return seen(await cursor.fetchall())


@CASES("a call that the app cancels")
async def cancelled() -> Any:
    async with connected("ma_cancelled") as connection:
        cursor = await connection.cursor()
        try:
            async with asyncio.timeout(0.3):
                await cursor.execute("SELECT SLEEP(20)")
        except TimeoutError as error:
            return [raised(error), connection.is_socket_connected(), await connection.shutdown()]


@CASES("a pool of three connections, used by eight tasks and to its end")
async def pools() -> Any:
    pool = pooling.MySQLConnectionPool(pool_size=3, pool_name="fidelity", **place())
    await pool.initialize_pool()
    turns = asyncio.Semaphore(3)

    async def ask(number: int) -> Any:
        async with turns, await pool.get_connection() as connection, await connection.cursor() as cursor:
            await cursor.execute("SELECT %s", (number,))
            return seen(await cursor.fetchall())

    answer = await asyncio.gather(*map(ask, range(8)))
    held = [await pool.get_connection() for _ in range(3)]
    answer.append(await failing(pool.get_connection))
    for one in held:
        await one.close()
    return [*answer, await pool.close_pool()]
