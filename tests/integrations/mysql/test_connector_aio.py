"""What an app sees of mysql.connector.aio: live, recording and replaying alike."""

from __future__ import annotations

import asyncio
import datetime as dt
import warnings
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import mysql.connector.aio
import pytest
from mysql.connector import errors
from mysql.connector.aio import pooling

from tests.integrations.mysql.runs import NOWHERE, ConnectorAioRuns, asked_and_rows
from tests.integrations.ports import RecordingPort, ReplayPort, using
from timetracer_otel.errors import MissError, NoSessionError, ReplayError

pytestmark = pytest.mark.needs("mariadbd")
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"
KINDS: dict[str, dict[str, bool]] = {
    "plain": {},
    "buffered": {"buffered": True},
    "dictionary": {"dictionary": True},
    "buffered dictionary": {"buffered": True, "dictionary": True},
    "raw": {"raw": True},
    "buffered raw": {"buffered": True, "raw": True},
    "prepared": {"prepared": True},
    "prepared dictionary": {"prepared": True, "dictionary": True},
}
ANY_CURSOR = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
Waited = Callable[[], Awaitable[Any]]


async def raised(act: Waited) -> list[Any]:
    try:
        return ["returned", await act()]
    except Exception as error:
        fields = [getattr(error, name, "none") for name in ("errno", "sqlstate", "msg")]
        return [type(error), str(error), error.args, fields]


@ANY_CURSOR
def test_fetching_in_every_way(connector_aio: ConnectorAioRuns, options: dict[str, bool]) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor(**options)
        seen = [type(cursor).__name__, await cursor.execute(PEOPLE), cursor.description, cursor.rowcount]
        seen += [cursor.with_rows, cursor.column_names, await cursor.fetchone(), cursor.rowcount]
        seen += [await cursor.fetchmany(1), await cursor.fetchall(), await raised(cursor.fetchone)]
        seen += [cursor.rowcount, cursor.lastrowid]
        await cursor.execute("SELECT name FROM people WHERE age > %s", (20,))
        seen += [await anext(cursor), cursor.statement, cursor.rowcount, await raised(lambda: anext(cursor))]
        await cursor.execute("SELECT %s, %s, %s", ("it's", "back\\slash", 1.5))
        seen += [await cursor.fetchall(), await cursor.execute("SELECT 1 FROM people WHERE 1 = 0")]
        seen += [await cursor.fetchall(), await cursor.close()]
        return [*seen, await raised(lambda: cursor.execute("SELECT 1"))]

    connector_aio.same(scenario)


@pytest.mark.parametrize("prepared", [False, True])
def test_types(connector_aio: ConnectorAioRuns, prepared: bool) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor(prepared=prepared)
        await cursor.execute(
            "SELECT 1.50, 9007199254740993, 18446744073709551615, -1, 1e300, 0.1, NULL, TRUE, 'ü€😀', '',"
            " TIMESTAMP'2026-11-20 12:00:00.5', DATE'2024-02-29', TIMEDIFF('10:00', '34:00:00.25'),"
            " x'00ff', b'101', YEAR('2026-11-20'), JSON_OBJECT('a', 1), REPEAT('long', 100000),"
            " TIMESTAMP'2026-11-20 00:00:00', TIMEDIFF('10:00', '10:00')"
        )
        seen = [cursor.description, await cursor.fetchall()]
        await cursor.execute(
            "CREATE TEMPORARY TABLE t (a BIT(9), b JSON, c SET('x', 'y'), d TINYINT UNSIGNED, e SMALLINT,"
            " f INT, g FLOAT, h INT, i TIMESTAMP NULL, j DECIMAL(20, 8), k SMALLINT UNSIGNED, l MEDIUMINT,"
            " m BIGINT UNSIGNED, n DOUBLE, o DATE, p TIME(3), r DATETIME(6), s CHAR(5), t BINARY(4),"
            " u BLOB, v TEXT, w ENUM('on', 'off'), z POINT)"
        )
        await cursor.execute(
            "INSERT INTO t VALUES (b'100000001', '{}', 'x,y', 200, -3, -70000, 0.5, 2026, NULL, %s, 65535,"
            " -8, 18446744073709551615, 0.1, '2024-02-29', '-30:00:00.5', '2026-11-20 12:00:00.000001', 'ü',"
            " x'00ff', x'00ff', 'text', 'off', ST_GeomFromText('POINT(1 2)'))",
            (Decimal("-0.00000001"),),
        )
        await cursor.execute("SELECT * FROM t")
        return [*seen, cursor.description, await cursor.fetchall()]

    (row,) = connector_aio.same(scenario)[1]
    assert row[1:3] == (9007199254740993, 18446744073709551615)
    assert row[10] == dt.datetime(2026, 11, 20, 12, 0, 0, 500000)


