"""What an app sees of asyncpg: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import asyncpg
import pytest

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import differences
from tests.services.postgres import Postgres
from timetracer_otel import ports
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.asyncpg import AsyncpgIntegration

NOWHERE = "postgresql://nobody@127.0.0.1:1/postgres"


@pytest.fixture(autouse=True)
def integration() -> Iterator[AsyncpgIntegration]:
    known = AsyncpgIntegration()
    wrapping.install(known)
    yield known
    wrapping.uninstall(known)


class Runs:
    """The three runs that every test compares; for a replay there is no server at that address."""

    def __init__(self, server: Postgres) -> None:
        self.url = server.url("postgres")

    def run(self, url: str, scenario: Any) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(url)
            try:
                return await scenario(connection, url)
            finally:
                await connection.close()

        return asyncio.run(run())

    def recorded(self, scenario: Any) -> tuple[Any, list[Recorded]]:
        port = RecordingPort()
        with using(port):
            return self.run(self.url, scenario), port.calls

    def replayed(self, calls: list[Recorded], scenario: Any) -> Any:
        port = ReplayPort(calls)
        with using(port):
            seen = self.run(NOWHERE, scenario)
        left = [call.asked.title() for call in port.unused]
        assert left == [], left
        return seen

    def same(self, scenario: Any) -> Any:
        with ports.inside():
            live = self.run(self.url, scenario)
        recorded, calls = self.recorded(scenario)
        told = differences(recorded, live)
        assert told == [], told
        told = differences(self.replayed(calls, scenario), live)
        assert told == [], told
        return live


@pytest.fixture
def db(postgres_server: Postgres) -> Runs:
    return Runs(postgres_server)


async def raised(awaitable: Awaitable[Any]) -> Any:
    try:
        return ["returned", await awaitable]
    except Exception as error:
        names = ("sqlstate", "constraint_name", "detail", "table_name", "severity")
        return [type(error), str(error), error.args, *(getattr(error, name, None) for name in names)]


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


def test_misses_and_refusals(db: Runs) -> None:
    async def one(connection: Any, _: str) -> Any:
        return await connection.fetchval("SELECT $1::int", 1)

    async def two(connection: Any, _: str) -> Any:
        return await connection.fetchval("SELECT $1::int", 2)

    async def prepared(connection: Any, _: str) -> Any:
        return await connection.prepare("SELECT 1")

    _, calls = db.recorded(one)
    with pytest.raises(MissError, match="SELECT"):
        db.replayed(calls, two)
    with pytest.raises(ReplayError, match=r"Connection.prepare\(\) is not recorded"):
        db.replayed([], prepared)
