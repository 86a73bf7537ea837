"""What an app sees of asyncpg: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.integrations.asyncpg.runs import NOWHERE, Runs, raised
from tests.integrations.ports import RecordingPort, ReplayPort, using
from timetracer_otel.errors import MissError


async def table(connection: Any) -> None:
    await connection.execute(
        "DROP TABLE IF EXISTS apg; CREATE TABLE apg (id SERIAL PRIMARY KEY, name TEXT UNIQUE)"
    )


def test_fetching_executing_and_types(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        await table(connection)
        seen = [await connection.execute("INSERT INTO apg (name) VALUES ('ann')")]
        seen.append(await connection.execute("INSERT INTO apg (name) VALUES ($1)", "bob"))
        seen.append(
            await connection.executemany("INSERT INTO apg (name) VALUES ($1)", iter([("cid",), ("dan",)]))
        )
        rows = await connection.fetch("SELECT id, name FROM apg ORDER BY id")
        seen += [type(rows[0]), rows[0]["name"], list(rows[0].keys()), [tuple(row) for row in rows], rows]
        seen += [
            await connection.fetchrow("SELECT * FROM apg WHERE id = $1", 9),
            await connection.fetchval("SELECT 7"),
        ]
        seen.append(
            await connection.fetchrow(
                "SELECT 1.50::numeric, 'NaN'::float8, '2026-01-02 03:04:05+02'::timestamptz,"
                " $1::uuid, $2::jsonb, ARRAY[[1,2],[3,NULL]], '[1,5)'::int4range, '10.0.0.1/8'::inet,"
                " $3::bytea, '1 day'::interval, NULL",
                "00000000-0000-0000-0000-000000000007", '{"a": 1}', b"\x00\xff",
            )
        )  # fmt: skip
        return [*seen, connection.get_server_version(), connection.is_closed()]

    assert db.same(scenario)[:2] == ["INSERT 0 1", "INSERT 0 1"]


def test_transactions_and_errors(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        await table(connection)
        seen: list[Any] = [connection.is_in_transaction()]
        async with connection.transaction():
            await connection.execute("INSERT INTO apg (name) VALUES ('ann')")
            seen.append(connection.is_in_transaction())
            try:
                async with connection.transaction():
                    await connection.execute("INSERT INTO apg (name) VALUES ('ann')")
            except asyncpg.UniqueViolationError as error:
                seen.append([type(error), error.constraint_name, error.detail])
        seen += [connection.is_in_transaction(), await raised(connection.fetch("SELEC 1"))]
        seen += [
            await raised(connection.fetch("SELECT $1::int", "x")),
            await connection.fetchval("SELECT count(*) FROM apg"),
        ]
        await connection.close()
        return [*seen, await raised(connection.fetch("SELECT 1")), connection.is_closed()]

    assert db.same(scenario)[2][1] == "apg_name_key"


def test_pools_and_gather(db: Runs) -> None:
    async def scenario(_: Any, url: str) -> Any:
        async with asyncpg.create_pool(url, min_size=1, max_size=3) as pool:

            async def ask(number: int) -> Any:
                async with pool.acquire() as connection:
                    return await connection.fetchval("SELECT $1::int", number)

            return [await asyncio.gather(*map(ask, range(8))), await pool.fetchval("SELECT 5")]

    assert db.same(scenario) == [list(range(8)), 5]


def test_connecting_that_fails() -> None:
    async def attempt() -> Any:
        return await raised(asyncpg.connect(NOWHERE))

    port = RecordingPort()
    with using(port):
        live = asyncio.run(attempt())
    with using(ReplayPort(port.calls)):
        replayed = asyncio.run(attempt())

    assert live[0] is ConnectionRefusedError
    assert replayed == live


def test_misses(db: Runs) -> None:
    async def one(connection: Any, _: str) -> Any:
        return await connection.fetchval("SELECT $1::int", 1)

    async def two(connection: Any, _: str) -> Any:
        return await connection.fetchval("SELECT $1::int", 2)

    _, calls = db.recorded(one)
    with pytest.raises(MissError, match="SELECT"):
        db.replayed(calls, two)
