"""What is done alike with aiomysql and with asyncmy, which are both made after PyMySQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


@dataclass(frozen=True)
class Driver:
    """One of them, and what is to be said in its own way.

    Attributes:
        module: The driver.
        prefix: What the names of its tables begin with.
        cursors: Its classes of cursors, the plain one first.
        place: The address, as it takes it.
        connection: A connection, until the end of a block.
        state: Whether a connection is open, or closed.
        said: What is seen of an exception.
    """

    module: Any
    prefix: str
    cursors: tuple[type, ...]
    place: Callable[[], dict[str, Any]]
    connection: Callable[[], AbstractAsyncContextManager[Any]]
    state: Callable[[Any], bool]
    said: Callable[[Exception], Any]

    @contextlib.asynccontextmanager
    async def connected(self, table: str) -> AsyncIterator[Any]:
        """A connection, and a table with three rows in it."""
        async with self.connection() as connection:
            async with connection.cursor(self.cursors[0]) as cursor:
                await cursor.execute(f"DROP TABLE IF EXISTS {table}")
                await cursor.execute(
                    f"CREATE TABLE {table}"
                    " (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, n INT)"
                )
                given = [("ann", 41), ("bob", 17), ("cid", None)]
                await cursor.executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", given)
            await connection.commit()
            yield connection

    async def failing(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """What a call raises."""
        try:
            return {"returned": seen(await act())}
        except Exception as error:
            return self.said(error)


def add_statements(cases: Cases, driver: Driver) -> None:
    """Cursors, transactions and results."""

    @cases("Cursor, DictCursor, SSCursor, SSDictCursor: fetchone, fetchmany, fetchall, iteration")
    async def kinds_of_cursors() -> Any:
        answer: list[Any] = []
        table = f"{driver.prefix}_kinds"
        async with driver.connected(table) as connection:
            for kind in driver.cursors:
                async with connection.cursor(kind) as cursor:
                    answer += [await cursor.execute(PEOPLE.format(table)), seen(cursor.description)]
                    answer += [
                        seen(await cursor.fetchone()),
                        seen(await cursor.fetchmany(1)),
                        cursor.rowcount,
                    ]
                async with connection.cursor(kind) as cursor:
                    await cursor.execute(f"SELECT name FROM {table} WHERE n > %s", (20,))
                    answer += [[seen(row) async for row in cursor]]
        return answer

    @cases("transactions: lastrowid, executemany, commit, rollback, autocommit")
    async def transactions() -> Any:
        table = f"{driver.prefix}_changes"
        async with driver.connected(table) as connection, connection.cursor() as cursor:
            insert = f"INSERT INTO {table} (name) VALUES (%s)"
            answer = [await cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.insert_id()]
            await connection.commit()
            answer += [await cursor.executemany(insert, [(f"n{number}",) for number in range(20)])]
            await connection.rollback()
            await connection.begin()
            answer += [await cursor.execute(f"DELETE FROM {table}"), await connection.rollback()]
            await connection.autocommit(True)
            await cursor.execute(PEOPLE.format(table))
            return [*answer, seen(await cursor.fetchall()), connection.get_autocommit()]

    @cases("types; several results, callproc")
    async def types_and_results() -> Any:
        two = f"{driver.prefix}_two"
        async with driver.connected(f"{driver.prefix}_types") as connection, connection.cursor() as cursor:
            await cursor.execute(ON_MARIADB)
            answer = [seen(cursor.description), seen(await cursor.fetchall())]
            await cursor.execute(
                f"CREATE OR REPLACE PROCEDURE {two}(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
            )
            answer += [seen(await cursor.callproc(two, (4, 0))), seen(await cursor.fetchall())]
            answer += [await cursor.nextset(), await cursor.execute(f"SELECT @_{two}_1")]
            return [*answer, seen(await cursor.fetchall())]


def add_connections(cases: Cases, driver: Driver) -> None:
    """Connections that cannot be had, fail, are left, and are taken from a pool."""

    @cases("connection refused, wrong password")
    async def refused() -> Any:
        return [
            await driver.failing(lambda: driver.module.connect(**{**driver.place(), "port": 1})),
            await driver.failing(lambda: driver.module.connect(**{**driver.place(), "user": "nobody"})),
        ]

    @cases("errors: unique, syntax, connection killed")
    async def errors() -> Any:
        table = f"{driver.prefix}_errors"
        async with driver.connected(table) as connection, connection.cursor() as cursor:
            answer = [
                await driver.failing(lambda: cursor.execute(f"INSERT INTO {table} (name) VALUES ('ann')")),
                await driver.failing(lambda: cursor.execute("SELEC 1")),
                await driver.failing(lambda: cursor.execute("KILL CONNECTION_ID()")),
            ]
            return [*answer, driver.state(connection)]

    @cases("a call that the app cancels")
    async def cancelled() -> Any:
        async with driver.connected(f"{driver.prefix}_cancelled") as connection:
            cursor = await connection.cursor()
            try:
                async with asyncio.timeout(0.3):
                    await cursor.execute("SELECT SLEEP(20)")
            except TimeoutError as error:
                return [raised(error), driver.state(connection)]

    @cases("a pool, used by eight tasks at once")
    async def pools() -> Any:
        async with driver.module.create_pool(minsize=1, maxsize=3, **driver.place()) as pool:

            async def ask(number: int) -> Any:
                async with pool.acquire() as connection, connection.cursor() as cursor:
                    await cursor.execute("SELECT %s + 1", (number,))
                    return seen(await cursor.fetchone())

            return await asyncio.gather(*map(ask, range(8)))
