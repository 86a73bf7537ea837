"""What an app sees of PyMySQL: live, recording and replaying alike."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

import pymysql
import pytest
from pymysql import cursors

from tests.integrations.mysql.runs import PyMySqlRuns, outcome
from tests.integrations.ports import Recorded
from timetracer_otel.errors import ReplayError
from timetracer_otel.redaction.data import DataRules
from timetracer_otel.redaction.mask import MASK
from timetracer_otel.redaction.names import SensitiveNames

pytestmark = pytest.mark.needs("mariadbd")


def test_reading_that_takes_too_long(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        return [outcome(lambda: cursor.execute("SELECT SLEEP(5)")), connection.open]

    assert db.same(scenario, read_timeout=1)[0][0] is pymysql.OperationalError


def test_a_cursor_that_streams_and_is_left(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        numbers = "SELECT seq FROM seq_1_to_500"
        with connection.cursor(cursors.SSCursor) as cursor:
            cursor.execute(numbers)
            seen = [cursor.fetchone(), cursor.fetchmany(3), next(cursor.fetchall_unbuffered())]
        cursor = connection.cursor(cursors.SSCursor)
        cursor.execute(numbers)
        seen.append(cursor.fetchone())
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            other = connection.cursor()
            other.execute("SELECT 1")
        return [*seen, [str(one.message) for one in told], other.fetchall()]

    assert db.same(scenario)[-1] == ((1,),)


def test_a_connection_left_while_a_result_is_read(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(cursors.SSCursor)
        cursor.execute("SELECT seq FROM seq_1_to_500")
        row = cursor.fetchone()
        connection._force_close()
        return row

    seen, calls = db.recorded(scenario)

    def reads_on(connection: Any) -> Any:
        cursor = connection.cursor(cursors.SSCursor)
        cursor.execute("SELECT seq FROM seq_1_to_500")
        return [cursor.fetchone(), cursor.fetchmany(600)]

    assert db.replayed(calls, scenario) == seen == (1,)
    with pytest.raises(ReplayError, match="reads more of a result"):
        db.replayed(calls, reads_on)


def test_connecting(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        seen = [connection.get_server_info(), connection.character_set_name(), connection.get_autocommit()]
        seen += [
            connection.server_status,
            connection.server_capabilities,
            connection.get_proto_info(),
        ]
        seen += [connection.select_db("drivers"), connection.set_character_set("utf8mb4")]
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@sql_mode, @mine")
            seen += cursor.fetchall()
        connection.close()
        seen += [connection.open, outcome(connection.close), outcome(connection.ping)]
        connection.connect()
        return [*seen, connection.open, connection.query("SELECT 1")]

    options = {"autocommit": True, "sql_mode": "ANSI", "init_command": "SET @mine = 'own'"}
    assert db.same(scenario, **options)[2] is True


@pytest.mark.parametrize(
    "shape", [{"ok": "no list"}, {"ok": [1]}, {"end": [0]}, {"error": [1, 2]}, {"end": [0, 0, 0, "x"]}, {}]
)
def test_replies_that_no_server_gives(db: PyMySqlRuns, shape: Any) -> None:
    def scenario(connection: Any) -> Any:
        return connection.cursor().execute("SELECT 1")

    _, (call,) = db.recorded(scenario)
    answer = call.answered
    answer.extra["shape"] = shape  # type: ignore[union-attr]
    damaged = [Recorded(call.family, call.request, Recorded.write(answer))]  # type: ignore[arg-type]

    with pytest.raises(ReplayError, match="is the cassette damaged"):
        db.replayed(damaged, scenario)


def test_a_secret_column_of_numbers_keeps_its_type(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1234 AS password, 'hidden' AS token, DATE'2026-01-02' AS secret")
        return cursor.fetchall()

    seen, (call,) = db.recorded(scenario)
    answer = DataRules(SensitiveNames()).result(call.answered, [])  # type: ignore[arg-type]
    masked = [Recorded(call.family, call.request, Recorded.write(answer))]

    assert seen == ((1234, "hidden", dt.date(2026, 1, 2)),)
    assert db.replayed(masked, scenario) == ((1234, MASK, dt.date(2026, 1, 2)),)


def test_a_ping_connects_anew(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        seen = [outcome(lambda: connection.query("KILL CONNECTION_ID()")), connection.ping(reconnect=True)]
        cursor = connection.cursor()
        seen += [cursor.execute("SELECT 1"), cursor.fetchall()]
        connection.close()
        seen += [outcome(lambda: connection.ping(reconnect=False)), connection.ping(reconnect=True)]
        return [*seen, cursor.execute("SELECT 2"), cursor.fetchall()]

    assert db.same(scenario)[-2:] == [1, ((2,),)]
