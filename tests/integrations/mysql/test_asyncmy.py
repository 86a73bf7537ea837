"""What an app sees of asyncmy: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
import functools
from decimal import Decimal
from typing import Any

import asyncmy
import pytest
from asyncmy import cursors

from tests.integrations.mysql.runs import AsyncmyRuns, asked_and_rows, raised
from tests.integrations.ports import RecordingPort, ReplayPort, using

pytestmark = pytest.mark.needs("mariadbd")


def test_types(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        await cursor.execute(
            "SELECT 1.50, 9007199254740993, 18446744073709551615, -1, 1e300, 0.1, NULL, TRUE, 'ü€😀', '',"
            " TIMESTAMP'2026-11-20 12:00:00.5', DATE'2024-02-29', TIMEDIFF('10:00', '34:00:00.25'),"
            " x'00ff', b'101', YEAR('2026-11-20'), JSON_OBJECT('a', 1), REPEAT('long', 100000)"
        )
        seen = [cursor.description, await cursor.fetchall()]
        await cursor.execute(
            "CREATE TEMPORARY TABLE t (a BIT(9), b JSON, c SET('x', 'y'), d TINYINT UNSIGNED, e SMALLINT,"
            " f INT, g FLOAT, i TIMESTAMP NULL, j DECIMAL(20, 8), l MEDIUMINT, m BIGINT UNSIGNED, n DOUBLE,"
            " o DATE, p TIME(3), q YEAR, r DATETIME(6), t BINARY(4), u BLOB, w ENUM('on', 'off'), z POINT)"
        )
        insert = (
            "INSERT INTO t VALUES (b'100000001', '{}', 'x,y', 200, -3, -70000, 0.5, NULL, %s, -8,"
            " 18446744073709551615, 0.1, '2024-02-29', '-30:00:00.5', 2026, '2026-11-20 12:00:00.000001',"
            " x'00ff', %s, 'off', ST_GeomFromText('POINT(1 2)'))"
        )
        seen += [await cursor.execute(insert, (Decimal("-0.00000001"), bytes(range(256)) * 100))]
        await cursor.execute("SELECT * FROM t")
        seen += [cursor.description, await cursor.fetchall()]
        async with await connection.prepare("SELECT * FROM t WHERE d = ?") as prepared:
            seen += [(await prepared.execute((200,))).rows]
        return seen

    asyncmy_runs.same(scenario)


def test_prepared_statements(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        seen: list[Any] = []
        async with await connection.prepare("SELECT name, age FROM people WHERE age > ? OR ?") as found:
            for given in ((20, 0), (90, 1), (90, 0)):
                result = await found.execute(given)
                seen += [result.rows, result.description, result.affected_rows]
        insert = await connection.prepare("INSERT INTO people (name, age) VALUES (?, ?)")
        for values in (("dan", 1), ("ann", 2)):
            seen += [await raised(functools.partial(insert.execute, values))]
            seen[-1] = seen[-1][1:] if seen[-1][0] != "returned" else seen[-1][1].insert_id
        bulk = await insert.execute_bulk([(f"n{number}", number) for number in range(20)])
        seen += [bulk.affected_rows, await insert.close(), await raised(lambda: insert.execute(("x", 1)))]
        return [*seen, await raised(lambda: connection.prepare("SELEC ?"))]

    asyncmy_runs.same(scenario)
    _, calls = asyncmy_runs.recorded(scenario)
    titles = [call.asked.title() for call in calls]
    assert titles[:2] == [
        "PREPARE SELECT name, age FROM people WHERE age > ? OR ?",
        "SELECT name, age FROM people WHERE age > ? OR ?",
    ]


def test_what_a_connection_says_of_itself(asyncmy_runs: AsyncmyRuns) -> None:
    told: list[Any] = []

    async def scenario(connection: Any) -> Any:
        told.clear()
        cursor = connection.cursor()
        seen = [
            type(cursor).__name__,
            isinstance(cursor, cursors.Cursor),
            connection.get_transaction_status(),
        ]
        await cursor.execute("SELECT name FROM people")
        seen += [connection.get_transaction_status(), await connection.commit()]
        seen += [
            connection.get_transaction_status(),
            connection.server_capabilities,
            connection.server_version,
        ]
        seen += [await connection.select_db("mysql"), await raised(lambda: connection.select_db("nowhere"))]
        await cursor.execute("SELECT DATABASE()")
        seen += [await cursor.fetchall(), connection.host_info.partition(":")[0], connection.connected]
        seen += [cursor.mogrify("SELECT %s", ("it's",)), await raised(lambda: connection.kill(999999))]
        connection.close()
        seen += [connection.connected, await raised(lambda: cursor.execute("SELECT 1"))]
        seen += [await connection.ping(), await cursor.execute("SELECT 2"), await cursor.fetchall()]
        return [*seen, list(told)]

    def callback(cursor: Any, query: str, elapsed: float) -> None:
        told.append(query)

    asyncmy_runs.same(scenario, query_callback=callback, init_command="SET @own = 1", sql_mode="'ANSI'")


def test_a_result_that_is_not_read_to_its_end(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        async with connection.cursor(cursors.SSCursor) as cursor:
            await cursor.execute("SELECT seq FROM seq_1_to_100000; SELECT 5")
            seen = [await cursor.fetchone(), await cursor.fetchmany(3), await cursor.nextset()]
            seen += [await cursor.fetchall()]
        async with connection.cursor() as cursor:
            return [*seen, await cursor.execute("SELECT 1"), await cursor.fetchall()]

    asyncmy_runs.same(scenario)


def test_timeouts(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        return [await raised(lambda: cursor.execute("SELECT SLEEP(20)")), connection.connected]

    assert asyncmy_runs.same(scenario, read_timeout=1)[0][0] is asyncmy.OperationalError


def test_a_call_that_the_app_cancels(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        try:
            async with asyncio.timeout(0.3):
                await connection.cursor().execute("SELECT SLEEP(20)")
        except TimeoutError as error:
            return [type(error), connection.connected]

    assert asyncmy_runs.same(scenario) == [TimeoutError, False]


def test_a_connection_made_before(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        async with connection.cursor() as cursor:
            await cursor.execute("INSERT INTO people (name) VALUES (%s)", ("once",))
            await cursor.execute("SELECT COUNT(*) FROM people")
            return await cursor.fetchall()

    async def three_times() -> Any:
        place = asyncmy_runs.place(asyncmy_runs._server.door.port, database="drivers", autocommit=True)
        async with asyncmy.connect(**place) as connection:
            port = RecordingPort()
            with using(port):
                recorded = await scenario(connection)
            with using(ReplayPort(port.calls)):
                replayed = await scenario(connection)
            async with connection.cursor() as cursor:
                await cursor.execute("SELECT COUNT(*) FROM people")
                return [recorded, replayed, await cursor.fetchall()]

    asyncmy_runs.fresh()
    assert asyncio.run(three_times()) == [((4,),)] * 3


def test_cached_statements_are_a_gap(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        await cursor.execute("SELECT name FROM people WHERE id = %s", (1,))
        return await cursor.fetchall()

    seen, calls = asyncmy_runs.recorded(scenario, stmt_cache_size=10)
    assert seen == (("ann",),)
    assert [call.gaps for call in calls] == [
        [("unwatched connection", "asyncmy's cached statements are not recorded")]
    ]
    _, calls = asyncmy_runs.recorded(scenario)
    assert asyncmy_runs.replayed(calls, scenario, stmt_cache_size=10) == seen


def test_many_bytes(asyncmy_runs: AsyncmyRuns) -> None:
    """More than fit into one packet of either side, and into the driver's buffer."""

    async def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        await cursor.execute("SELECT LENGTH(%s), REPEAT('x', 1000000)", ("y" * 300_000,))
        seen = [await cursor.fetchall()]
        rows = [(f"name {number}", number) for number in range(3000)]
        return [*seen, await cursor.executemany("INSERT INTO people (name, age) VALUES (%s, %s)", rows)]

    asyncmy_runs.same(scenario)


def test_what_is_recorded(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT name, age FROM people WHERE id = %s", (1,))
            await cursor.executemany("INSERT INTO people (name) VALUES (%(n)s)", [{"n": "x"}, {"n": "y"}])
            await cursor.callproc("two_results", (18, 0))
        await connection.commit()

    _, calls = asyncmy_runs.recorded(scenario)

    told = [asked_and_rows(call) for call in calls]
    assert told == [
        ("SELECT name, age FROM people WHERE id = %s", (1,), [["ann", 41]]),
        ("INSERT INTO people (name) VALUES (%(n)s)", [{"n": "x"}, {"n": "y"}], []),
        ("CALL two_results", (18, 0), [["ann"]]),
        ("COMMIT", None, []),
    ]


def test_a_ping_connects_anew(asyncmy_runs: AsyncmyRuns) -> None:
    async def scenario(connection: Any) -> Any:
        seen = [await raised(lambda: connection.query("KILL CONNECTION_ID()")), await connection.ping()]
        async with connection.cursor() as cursor:
            return [*seen, await cursor.execute("SELECT 2"), await cursor.fetchall()]

    assert asyncmy_runs.same(scenario)[-1] == ((2,),)
