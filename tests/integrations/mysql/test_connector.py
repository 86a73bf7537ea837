"""What an app sees of mysql-connector-python: live, recording and replaying alike."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal
from typing import Any

import mysql.connector
import pytest
from mysql.connector import errors, pooling

from tests.integrations.mysql.runs import IN_C, NOWHERE, ConnectorRuns, asked_and_rows
from tests.integrations.ports import RecordingPort, ReplayPort, using
from timetracer_otel.errors import MissError, NoSessionError, ReplayError

pytestmark = pytest.mark.needs("mariadbd")
PURE = not IN_C
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"
KINDS: dict[str, dict[str, bool]] = {
    "plain": {},
    "buffered": {"buffered": True},
    "dictionary": {"dictionary": True},
    "buffered dictionary": {"buffered": True, "dictionary": True},
    "raw": {"raw": True},
    "prepared": {"prepared": True},
    "prepared dictionary": {"prepared": True, "dictionary": True},
}
ANY_CURSOR = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)


def raised(act: Any) -> list[Any]:
    try:
        return ["returned", act()]
    except Exception as error:
        fields = [getattr(error, name, "none") for name in ("errno", "sqlstate", "msg")]
        return [type(error), str(error), error.args, fields]


@ANY_CURSOR
def test_fetching_in_every_way(connector: ConnectorRuns, options: dict[str, bool]) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(**options)
        seen = [type(cursor).__name__, cursor.execute(PEOPLE), cursor.description, cursor.rowcount]
        seen += [cursor.with_rows, cursor.column_names, cursor.fetchone(), cursor.rowcount]
        seen += [cursor.fetchmany(1), cursor.fetchall(), raised(cursor.fetchone), cursor.rowcount]
        seen += [cursor.lastrowid]
        cursor.execute("SELECT name FROM people WHERE age > %s", (20,))
        seen += [list(cursor), cursor.statement, cursor.rowcount]
        cursor.execute("SELECT %s, %s, %s", ("it's", "back\\slash", 1.5))
        seen += [cursor.fetchall(), cursor.execute("SELECT 1 FROM people WHERE 1 = 0"), cursor.fetchall()]
        return [*seen, cursor.close(), raised(lambda: cursor.execute("SELECT 1"))]

    connector.same(scenario)


@pytest.mark.parametrize("prepared", [False, True])
def test_types(connector: ConnectorRuns, prepared: bool) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(prepared=prepared)
        cursor.execute(
            "SELECT 1.50, 9007199254740993, 18446744073709551615, -1, 1e300, 0.1, NULL, TRUE, 'ü€😀', '',"
            " TIMESTAMP'2026-11-20 12:00:00.5', DATE'2024-02-29', TIMEDIFF('10:00', '34:00:00.25'),"
            " x'00ff', b'101', YEAR('2026-11-20'), JSON_OBJECT('a', 1), REPEAT('long', 100000),"
            " TIMESTAMP'2026-11-20 00:00:00', TIMEDIFF('10:00', '10:00')"
        )
        seen = [cursor.description, cursor.fetchall()]
        cursor.execute(
            "CREATE TEMPORARY TABLE t (a BIT(9), b JSON, c SET('x', 'y'), d TINYINT UNSIGNED, e SMALLINT,"
            " f INT, g FLOAT, h INT, i TIMESTAMP NULL, j DECIMAL(20, 8), k SMALLINT UNSIGNED)"
        )
        cursor.execute(
            "INSERT INTO t VALUES (b'100000001', '{}', 'x,y', 200, -3, -70000, 0.5, 2026, NULL, %s, 65535)",
            (Decimal("-0.00000001"),),
        )
        cursor.execute("SELECT * FROM t")
        return [*seen, cursor.description, cursor.fetchall()]

    (row,) = connector.same(scenario)[1]
    unsigned = -1 if IN_C and prepared else 18446744073709551615  # as it reads them
    assert row[1:3] == (9007199254740993, unsigned)
    assert row[10] == dt.datetime(2026, 11, 20, 12, 0, 0, 500000)


@pytest.mark.parametrize("prepared", [False, True])
def test_changes_and_transactions(connector: ConnectorRuns, prepared: bool) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(prepared=prepared)
        insert = "INSERT INTO people (name, age) VALUES (%s, %s)"
        seen = [cursor.execute(insert, ("dan", 1)), cursor.lastrowid, cursor.rowcount]
        seen += [connection.in_transaction, connection.commit(), connection.in_transaction]
        seen += [cursor.executemany(insert, [(f"n{number}", number) for number in range(3)])]
        seen += [cursor.lastrowid, cursor.rowcount, connection.rollback(), connection.in_transaction]
        connection.start_transaction(isolation_level="SERIALIZABLE")
        seen += [connection.in_transaction, cursor.execute("DELETE FROM people"), cursor.rowcount]
        connection.rollback()
        cursor.execute(PEOPLE)
        seen += [cursor.fetchall(), connection.autocommit]
        connection.autocommit = True
        cursor.execute("UPDATE people SET age = 0")
        return [
            *seen,
            connection.autocommit,
            cursor.rowcount,
            connection.in_transaction,
            connection.is_connected(),
        ]

    connector.same(scenario)


def test_procedures_and_several_results(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [cursor.callproc("two_results", (18, 0))]
        seen += [one.fetchall() for one in cursor.stored_results()]
        cursor.execute("SELECT 1; UPDATE people SET age = 2; SELECT name FROM people")
        while True:
            seen += [cursor.description, cursor.fetchall() if cursor.with_rows else cursor.rowcount]
            if not cursor.nextset():
                break
        return [*seen, raised(lambda: cursor.callproc("no_such"))]

    connector.same(scenario)


@pytest.mark.parametrize("prepared", [False, True])
def test_errors(connector: ConnectorRuns, prepared: bool) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(prepared=prepared)
        seen = [
            raised(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            raised(lambda: cursor.execute("SELEC 1")),
            raised(lambda: cursor.execute("SELECT * FROM nowhere")),
            raised(lambda: cursor.execute("SELECT %s, %s", (1,))),
            raised(lambda: cursor.execute("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine'")),
            raised(lambda: cursor.executemany("UPDATE people SET age = %s", [(1,), ("no number",)])),
        ]
        cursor.execute("SELECT seq FROM seq_1_to_5")
        return [*seen, raised(lambda: connection.cursor().execute("SELECT 1")), cursor.fetchall()]

    assert connector.same(scenario)[0][0] is errors.IntegrityError


def test_a_connection_that_is_lost_in_a_call(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        return [raised(lambda: cursor.execute("KILL CONNECTION_ID()"))]

    connector.same(scenario)


def test_warnings_of_the_server(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        connection.get_warnings = True
        cursor = connection.cursor()
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SELECT CAST('x' AS INT)")
        return [cursor.fetchall(), cursor.warnings, cursor.warning_count]

    assert connector.same(scenario)[1] is not None


def test_connecting(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        seen = [type(connection), connection.server_info, connection.charset, connection.database]
        seen += [connection.autocommit, connection.sql_mode, connection.time_zone, connection.server_version]
        connection.cmd_init_db("mysql")
        seen += [connection.database, connection.cmd_query("USE drivers"), connection.database]
        seen += [connection.ping(), connection.reset_session()]
        connection.reconnect()
        cursor = connection.cursor(buffered=True)
        cursor.execute("SELECT 1")
        seen += [cursor.fetchall(), connection.cmd_query("SELECT 'direct'"), connection.get_rows()]
        connection.close()
        return [*seen, connection.is_connected(), raised(connection.cursor)]

    connector.same(scenario, autocommit=True, sql_mode="ANSI", time_zone="+01:00")


def test_statistics_in_python(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        return connection.cmd_statistics()

    recorded, calls = connector.recorded(scenario, use_pure=True)
    assert connector.replayed(calls, scenario, use_pure=True) == recorded


def test_commands_that_are_not_recorded(connector: ConnectorRuns) -> None:
    with (
        using(ReplayPort([])),
        contextlib.closing(
            mysql.connector.connect(host="127.0.0.1", port=NOWHERE, user="x", use_pure=True)
        ) as connection,
        pytest.raises(ReplayError, match="a command that was not recorded"),
    ):
        connection.cmd_stmt_prepare(b"SELECT 1")


def test_a_pool(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        place = connector.place(connection.server_port, database="drivers", use_pure=PURE)
        pool = pooling.MySQLConnectionPool(pool_name="p", pool_size=2, **place)
        seen = []
        for number in range(3):
            with pool.get_connection() as one, one.cursor() as cursor:
                cursor.execute("SELECT %s", (number,))
                seen.append(cursor.fetchall())
        first, second = pool.get_connection(), pool.get_connection()
        seen.append(raised(pool.get_connection))
        first.close()
        second.close()
        pool._remove_connections()
        return seen

    assert connector.same(scenario)[:3] == [[(0,)], [(1,)], [(2,)]]


def test_a_connection_that_cannot_be_had(connector: ConnectorRuns) -> None:
    def refused() -> Any:
        return mysql.connector.connect(host="127.0.0.1", port=NOWHERE, user="x", database="y", use_pure=PURE)

    port = RecordingPort()
    with using(port):
        recorded = raised(refused)
        denied = raised(lambda: connector.run(connector._server.door.port, lambda _: None, password="no"))

    assert denied[3][0] == 1045
    with using(ReplayPort(port.calls)):
        assert raised(refused) == recorded
        assert raised(lambda: connector.run(NOWHERE, lambda _: None, password="no")) == denied


def test_a_connection_made_before(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor(buffered=True) as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('once')")
            cursor.execute("SELECT COUNT(*) FROM people")
            return cursor.fetchall()

    connector.fresh()
    place = connector.place(connector._server.door.port, database="drivers", autocommit=True, use_pure=PURE)
    with mysql.connector.connect(**place) as connection:
        port = RecordingPort()
        with using(port):
            recorded = scenario(connection)
        with using(ReplayPort(port.calls)):
            replayed = scenario(connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM people")
            assert cursor.fetchall() == recorded == replayed == [(4,)]


def test_what_is_recorded(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor(prepared=True) as cursor:
            cursor.execute("SELECT name, age FROM people WHERE id = %s", (1,))
            cursor.fetchall()
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO people (name) VALUES (%(n)s)", [{"n": "x"}, {"n": "y"}])
        connection.commit()

    _, calls = connector.recorded(scenario)

    told = [asked_and_rows(call) for call in calls]
    assert told == [
        ("SELECT name, age FROM people WHERE id = %s", (1,), [["ann", 41]]),
        ("INSERT INTO people (name) VALUES (%(n)s)", [{"n": "x"}, {"n": "y"}], []),
        ("COMMIT", None, []),
    ]


def test_what_was_not_recorded(connector: ConnectorRuns) -> None:
    _, calls = connector.recorded(lambda connection: connection.cursor().execute("SELECT 1"))

    with pytest.raises(MissError):
        connector.replayed(calls, lambda connection: connection.cursor().execute("SELECT 2"))
    with using(ReplayPort(calls)):
        connection = mysql.connector.connect(host="127.0.0.1", port=NOWHERE, user="x", use_pure=PURE)
    with pytest.raises(NoSessionError):
        connection.cmd_query("SELECT 1")


def test_a_compressed_connection_is_a_gap_in_python(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        return cursor.fetchall()

    seen, calls = connector.recorded(scenario, compress=True)

    assert seen == [(1,)]
    gaps = [] if IN_C else [("unwatched connection", "a compressed connection is not recorded")]
    assert [call.gaps for call in calls] == [gaps]


def test_a_ping_connects_anew(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [raised(lambda: cursor.execute("KILL CONNECTION_ID()")), connection.ping(reconnect=True)]
        cursor = connection.cursor()
        seen += [cursor.execute("SELECT 1"), cursor.fetchall()]
        connection.close()
        seen += [raised(lambda: connection.ping()), connection.ping(reconnect=True)]
        cursor = connection.cursor()
        return [*seen, cursor.execute("SELECT 2"), cursor.fetchall()]

    assert connector.same(scenario)[-1] == [(2,)]
