"""psycopg 3, used directly, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter
from psycopg.rows import dict_row, namedtuple_row, scalar_row
from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import postgres_url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("psycopg", "drivers/psycopg")
GIVEN = [("ann", 41), ("bob", 17), ("cid", None)]


@contextlib.contextmanager
def connected(table: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection, and a table with three rows in it."""
    with psycopg.connect(postgres_url("psycopg")) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} (id SERIAL PRIMARY KEY, name TEXT UNIQUE, n INTEGER)")
        connection.cursor().executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", GIVEN)
        connection.commit()
        yield connection


@contextlib.asynccontextmanager
async def connected_async(table: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """The same, asynchronously."""
    async with await psycopg.AsyncConnection.connect(postgres_url("psycopg-async")) as connection:
        await connection.execute(f"DROP TABLE IF EXISTS {table}")
        await connection.execute(f"CREATE TABLE {table} (id SERIAL PRIMARY KEY, name TEXT UNIQUE, n INTEGER)")
        await connection.cursor().executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", GIVEN)
        await connection.commit()
        yield connection


def failing(act: Callable[[], Any]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(act())}
    except Exception as error:
        return raised(error)


@CASES("execute, executemany; fetchone, fetchmany, fetchall, iteration, scroll, nextset, statusmessage")
def fetching() -> Any:
    cursor: Any
    with connected("p3_fetching") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name, n FROM p3_fetching ORDER BY id")
        answer: list[Any] = [repr(cursor.description), cursor.rowcount, cursor.statusmessage]
        answer += [seen(cursor.fetchone()), cursor.rownumber, seen(cursor.fetchmany(1)), seen(list(cursor))]
        answer += [cursor.scroll(0, "absolute"), seen(cursor.fetchall())]
        cursor.execute("SELECT 1; SELECT 2, 3")
        answer += [seen(cursor.fetchall()), cursor.nextset(), seen(cursor.fetchall()), cursor.nextset()]
        query = "UPDATE p3_fetching SET n = %s WHERE name = %s RETURNING n"
        cursor.executemany(query, [(8, "ann"), (9, "bob")], returning=True)
        return [*answer, seen(cursor.fetchall()), cursor.nextset(), seen(cursor.fetchall()), cursor.rowcount]


@CASES("transactions: commit, rollback, nested transaction(), autocommit, transaction_status")
def transactions() -> Any:
    with connected("p3_changes") as connection:
        answer: list[Any] = []

        def note() -> None:
            answer.append(connection.info.transaction_status.name)

        with connection.transaction():
            connection.execute("DELETE FROM p3_changes WHERE n = 17")
            with connection.transaction(force_rollback=True):
                connection.execute("DELETE FROM p3_changes")
                note()
        note()
        answer += [
            failing(lambda: connection.execute("SELECT 1/0")),
            failing(lambda: connection.execute("SELECT 1")),
        ]
        note()
        connection.rollback()
        connection.autocommit = True
        answer.append(seen(connection.execute("SELECT name FROM p3_changes ORDER BY id").fetchall()))
        note()
        return answer


@CASES("row factories: dict_row, namedtuple_row, scalar_row; server-side cursors")
def row_factories() -> Any:
    answer: list[Any] = []
    query = "SELECT id, name, n FROM p3_rows ORDER BY id"
    with connected("p3_rows") as connection:
        for factory in (dict_row, namedtuple_row, scalar_row):
            with connection.cursor(row_factory=factory) as cursor:
                answer += [repr(row) for row in cursor.execute(query)]
        with connection.cursor("named", row_factory=dict_row, scrollable=True) as cursor:
            cursor.itersize = 2
            cursor.execute(query)
            back: Any = cursor.scroll
            answer += [seen(cursor.fetchone()), back(-1), [seen(row) for row in cursor]]
    return answer


@CASES(
    "types, as text and in binary: numeric, NaN, timestamptz, uuid, jsonb, arrays, ranges, inet, bytea, NULL"
)
def types() -> Any:
    query = (
        "SELECT 1.50::numeric, 'NaN'::float8, '2026-01-02 03:04:05+02'::timestamptz, %s::uuid, %s,"
        " ARRAY[[1,2],[3,NULL]], %s, '10.0.0.1/8'::inet, %s::bytea, '1 day'::interval, NULL, true,"
        " '{[1,3),[5,9)}'::int4multirange"
    )
    given = (uuid.UUID(int=7), Jsonb({"a": [1, None]}), Range(1, 5), b"\x00\xff")
    with psycopg.connect(postgres_url("psycopg")) as connection:
        return [seen(connection.execute(query, given, binary=binary).fetchone()) for binary in (False, True)]


@CASES(
    "errors: unique with its diagnostics, syntax, timeout, refused connection, closed cursor and connection"
)
def errors() -> Any:
    with connected("p3_errors") as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        answer = [
            failing(lambda: cursor.execute("INSERT INTO p3_errors (name) VALUES ('ann')")),
            failing(lambda: cursor.execute("SELEC 1")),
            failing(lambda: cursor.execute("SET statement_timeout = 10; SELECT pg_sleep(5)")),
            failing(lambda: psycopg.connect("postgresql://nobody@127.0.0.1:1/none")),
        ]
        cursor.close()
        answer.append(failing(lambda: cursor.execute("SELECT 1")))
        connection.close()
        return [*answer, failing(lambda: connection.execute("SELECT 1"))]


@CASES("composed statements, prepared statements, notices, threads")
def others() -> Any:
    with connected("p3_others") as connection:
        query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(
            sql.Identifier("name"), sql.Identifier("p3_others")
        )
        answer: list[Any] = [seen(connection.execute(query).fetchall()), query.as_string(connection)]
        again = "SELECT %s + 1"
        answer += [seen(connection.execute(again, (n,), prepare=True).fetchone()) for n in range(3)]
        heard: list[Any] = []
        connection.add_notice_handler(lambda diagnostic: heard.append(diagnostic.message_primary))
        connection.execute("DO $$ BEGIN RAISE NOTICE 'hear'; END $$")

        def ask(number: int) -> Any:
            with psycopg.connect(postgres_url("psycopg")) as own:
                return seen(own.execute("SELECT %s * 2", (number,)).fetchone())

        with ThreadPoolExecutor(4) as executor:
            return [*answer, heard, list(executor.map(ask, range(8)))]


@CASES("asynchronous: cursors, transactions, errors, server-side cursors, gather")
async def asynchronous() -> Any:
    async with connected_async("p3_async") as connection:
        answer: list[Any] = []
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute("SELECT id, name, n FROM p3_async ORDER BY id")
            answer += [seen(await cursor.fetchone()), [seen(row) async for row in cursor], cursor.rowcount]
        async with connection.transaction():
            cursor = await connection.execute("INSERT INTO p3_async (name) VALUES ('dan') RETURNING id")
            answer.append(seen(await cursor.fetchone()))
        try:
            await connection.execute("INSERT INTO p3_async (name) VALUES ('dan')")
        except psycopg.Error as error:
            answer.append(raised(error))
        await connection.rollback()
        async with connection.cursor("named") as named:
            await named.execute("SELECT generate_series(1, 5)")
            answer += [seen(await named.fetchmany(2)), [seen(row) async for row in named]]

        async def ask(number: int) -> Any:
            async with await psycopg.AsyncConnection.connect(postgres_url("psycopg-async")) as own:
                return seen(await (await own.execute("SELECT %s * 3", (number,))).fetchone())

        return [*answer, await asyncio.gather(*map(ask, range(6)))]


@CASES("COPY: read in pieces and in rows, written as text, rows and binary; refused rows, given up")
def copying() -> Any:
    with connected("p3_copied") as connection, connection.cursor() as cursor:
        with cursor.copy("COPY p3_copied TO STDOUT (FORMAT csv)") as copy:
            answer: list[Any] = [[repr(bytes(piece)) for piece in copy]]
        answer += [cursor.rowcount, cursor.statusmessage]
        with cursor.copy("COPY (SELECT id, name FROM p3_copied WHERE id > %s) TO STDOUT", (1,)) as copy:
            copy.set_types(["int4", "text"])
            answer.append(seen(list(copy.rows())))
        with cursor.copy("COPY p3_copied (name, n) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["text", "int4"])
            answer.append(seen(list(copy.rows())))
        with cursor.copy("COPY p3_copied (name, n) FROM STDIN") as copy:
            copy.write("dan\t1\n")
            copy.write_row(("eve", None))
        with cursor.copy("COPY p3_copied (name, n) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["text", "int4"])
            copy.write_row(("fay", 3))
        writer = QueuedLibpqWriter(cursor)
        with cursor.copy("COPY p3_copied (name) FROM STDIN", writer=writer) as copy:
            for number in range(3000):
                copy.write_row((f"name {number}",))
        answer += [cursor.rowcount, cursor.statusmessage]
        connection.commit()
        answer.append(seen(connection.execute("SELECT count(*), max(n) FROM p3_copied").fetchone()))

        def write(*rows: Any) -> None:
            with cursor.copy("COPY p3_copied (name) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
                    if row == ("give up",):
                        raise LookupError(row)

        for rows in ([("ann",)], [("zoe",), ("give up",)]):
            answer.append(failing(functools.partial(write, *rows)))
            connection.rollback()
        return [*answer, seen(connection.execute("SELECT 'still there'").fetchone())]


@CASES("stream(): rows as they come, left early, with an error after rows")
def streams() -> Any:
    with connected("p3_streams") as connection, connection.cursor(row_factory=dict_row) as cursor:
        answer: list[Any] = [seen(list(cursor.stream("SELECT name, n FROM p3_streams ORDER BY id")))]
        rows: Any = cursor.stream("SELECT generate_series(1, 1000) AS n")
        answer.append(seen(next(rows)))
        rows.close()
        connection.rollback()
        came: list[Any] = []
        try:
            came.extend(
                seen(row) for row in cursor.stream("SELECT 1/(3 - n) AS n FROM generate_series(1, 4) n")
            )
        except psycopg.Error as error:
            answer += [came, raised(error)]
        connection.rollback()
        return answer


@CASES("LISTEN: notifies(), a handler, a timeout; statement_timeout; two-phase commit in one")
def hearing() -> Any:
    with (
        connected("p3_hearing") as connection,
        psycopg.connect(postgres_url("psycopg"), autocommit=True) as other,
    ):
        connection.autocommit = True
        connection.execute("LISTEN p3_news")
        other.execute("NOTIFY p3_news, 'hear'")
        answer: list[Any] = [
            [one.channel, one.payload] for one in connection.notifies(timeout=30, stop_after=1)
        ]
        answer.append(list(connection.notifies(timeout=0.01)))
        told: list[Any] = []
        connection.add_notify_handler(lambda one: told.append([one.channel, one.payload]))
        connection.execute("NOTIFY p3_news, 'own'")
        answer.append(told)
        connection.execute("SET statement_timeout = 50")
        answer.append(failing(lambda: connection.execute("SELECT pg_sleep(30)")))
        connection.autocommit = False
        connection.tpc_begin("p3")
        connection.execute("UPDATE p3_hearing SET n = 1")
        connection.tpc_commit()
        return [*answer, seen(connection.execute("SELECT sum(n) FROM p3_hearing").fetchone())]


@CASES("pipelines: results within and after, executemany, a transaction, an error, a commit that is refused")
def pipelines() -> Any:
    with connected("p3_piped") as connection:
        with connection.pipeline() as pipeline:
            first = connection.execute("SELECT name, n FROM p3_piped ORDER BY id")
            second = connection.execute("SELECT count(*) FROM p3_piped WHERE id > %s", (1,))
            answer: list[Any] = [seen(first.fetchall())]
            pipeline.sync()
            answer.append(seen(second.fetchone()))
            with connection.transaction():
                many = connection.cursor()
                many.executemany("INSERT INTO p3_piped (name) VALUES (%s)", [("dan",), ("eve",)])
            prepared = [connection.execute("SELECT max(name) FROM p3_piped", prepare=True) for _ in "ab"]
        answer += [many.rowcount, [seen(one.fetchone()) for one in prepared]]

        def refuse() -> None:
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("INSERT INTO p3_piped (name) VALUES ('ann')")

        answer.append(failing(refuse))
        connection.rollback()
        with connection.pipeline() as pipeline:
            connection.execute("INSERT INTO p3_piped (name) VALUES ('fay')")
            connection.commit()
            connection.execute("SELECT nothing")
            answer.append(failing(pipeline.sync))
        connection.rollback()
        return [*answer, seen(connection.execute("SELECT count(*) FROM p3_piped").fetchone())]


@CASES("asynchronous: pipelines")
async def pipelines_async() -> Any:
    async with connected_async("p3_piped_async") as connection:
        async with connection.pipeline() as pipeline:
            first = await connection.execute("SELECT name FROM p3_piped_async ORDER BY id")
            await connection.execute("INSERT INTO p3_piped_async (name) VALUES ('dan')")
            answer: list[Any] = [seen(await first.fetchall())]
            second = await connection.execute("SELECT count(*) FROM p3_piped_async")
            await pipeline.sync()
            answer.append(seen(await second.fetchone()))
        await connection.commit()
        try:
            async with connection.pipeline():
                await connection.execute("SELECT 1/0")
        except psycopg.Error as error:
            answer.append(raised(error))
        await connection.rollback()
        return answer


@CASES("asynchronous: COPY, stream(), notifies()")
async def streams_async() -> Any:
    async with connected_async("p3_streams_async") as connection, connection.cursor() as cursor:
        async with cursor.copy("COPY p3_streams_async (name) FROM STDIN") as copy:
            for name in ("dan", "eve"):
                await copy.write_row((name,))
        async with cursor.copy("COPY p3_streams_async TO STDOUT") as copy:
            answer: list[Any] = [[repr(bytes(piece)) async for piece in copy]]
        query = "SELECT name FROM p3_streams_async ORDER BY id"
        answer.append([seen(row) async for row in cursor.stream(query)])
        await connection.commit()
        await connection.set_autocommit(True)
        await connection.execute("LISTEN p3_async_news")
        await connection.execute("NOTIFY p3_async_news, 'hear'")
        heard = connection.notifies(timeout=30, stop_after=1)
        return [*answer, [[one.channel, one.payload] async for one in heard]]