@pytest.mark.parametrize("prepared", [False, True])
def test_changes_and_transactions(connector_aio: ConnectorAioRuns, prepared: bool) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor(prepared=prepared)
        insert = "INSERT INTO people (name, age) VALUES (%s, %s)"
        seen = [await cursor.execute(insert, ("dan", 1)), cursor.lastrowid, cursor.rowcount]
        seen += [connection.in_transaction, await connection.commit(), connection.in_transaction]
        seen += [await cursor.executemany(insert, iter([(f"n{number}", number) for number in range(3)]))]
        seen += [cursor.lastrowid, cursor.rowcount, await connection.rollback(), connection.in_transaction]
        await connection.start_transaction(isolation_level="SERIALIZABLE")
        seen += [connection.in_transaction, await cursor.execute("DELETE FROM people"), cursor.rowcount]
        await connection.rollback()
        await cursor.execute(PEOPLE)
        seen += [await cursor.fetchall(), await connection.get_autocommit()]
        await connection.set_autocommit(True)
        update = "UPDATE people SET age = %s WHERE name = %s"
        seen += [await cursor.executemany(update, [(0, "ann"), (1, "no")]), cursor.rowcount]
        await cursor.execute("SELECT age FROM people WHERE name = %(name)s", {"name": "ann"})
        seen += [await cursor.fetchall(), await connection.get_autocommit(), connection.in_transaction]
        return [*seen, await connection.is_connected()]

    connector_aio.same(scenario)


