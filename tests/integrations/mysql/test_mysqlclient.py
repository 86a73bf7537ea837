"""What an app sees of mysqlclient: live, recording and replaying alike."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.mysql.runs import MySqlClientRuns, outcome
from tests.services.mariadb import MariaDb
from tests.services.missing import need
from timetracer_otel.errors import ReplayError

pytestmark = [pytest.mark.needs("mariadbd"), pytest.mark.needs("mysqlclient")]


@pytest.fixture
def db(mariadb_server: MariaDb) -> MySqlClientRuns:
    return MySqlClientRuns(mariadb_server)


def library(module: str = "") -> Any:
    return need(f"MySQLdb{module}", "mysqlclient")


def cursors() -> Any:
    return library(".cursors")


def test_a_cursor_that_streams_and_is_left(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor(cursors().SSCursor) as cursor:
            cursor.execute("SELECT seq FROM seq_1_to_500")
            seen = [cursor.fetchone(), cursor.fetchmany(3), next(cursor)]
        other = connection.cursor()
        other.execute("SELECT 1")
        return [*seen, other.fetchall()]

    seen, calls = db.recorded(scenario)

    def reads_on(connection: Any) -> Any:
        cursor = connection.cursor(cursors().SSCursor)
        cursor.execute("SELECT seq FROM seq_1_to_500")
        return cursor.fetchmany(600)

    assert db.same(scenario) == seen == [(1,), ((2,), (3,), (4,)), (5,), ((1,),)]
    with pytest.raises(ReplayError, match="reads more of a result"):
        db.replayed(calls, reads_on)


def test_connecting(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        seen = [connection.get_server_info(), connection.character_set_name(), connection.get_autocommit()]
        seen += [connection.server_capabilities, connection.get_proto_info(), connection.closed]
        seen += [connection.select_db("drivers"), connection.set_character_set("utf8mb4"), connection.open]
        seen += [connection.encoding, connection.user, connection.db, type(connection).__name__]
        seen += [
            isinstance(connection, library(".connections").Connection),
            connection.literal(["a'", 1, None]),
        ]
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@sql_mode, @mine")
            seen += cursor.fetchall()
        connection.close()
        return [
            *seen,
            connection.open,
            connection.closed,
            outcome(connection.close),
            outcome(connection.ping),
        ]

    options = {"autocommit": True, "sql_mode": "ANSI", "init_command": "SET @mine = 'own'"}
    assert db.same(scenario, **options)[2] is True


def test_what_is_asked_of_the_library_itself(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        connection.query("SELECT name, age FROM people ORDER BY id")
        result = connection.store_result()
        seen = [result.num_rows(), result.num_fields(), result.fetch_row(2, 1), result.fetch_row(0)]
        connection.query("UPDATE people SET age = 1")
        return [*seen, connection.affected_rows(), connection.info(), connection.store_result()]

    assert db.same(scenario)[-3:] == [3, "Rows matched: 3  Changed: 3  Warnings: 0", None]
