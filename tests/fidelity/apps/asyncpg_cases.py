"""asyncpg, used directly."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import postgres_url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("asyncpg", "drivers/asyncpg")


async def connect(table: str) -> Any:
    """A connection, and an empty table."""
    connection = await asyncpg.connect(postgres_url("asyncpg"))
    await connection.execute(f"DROP TABLE IF EXISTS {table}")
    await connection.execute(f"CREATE TABLE {table} (id SERIAL PRIMARY KEY, name TEXT UNIQUE)")
    return connection


@CASES("execute, executemany, fetch, fetchrow, fetchval; records; types")
async def fetching() -> Any:
    connection = await connect("apg_fetching")
    try:
        answer = [await connection.execute("INSERT INTO apg_fetching (name) VALUES ($1)", "ann")]
        await connection.executemany("INSERT INTO apg_fetching (name) VALUES ($1)", [("bob",), ("cid",)])
        rows = await connection.fetch("SELECT id, name FROM apg_fetching ORDER BY id")
        answer += [repr(rows), rows[0]["name"], list(rows[0].keys()), await connection.fetchval("SELECT 7")]
        row = await connection.fetchrow(
            "SELECT 1.50::numeric, 'NaN'::float8, '2026-01-02 03:04:05+02'::timestamptz, $1::uuid, $2::jsonb,"
            " ARRAY[[1,2],[3,NULL]], '[1,5)'::int4range, '10.0.0.1/8'::inet, $3::bytea, NULL",
            "00000000-0000-0000-0000-000000000007",
            '{"a": 1}',
            b"\x00\xff",
        )
        return [*answer, [repr(value) for value in row]]
    finally:
        await connection.close()


@CASES("transactions, savepoints, errors, a refused connection")
async def transactions() -> Any:
    connection = await connect("apg_changes")
    answer: list[Any] = []
    async with connection.transaction():
        await connection.execute("INSERT INTO apg_changes (name) VALUES ('ann')")
        try:
            async with connection.transaction():
                await connection.execute("INSERT INTO apg_changes (name) VALUES ('ann')")
        except asyncpg.UniqueViolationError as error:
            answer += [raised(error), connection.is_in_transaction()]
    answer += [
        seen(await connection.fetchval("SELECT count(*) FROM apg_changes")),
        connection.is_in_transaction(),
    ]
    await connection.close()
    for act in (connection.fetch("SELECT 1"), asyncpg.connect("postgresql://nobody@127.0.0.1:1/none")):
        try:
            await act
        except (asyncpg.InterfaceError, OSError) as error:
            answer.append(raised(error))
    return answer


@CASES("a pool used by eight tasks")
async def pools() -> Any:
    async with asyncpg.create_pool(postgres_url("asyncpg"), min_size=1, max_size=3) as pool:

        async def ask(number: int) -> Any:
            async with pool.acquire() as connection:
                return seen(await connection.fetchval("SELECT $1::int * 2", number))

        return await asyncio.gather(*map(ask, range(8)))