def test_a_statement_prepared_once(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        seen = []
        named = "SELECT name FROM people WHERE age > %s"
        first, second = [await connection.cursor(prepared=True) for _ in range(2)]
        for least in (0, 20, 50):
            for cursor in (first, second):
                await cursor.execute(named, (least,))
                seen.append(await cursor.fetchall())
        return seen

    assert connector_aio.same(scenario) == [[("ann",), ("bob",)]] * 2 + [[("ann",)]] * 2 + [[], []]


def test_procedures_and_several_results(connector_aio: ConnectorAioRuns) -> None:
    several = "SELECT 1; UPDATE people SET age = 2; SELECT name FROM people"

    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        seen = [await cursor.callproc("two_results", (18, 0))]
        with warnings.catch_warnings(action="ignore"):
            seen += [await one.fetchall() for one in cursor.stored_results()]
        await cursor.execute(several)
        while True:
            seen += [cursor.description, await cursor.fetchall() if cursor.with_rows else cursor.rowcount]
            if not await cursor.nextset():
                break
        await cursor.execute(several, map_results=True)
        seen += [one async for one in cursor.fetchsets()]
        async for result in connection.cmd_query_iter(several):
            seen += [result, await connection.get_rows() if "columns" in result else None]
        return [*seen, await raised(lambda: cursor.callproc("no_such"))]

    connector_aio.same(scenario)


@pytest.mark.parametrize("prepared", [False, True])
def test_errors(connector_aio: ConnectorAioRuns, prepared: bool) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor(prepared=prepared)
        seen = [
            await raised(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            await raised(lambda: cursor.execute("SELEC 1")),
            await raised(lambda: cursor.execute("SELECT * FROM nowhere")),
            await raised(lambda: cursor.execute("SELECT %s, %s", (1,))),
            await raised(lambda: cursor.execute("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine'")),
            await raised(lambda: cursor.executemany("UPDATE people SET age = %s", [(1,), ("no number",)])),
            await raised(lambda: connection.cmd_init_db("nowhere")),
            await raised(lambda: connection.set_time_zone("nowhere")),
            await raised(lambda: connection.set_sql_mode("no mode")),
        ]
        await cursor.execute("SELECT seq FROM seq_1_to_5")
        return [*seen, await raised(connection.cursor), await cursor.fetchall()]

    assert connector_aio.same(scenario)[0][0] is errors.IntegrityError


def test_a_connection_that_is_lost_in_a_call(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        killed = await raised(lambda: cursor.execute("KILL CONNECTION_ID()"))
        return [killed, await raised(lambda: cursor.execute("SELECT 1"))]

    connector_aio.same(scenario)


def test_timeouts(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor(read_timeout=1)
        seen = [await raised(lambda: cursor.execute("SELECT SLEEP(20)")), connection.is_socket_connected()]
        return [*seen, await raised(connection.cursor)]

    assert connector_aio.same(scenario)[0][0] is errors.ReadTimeoutError


def test_a_call_that_the_app_cancels(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        try:
            async with asyncio.timeout(0.3):
                await cursor.execute("SELECT SLEEP(20)")
        except TimeoutError as error:
            return [type(error), connection.is_socket_connected(), await connection.shutdown()]

    connector_aio.same(scenario)


def test_warnings_of_the_server(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        connection.get_warnings = True
        cursor = await connection.cursor()
        await cursor.execute("SET sql_mode = ''")
        with warnings.catch_warnings(record=True, action="always") as told:
            await cursor.execute("SELECT CAST('x' AS INT)")
            seen = [await cursor.fetchall(), cursor.warnings, cursor.warning_count]
            await cursor.execute("INSERT INTO people (name, age) VALUES ('new', 'x')")
            seen += [cursor.warnings, [str(one.message) for one in told]]
        connection.raise_on_warnings = True
        return [
            *seen,
            await raised(lambda: cursor.execute("INSERT INTO people (name) VALUES (REPEAT('x', 60))")),
        ]

    assert connector_aio.same(scenario)[1] is not None


def test_connecting(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        seen = [type(connection), connection.server_info, connection.charset, connection.server_version]
        seen += [connection.is_secure, connection._client_flags, await connection.get_database()]
        seen += [await connection.get_autocommit(), await connection.get_sql_mode()]
        seen += [await connection.get_time_zone(), await connection.cmd_init_db("mysql")]
        seen += [await connection.get_database(), await connection.cmd_query("USE drivers")]
        seen += [await connection.get_database(), await connection.ping(), await connection.reset_session()]
        await connection.reset_session({"own": 5}, {"lock_wait_timeout": 7})
        await connection.reconnect()
        cursor = await connection.cursor(buffered=True)
        await cursor.execute("SELECT @own, @@lock_wait_timeout")
        seen += [await cursor.fetchall(), await connection.cmd_query("SELECT 'direct'")]
        seen += [await connection.get_rows()]
        await connection.close()
        return [*seen, await connection.is_connected(), await raised(connection.cursor)]

    connector_aio.same(scenario, autocommit=True, sql_mode="ANSI", time_zone="+01:00")


def test_commands(connector_aio: ConnectorAioRuns) -> None:
    """What the library offers below its cursors."""

    async def scenario(connection: Any) -> Any:
        prepared = await connection.cmd_stmt_prepare(b"SELECT ? + 1")
        number = prepared["statement_id"]
        seen = [prepared.pop("statement_id") > 0, prepared]
        seen += [await connection.cmd_stmt_execute(number, [5], prepared["parameters"])]
        connection.unread_result = True
        seen += [await connection.get_rows(binary=True, columns=seen[-1][1])]
        seen += [await connection.cmd_stmt_reset(number), await connection.cmd_stmt_close(number)]
        seen += [await connection.cmd_debug(), await connection.cmd_ping()]
        seen += [await raised(lambda: connection.cmd_change_user("nobody", "nothing"))]
        return seen

    connector_aio.same(scenario)


def test_statistics(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        return await connection.cmd_statistics()

    recorded, calls = connector_aio.recorded(scenario)
    assert recorded["Threads"] > 0
    assert connector_aio.replayed(calls, scenario) == recorded


def test_another_user(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        place = connector_aio.place(0)
        seen = [await connection.cmd_change_user(place["user"], place["password"], "drivers")]
        return [*seen, await connection.get_database()]

    connector_aio.same(scenario)
    _, calls = connector_aio.recorded(scenario)
    assert [call.asked.title() for call in calls] == ["CHANGE USER tester", "SELECT DATABASE()"]


def test_a_pool_used_by_many_tasks(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        place = connector_aio.place(connection._port, database="drivers", ssl_disabled=True)
        pool = pooling.MySQLConnectionPool(pool_size=3, pool_name="p", **place)
        await pool.initialize_pool()

        async def ask(number: int) -> Any:
            async with turns, await pool.get_connection() as one, await one.cursor() as cursor:
                await cursor.execute("SELECT %s + 1", (str(number),))
                return await cursor.fetchall()

        turns = asyncio.Semaphore(3)
        seen = await asyncio.gather(*map(ask, range(8)))
        held = [await pool.get_connection() for _ in range(3)]
        seen.append(await raised(pool.get_connection))
        for one in held:
            await one.close()
        return [*seen, await pool.close_pool()]

    assert connector_aio.same(scenario)[:8] == [[(float(number + 1),)] for number in range(8)]


def test_a_connection_that_cannot_be_had(connector_aio: ConnectorAioRuns) -> None:
    place = {"host": "127.0.0.1", "port": NOWHERE, "user": "x", "database": "y"}

    def refused() -> Any:
        return asyncio.run(raised(lambda: mysql.connector.aio.connect(**place)))

    async def denied() -> Any:
        known = connector_aio.place(connector_aio._server.door.port, ssl_disabled=True)
        return await raised(lambda: mysql.connector.aio.connect(**{**known, "password": "no"}))

    port = RecordingPort()
    with using(port):
        recorded = [refused(), asyncio.run(denied())]
    assert [recorded[0][0], recorded[1][3][0]] == [ConnectionRefusedError, 1045]
    with using(ReplayPort(port.calls)):
        assert [refused(), asyncio.run(denied())] == recorded


def test_a_connection_made_before(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        async with await connection.cursor(buffered=True) as cursor:
            await cursor.execute("INSERT INTO people (name) VALUES (%s)", ("once",))
            await cursor.execute("SELECT COUNT(*) FROM people")
            return await cursor.fetchall()

    async def three_times() -> Any:
        place = connector_aio.place(connector_aio._server.door.port, database="drivers", ssl_disabled=True)
        async with await mysql.connector.aio.connect(**place, autocommit=True) as connection:
            port = RecordingPort()
            with using(port):
                recorded = await scenario(connection)
            with using(ReplayPort(port.calls)):
                replayed = await scenario(connection)
            async with await connection.cursor() as cursor:
                await cursor.execute("SELECT COUNT(*) FROM people")
                return [recorded, replayed, await cursor.fetchall()]

    connector_aio.fresh()
    assert asyncio.run(three_times()) == [[(4,)]] * 3


@pytest.mark.parametrize("options", [{}, {"buffered": True}, {"prepared": True}])
def test_a_compressed_connection(connector_aio: ConnectorAioRuns, options: dict[str, bool]) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor(**options)
        await cursor.execute("SELECT REPEAT('long', 100000), %s", ("short",))
        seen = [await cursor.fetchall(), await cursor.execute("SELECT seq FROM seq_1_to_500")]
        return [*seen, await cursor.fetchall(), connection._client_flags]

    connector_aio.same(scenario, compress=True)


def test_what_is_recorded(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        async with await connection.cursor(prepared=True) as cursor:
            await cursor.execute("SELECT name, age FROM people WHERE id = %s", (1,))
            await cursor.fetchall()
        async with await connection.cursor() as cursor:
            await cursor.executemany("INSERT INTO people (name) VALUES (%(n)s)", [{"n": "x"}, {"n": "y"}])
            await cursor.execute(PEOPLE)
            await cursor.fetchone()
            await cursor.fetchall()
        await connection.commit()

    _, calls = connector_aio.recorded(scenario)

    told = [asked_and_rows(call) for call in calls]
    assert told == [
        ("SELECT name, age FROM people WHERE id = %s", (1,), [["ann", 41]]),
        ("INSERT INTO people (name) VALUES (%(n)s)", [{"n": "x"}, {"n": "y"}], []),
        (PEOPLE, None, [[1, "ann", 41], [2, "bob", 17], [3, "cid", None], [4, "x", None], [5, "y", None]]),
        ("COMMIT", None, []),
    ]


def test_a_result_that_is_not_read_to_its_end(connector_aio: ConnectorAioRuns) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        await cursor.execute("SELECT seq FROM seq_1_to_100000")
        return [await cursor.fetchone(), await cursor.fetchmany(3), await connection.shutdown()]

    async def further(connection: Any) -> Any:
        cursor = await connection.cursor()
        await cursor.execute("SELECT seq FROM seq_1_to_100000")
        return await cursor.fetchall()

    connector_aio.same(scenario)
    _, calls = connector_aio.recorded(scenario)
    with pytest.raises(ReplayError, match="reads more of a result"):
        connector_aio.replayed(calls, further)


def test_a_file_that_is_sent(connector_aio: ConnectorAioRuns, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("9\tzoe\t30\n")

    async def scenario(connection: Any) -> Any:
        cursor = await connection.cursor()
        await cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE people")
        return cursor.rowcount

    seen, calls = connector_aio.recorded(scenario, allow_local_infile=True)
    assert (seen, [call.gaps for call in calls]) == (
        1,
        [[("LOAD DATA LOCAL INFILE", "the file that was sent is not recorded")]],
    )
    with pytest.raises(ReplayError, match="LOAD DATA LOCAL INFILE is not recorded"):
        connector_aio.replayed(calls, scenario, allow_local_infile=True)


def test_what_was_not_recorded(connector_aio: ConnectorAioRuns) -> None:
    async def one(connection: Any) -> Any:
        return await (await connection.cursor()).execute("SELECT 1")

    async def other(connection: Any) -> Any:
        return await (await connection.cursor()).execute("SELECT 2")

    async def command(connection: Any) -> Any:
        return await connection.cmd_statistics()

    _, calls = connector_aio.recorded(one)
    for asks in (other, command):
        with pytest.raises(MissError):
            connector_aio.replayed(calls, asks)

    async def outside() -> Any:
        with using(ReplayPort(calls)):
            connection = await mysql.connector.aio.connect(host="127.0.0.1", port=NOWHERE, user="x")
        await one(connection)

    with pytest.raises(NoSessionError):
        asyncio.run(outside())
