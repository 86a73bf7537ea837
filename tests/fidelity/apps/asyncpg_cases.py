"""asyncpg, used directly."""

from __future__ import annotations

import asyncio
import io
import json
from decimal import Decimal
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


@CASES("prepared statements: fetch, executemany, fetchmany, status, parameters, attributes, explain")
async def prepared() -> Any:
    connection = await connect("apg_prepared")
    try:
        insert = await connection.prepare("INSERT INTO apg_prepared (name) VALUES ($1) RETURNING id, name")
        answer = [repr(await insert.fetch("ann")), insert.get_statusmsg(), repr(insert.get_parameters())]
        answer += [repr(insert.get_attributes()), await insert.executemany([("bob",), ("cid",)])]
        answer.append(repr(await insert.fetchmany([("dan",), ("eve",)])))
        read = await connection.prepare("SELECT name FROM apg_prepared WHERE id > $1 ORDER BY id")
        answer += [
            repr(await read.fetchrow(1)),
            await read.fetchval(2),
            [row[0] for row in await read.fetch(0)],
        ]
        answer.append((await read.explain(1))[0]["Plan"]["Node Type"])
        try:
            await connection.prepare("SELEC 1")
        except asyncpg.PostgresSyntaxError as error:
            answer.append(raised(error))
        return answer
    finally:
        await connection.close()


@CASES("cursors: iterated with prefetch, left early, fetch, fetchrow, forward, outside a transaction")
async def cursors() -> Any:
    connection = await connect("apg_cursors")
    query = "SELECT n FROM generate_series(1, $1::int) n"
    try:
        async with connection.transaction():
            answer: list[Any] = [[row["n"] async for row in connection.cursor(query, 7, prefetch=3)]]
            async for row in connection.cursor(query, 9):
                answer.append(row["n"])
                if row["n"] == 2:
                    break
            cursor = await connection.cursor(query, 6)
            answer += [repr(await cursor.fetch(2)), await cursor.forward(1), repr(await cursor.fetchrow())]
            answer += [repr(await cursor.fetch(9)), repr(await cursor.fetchrow())]
        try:
            await connection.cursor(query, 1)
        except asyncpg.NoActiveSQLTransactionError as error:
            answer.append(raised(error))
        return answer
    finally:
        await connection.close()


@CASES("COPY: from and to a table, of a query, of records; csv, text, binary; a refused row")
async def copying() -> Any:
    connection = await connect("apg_copied")
    try:
        columns = ["id", "name"]
        records = ((number, f"name {number}") for number in range(1, 2000))
        answer = [await connection.copy_records_to_table("apg_copied", records=records, columns=columns)]
        source = io.BytesIO(b"3000,ann\n3001,\n")
        answer.append(
            await connection.copy_to_table("apg_copied", source=source, columns=columns, format="csv")
        )
        for options in ({"format": "csv", "header": True}, {"format": "binary"}, {}):
            file = io.BytesIO()
            status = await connection.copy_from_query(
                "SELECT * FROM apg_copied WHERE id > $1", 1990, output=file, **options
            )
            answer += [status, repr(file.getvalue())]
        try:
            await connection.copy_records_to_table("apg_copied", records=[(1, "again")], columns=columns)
        except asyncpg.UniqueViolationError as error:
            answer.append(raised(error))
        return answer
    finally:
        await connection.close()


@CASES("LISTEN: notifications of its own and of others; notices heard by a log listener")
async def hearing() -> Any:
    connection = await connect("apg_hearing")
    other = await connect("apg_saying")
    heard: asyncio.Queue[Any] = asyncio.Queue()
    try:
        await connection.add_listener(
            "apg_news", lambda _, __, channel, said: heard.put_nowait([channel, said])
        )
        await connection.execute("NOTIFY apg_news, 'own'")
        answer = [await heard.get()]
        await other.execute("SELECT pg_notify('apg_news', $1)", "another's")
        answer.append(await heard.get())
        connection.add_log_listener(lambda _, message: heard.put_nowait([message.severity, str(message)]))
        await connection.execute("DO $$ BEGIN RAISE NOTICE 'hear'; END $$")
        return [*answer, await heard.get()]
    finally:
        await connection.close()
        await other.close()


class Price:
    """What an app makes of a numeric."""

    def __init__(self, text: str) -> None:
        self.amount = Decimal(text)

    def __repr__(self) -> str:
        return f"Price({self.amount})"


class Row(asyncpg.Record):  # type: ignore[misc]  # it has no types
    """An app's own records."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


@CASES("codecs of the app's own, a class of records, a pool with init, setup and reset")
async def own_types() -> Any:
    async def init(connection: Any) -> None:
        numeric = {"schema": "pg_catalog", "format": "text"}
        await connection.set_type_codec("numeric", encoder=str, decoder=Price, **numeric)
        await connection.set_type_codec("json", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)

    async def setup(connection: Any) -> None:
        await connection.execute("SET application_name = 'fidelity'")

    url = postgres_url("asyncpg")
    async with asyncpg.create_pool(
        url, min_size=1, max_size=1, init=init, setup=setup, record_class=Row
    ) as pool:
        query = """SELECT 1.50 AS price, ARRAY[2.5, NULL] AS prices, '{"a": [1]}'::json AS said"""
        row = await pool.fetchrow(query)
        answer = [repr(row), type(row).__name__, repr(row.price), row.said["a"]]
        async with pool.acquire() as connection:
            statement = await connection.prepare(query)
            answer.append(repr(await statement.fetch()))
        try:
            statement.get_query()
        except asyncpg.InterfaceError as error:
            answer.append(raised(error))
        return answer


@CASES("statement_timeout, a client's timeout, cancelling, a connection that is terminated")
async def timeouts() -> Any:
    connection = await connect("apg_timeouts")
    answer: list[Any] = []
    try:
        await connection.execute("SET statement_timeout = 50")
        for act in (
            connection.fetch("SELECT pg_sleep(30)"),
            connection.fetch("SELECT pg_sleep(31)", timeout=0.01),
        ):
            try:
                await act
            except (asyncpg.QueryCanceledError, TimeoutError) as error:
                answer.append(raised(error))
        answer.append(await connection.fetchval("SELECT 'still there'"))
        connection.terminate()
        answer.append(connection.is_closed())
        return answer
    finally:
        await connection.close()
