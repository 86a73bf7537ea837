"""aiosqlite, used directly."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import aiosqlite

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import sqlite_file
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("aiosqlite", "drivers/aiosqlite")


@contextlib.asynccontextmanager
async def connected(table: str) -> AsyncIterator[aiosqlite.Connection]:
    """A connection, and a table with three rows in it."""
    async with aiosqlite.connect(sqlite_file("aiosqlite")) as connection:
        await connection.execute(f"DROP TABLE IF EXISTS {table}")
        await connection.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER)"
        )
        given = [("ann", 41), ("bob", 17), ("cid", None)]
        await connection.executemany(f"INSERT INTO {table} (name, n) VALUES (?, ?)", given)
        await connection.commit()
        yield connection


async def failing(awaitable: Awaitable[Any]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(await awaitable)}
    except Exception as error:
        return raised(error)


@CASES("execute, executemany, executescript; fetchone, fetchmany, fetchall, async for; context managers")
async def fetching() -> Any:
    async with connected("fetching") as connection:
        query = "SELECT id, name, n FROM fetching ORDER BY id"
        async with connection.execute(query) as cursor:
            answer = [seen(cursor.description), cursor.rowcount, seen(await cursor.fetchone())]
            answer += [seen(list(await cursor.fetchmany(1))), seen(list(await cursor.fetchall()))]
        async with connection.execute("SELECT name FROM fetching WHERE n > ?", (1,)) as cursor:
            answer.append([seen(row) async for row in cursor])
        await connection.executescript(
            "INSERT INTO fetching (name) VALUES ('dan'); DELETE FROM fetching WHERE n = 17"
        )
        answer.append(seen(list(await connection.execute_fetchall("SELECT name FROM fetching ORDER BY id"))))
        return [
            *answer,
            seen(await connection.execute_insert("INSERT INTO fetching (name) VALUES (?)", ("eve",))),
        ]


@CASES("transactions, lastrowid, total_changes, sqlite3.Row, functions")
async def transactions() -> Any:
    async with connected("changes") as connection:
        connection.row_factory = sqlite3.Row
        await connection.create_function("double", 1, lambda value: value and value * 2)
        cursor = await connection.execute("INSERT INTO changes (name) VALUES ('dan')")
        answer: list[Any] = [
            cursor.lastrowid,
            cursor.rowcount,
            connection.in_transaction,
            connection.total_changes,
        ]
        await connection.rollback()
        answer.append(connection.in_transaction)
        async with connection.execute("SELECT name, double(n) AS twice FROM changes ORDER BY id") as cursor:
            rows = list(await cursor.fetchall())
        return [*answer, isinstance(rows[0], sqlite3.Row), rows[0].keys(), [seen(tuple(row)) for row in rows]]


@CASES("errors: unique, syntax, closed connection, a file that cannot be opened")
async def errors() -> Any:
    async with connected("errors") as connection:
        answer = [
            await failing(connection.execute("INSERT INTO errors (name) VALUES ('ann')")),
            await failing(connection.execute("SELEC 1")),
        ]
        await connection.rollback()
    return [
        *answer,
        await failing(connection.execute("SELECT 1")),
        await failing(aiosqlite.connect("/nowhere/at/all.db")),
    ]


@CASES("gather: eight connections at once, eight statements at once on one connection")
async def gather() -> Any:
    async with connected("gathered") as connection:

        async def ask(number: int) -> Any:
            async with connection.execute("SELECT ? * 2", (number,)) as cursor:
                return seen(await cursor.fetchone())

        async def ask_elsewhere(number: int) -> Any:
            async with aiosqlite.connect(sqlite_file("aiosqlite")) as other:
                return seen(list(await other.execute_fetchall("SELECT ? * 3", (number,))))

        return [
            await asyncio.gather(*map(ask, range(8))),
            await asyncio.gather(*map(ask_elsewhere, range(8))),
        ]
