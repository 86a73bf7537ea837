"""Prepared statements and cursors: live, recorded and replayed alike, one call a round trip."""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.integrations.asyncpg.runs import Runs, raised
from timetracer_otel.errors import MissError

NUMBERS = "SELECT n, n * $1::int AS m FROM generate_series(1, 7) n"


def test_prepared_statements(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        await connection.execute("CREATE TEMP TABLE prepared (id INT PRIMARY KEY, name TEXT)")
        insert = await connection.prepare("INSERT INTO prepared VALUES ($1, $2) RETURNING id")
        seen = [await insert.executemany(iter([(1, "ann"), (2, "bob")])), await insert.fetch(3, "cid")]
        seen += [insert.get_statusmsg(), await insert.fetchmany([(4, "dan"), (5, "eve")])]
        seen.append(await raised(insert.fetchval(1, "again")))
        read = await connection.prepare("SELECT id, name FROM prepared WHERE id > $1 ORDER BY id")
        seen += [await read.fetch(2), await read.fetchrow(2), await read.fetchval(2, column=1)]
        seen += [read.get_statusmsg(), read.get_query(), read.get_parameters(), read.get_attributes()]
        plan = await read.explain(1)
        return [*seen, plan[0]["Plan"]["Node Type"], await raised(connection.prepare("SELEC 1"))]

    seen = db.same(scenario)
    assert [tuple(row) for row in seen[3]] == [(4,), (5,)]
    assert seen[10] == (asyncpg.Type(23, "int4", "scalar", "pg_catalog"),)


def test_prepared_statements_that_are_closed(db: Runs) -> None:
    async def scenario(connection: Any, url: str) -> Any:
        async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
            async with pool.acquire() as borrowed:
                statement = await borrowed.prepare("SELECT 1")
                named = await borrowed.prepare("SELECT 2", name="two")
                seen = [await statement.fetchval(), named.get_name(), await named.fetch()]
            seen.append(await raised(_later(statement)))
        own = await connection.prepare("SELECT 3")
        await connection.close()
        return [*seen, await raised(_later(own))]

    assert db.same(scenario)[3][0] is asyncpg.InterfaceError


async def _later(statement: Any) -> Any:
    return await statement.fetch()


def test_cursors_that_are_iterated(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        seen: list[Any] = []
        async with connection.transaction():
            seen.append([tuple(row) async for row in connection.cursor(NUMBERS, 2, prefetch=3)])
            statement = await connection.prepare(NUMBERS)
            async for row in statement.cursor(3):
                seen.append(row)
                if row["n"] == 2:
                    break
            seen.append([row async for row in connection.cursor("SELECT 1 WHERE false")])
        seen.append(await raised(_all(connection.cursor(NUMBERS, 1))))
        return [*seen, await raised(_all(connection.cursor("SELEC")))]

    calls = [
        "BEGIN;",
        f"{NUMBERS} (fetch 3)",
        f"{NUMBERS} (fetch 3)",
        f"{NUMBERS} (fetch 3)",
        f"{NUMBERS} (prepare)",
        f"{NUMBERS} (fetch 50)",
        "SELECT 1 WHERE false (fetch 50)",
        "COMMIT;",
        f"{NUMBERS} (fetch 50)",
        "SELEC (fetch 50)",
    ]
    assert db.same(scenario, calls=calls)[0][-1] == (7, 14)


async def _all(cursor: Any) -> Any:
    return [tuple(row) async for row in cursor]


def test_cursors_that_are_moved(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        async with connection.transaction():
            cursor = await connection.cursor(NUMBERS, 2)
            seen = [await cursor.fetch(2), await cursor.forward(1), await cursor.fetchrow()]
            seen += [await raised(cursor.fetch(0)), await cursor.forward(9), await cursor.fetch(5)]
            statement = await connection.prepare("SELECT 1 AS one")
            other = await statement.cursor()
            seen += [await other.fetch(2), await other.fetchrow(), await other.fetchrow()]
            seen.append(await raised(_opened(connection, "SELECT 1/0")))
        return seen

    seen = db.same(scenario)
    assert [len(seen[0]), seen[1], seen[2]["n"], seen[4]] == [2, 1, 4, 3]


async def _opened(connection: Any, query: str) -> Any:
    cursor = await connection.cursor(query)
    return await cursor.fetch(1)


def test_the_first_row_does_not_answer_for_all_rows(db: Runs) -> None:
    async def first(connection: Any, _: str) -> Any:
        return await connection.fetchrow("SELECT generate_series(1, 3)")

    async def every(connection: Any, _: str) -> Any:
        return await raised(connection.fetch("SELECT generate_series(1, 3)"))

    _, calls = db.recorded(first)
    assert db.replayed(calls, first)[0] == 1
    with_all = db.recorded(every)[1]
    assert [call.asked.title() for call in [*calls, *with_all]] == [
        "SELECT generate_series(1, 3) (first row)",
        "SELECT generate_series(1, 3)",
    ]


class Row(asyncpg.Record):  # type: ignore[misc]  # it has no types
    def __getattr__(self, name: str) -> Any:
        return self[name]


def test_rows_of_the_app_s_class(db: Runs) -> None:
    async def scenario(connection: Any, url: str) -> Any:
        query = "SELECT 1 AS one, NULL AS none, ARRAY['x'] AS many"
        row = await connection.fetchrow(query, record_class=Row)
        twice = await connection.fetchrow("SELECT 1 AS same, 2 AS same")
        seen = [type(row), row.one, row.none, row.many, dict(row), tuple(twice), list(twice.keys())]
        statement = await connection.prepare(query, record_class=Row)
        seen += [(await statement.fetch())[0].one, repr(twice), twice["same"]]
        own = await asyncpg.connect(url, record_class=Row)
        seen += [[row.one for row in await own.fetch(query)], type(await own.fetchrow(query))]
        await own.close()
        return seen

    assert db.same(scenario)[:2] == [Row, 1]


def test_what_is_not_asked_as_recorded_is_missed(db: Runs) -> None:
    async def three(connection: Any, _: str) -> Any:
        async with connection.transaction():
            return await _all(connection.cursor(NUMBERS, 2, prefetch=3))

    async def two(connection: Any, _: str) -> Any:
        async with connection.transaction():
            return await raised(_all(connection.cursor(NUMBERS, 2, prefetch=2)))

    _, calls = db.recorded(three)
    cursors = [call for call in calls if "fetch" in call.asked.title()]
    assert len(cursors) == 3
    others = [call for call in calls if call not in cursors]
    assert db.replayed(others, two)[0] is MissError
