"""What an app sees of PyMySQL: live, recording and replaying alike."""

from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal
from typing import Any

import pymysql
import pytest
from pymysql import cursors
from pymysql.constants import CLIENT, FIELD_TYPE

from tests.integrations.mysql.runs import NOWHERE, PyMySqlRuns, asked_and_rows
from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from timetracer_otel.errors import MissError, NoSessionError, ReplayError
from timetracer_otel.redaction.data import DataRules
from timetracer_otel.redaction.mask import MASK
from timetracer_otel.redaction.names import SensitiveNames

pytestmark = pytest.mark.needs("mariadbd")
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"
ANY_CURSOR = pytest.mark.parametrize(
    "kind", [cursors.Cursor, cursors.DictCursor, cursors.SSCursor, cursors.SSDictCursor]
)


def raised(act: Any) -> list[Any]:
    try:
        return ["returned", act()]
    except Exception as error:
        return [type(error), str(error), error.args, getattr(error, "sqlstate", "none")]


@ANY_CURSOR
def test_fetching_in_every_way(db: PyMySqlRuns, kind: Any) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.arraysize = 2
        seen = [type(cursor), cursor.execute(PEOPLE), cursor.description, cursor.rowcount, cursor.rownumber]
        seen += [cursor.fetchone(), cursor.rownumber, cursor.fetchmany(), cursor.fetchmany(5)]
        seen += [cursor.fetchone(), cursor.rowcount, cursor.lastrowid, connection.affected_rows()]
        seen += [cursor.execute("SELECT name FROM people WHERE age > %(age)s", {"age": 20}), list(cursor)]
        seen += [cursor.execute("SELECT %s, %s, %s", ("it's", "back\\slash", b"\x00\xff")), cursor.fetchall()]
        seen += [cursor.execute("SELECT 1 WHERE 1 = 0"), cursor.fetchall(), cursor.fetchone()]
        return [*seen, cursor.close(), raised(lambda: cursor.execute("SELECT 1")), raised(cursor.fetchone)]

    assert db.same(scenario, cursorclass=kind)[0] is kind


def test_types(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT 1.50, 9007199254740993, 18446744073709551615, -1, 1e300, 0.1, NULL, TRUE, 'ü€😀', '',"
            " TIMESTAMP'2026-11-20 12:00:00.5', DATE'2024-02-29', TIMEDIFF('10:00', '34:00:00.25'),"
            " CAST('0000-00-00' AS DATE), x'00ff', b'101', YEAR('2026-11-20'), JSON_OBJECT('a', 1),"
            " ST_GeomFromText('POINT(1 2)'), CAST('x' AS BINARY(3)), REPEAT('long', 100000)"
        )
        seen = [cursor.description, cursor.fetchall()]
        cursor.execute("CREATE TEMPORARY TABLE t (a BIT(9), b JSON, c SET('x', 'y'), d TINYINT(1) UNSIGNED)")
        cursor.execute("INSERT INTO t VALUES (%s, %s, %s, %s)", (b"\x01\x01", '{"k": null}', "x,y", 200))
        cursor.execute("SELECT * FROM t")
        return [*seen, cursor.description, cursor.fetchall()]

    (row,) = db.same(scenario)[1]
    assert row[:3] == (Decimal("1.50"), 9007199254740993, 18446744073709551615)
    assert row[10] == dt.datetime(2026, 11, 20, 12, 0, 0, 500000)
    assert row[12] == -dt.timedelta(days=1, microseconds=250000)


def test_conversions_of_the_apps_own(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1.5, 2, CAST('2026-01-01' AS DATE)")
        return cursor.fetchone()

    own = {**pymysql.converters.conversions, FIELD_TYPE.NEWDECIMAL: float, FIELD_TYPE.DATE: str}
    assert db.same(scenario, conv=own) == (1.5, 2, "2026-01-01")


def test_changes_and_transactions(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        insert = "INSERT INTO people (name, age) VALUES (%s, %s)"
        seen = [cursor.execute(insert, ("dan", 1)), cursor.lastrowid, connection.insert_id(), cursor.rowcount]
        seen += [connection.server_status, connection.commit(), connection.server_status]
        seen += [
            cursor.executemany(insert, [(f"n{number}", number) for number in range(3)]),
            cursor.lastrowid,
        ]
        seen += [cursor.executemany("UPDATE people SET age = %s WHERE name = %s", [(5, "n0"), (6, "no")])]
        seen += [
            connection.rollback(),
            connection.begin(),
            cursor.execute("DELETE FROM people"),
            cursor.rowcount,
        ]
        connection.rollback()
        seen += [cursor.execute(PEOPLE), cursor.fetchall(), connection.get_autocommit()]
        connection.autocommit(True)
        seen += [connection.get_autocommit(), cursor.execute("UPDATE people SET age = 0"), connection.ping()]
        cursor.execute("SAVEPOINT one")
        seen += [raised(lambda: cursor.execute("ROLLBACK TO SAVEPOINT none"))]
        return [*seen, cursor.executemany(insert, []), cursor.executemany(insert, iter([("it", 1)]))]

    assert db.same(scenario)[:3] == [1, 4, 4]


def test_several_results(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [cursor.execute("SELECT 1; UPDATE people SET age = 2; SELECT name FROM people; SELECT 'end'")]
        while True:
            seen += [cursor.description, cursor.rowcount, cursor.fetchall()]
            if not cursor.nextset():
                break
        cursor.execute("SELECT 1; SELECT 2")  # the second is not asked for
        cursor.execute("SELECT 3; SELECT nothing FROM nowhere")
        return [
            *seen,
            cursor.fetchall(),
            raised(cursor.nextset),
            cursor.execute("SELECT 4"),
            cursor.fetchall(),
        ]

    assert db.same(scenario, client_flag=CLIENT.MULTI_STATEMENTS)[-1] == ((4,),)


@ANY_CURSOR
def test_stored_procedures(db: PyMySqlRuns, kind: Any) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [
            cursor.callproc("two_results", (18, 0)),
            cursor.fetchall(),
            cursor.nextset(),
            cursor.fetchall(),
        ]
        seen += [cursor.nextset(), cursor.nextset(), cursor.execute("SELECT @_two_results_1")]
        return [*seen, cursor.fetchall(), raised(lambda: cursor.callproc("no_such"))]

    db.same(scenario, cursorclass=kind)


def test_errors(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        return [
            raised(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            raised(lambda: cursor.execute("SELEC 1")),
            raised(lambda: cursor.execute("SELECT * FROM nowhere")),
            raised(lambda: cursor.execute("SELECT %s, %s", (1,))),
            raised(lambda: cursor.execute("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine'")),
            raised(lambda: cursor.execute("INSERT INTO people (name, age) VALUES ('x', 99999999999)")),
            raised(lambda: cursor.execute("SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(2)")),
            raised(lambda: cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("a",), ("a",)])),
            raised(lambda: cursor.executemany("UPDATE people SET age = %s", [(1,), ("no number",)])),
            raised(lambda: connection.query("SELECT nothing")),
            cursor.execute("SELECT 1"),
            raised(cursor.fetchall),
        ]

    kinds = [one[0] for one in db.same(scenario) if isinstance(one, list)]
    assert kinds[:3] == [pymysql.IntegrityError, pymysql.ProgrammingError, pymysql.ProgrammingError]


def test_a_connection_that_is_lost_in_a_call(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [raised(lambda: cursor.execute("KILL CONNECTION_ID()")), connection.open]
        return [*seen, raised(lambda: cursor.execute("SELECT 1")), raised(connection.ping), connection.open]

    db.same(scenario)


def test_reading_that_takes_too_long(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        return [raised(lambda: cursor.execute("SELECT SLEEP(5)")), connection.open]

    assert db.same(scenario, read_timeout=1)[0][0] is pymysql.OperationalError


def test_warnings_of_the_server(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SELECT 1/0, CAST('x' AS INT)")
        return [cursor.warning_count, connection.show_warnings(), cursor.fetchall()]

    assert db.same(scenario)[0] == 1


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
        seen += [connection.open, raised(connection.close), raised(connection.ping)]
        connection.connect()
        return [*seen, connection.open, connection.query("SELECT 1")]

    options = {"autocommit": True, "sql_mode": "ANSI", "init_command": "SET @mine = 'own'"}
    assert db.same(scenario, **options)[2] is True


def test_a_connection_that_cannot_be_had(db: PyMySqlRuns) -> None:
    port = RecordingPort()
    with using(port):
        recorded = raised(lambda: pymysql.connect(host="127.0.0.1", port=NOWHERE, user="x", database="y"))
        denied = raised(lambda: db.run(db._server.door.port, lambda _: None, password="wrong"))

    assert recorded[2][0] == 2003
    assert denied[2][0] == 1045
    with using(ReplayPort(port.calls)):
        assert raised(lambda: pymysql.connect(host="elsewhere", user="x", database="y")) == recorded
        assert raised(lambda: db.run(NOWHERE, lambda _: None, password="wrong")) == denied


def test_a_connection_made_before(db: PyMySqlRuns) -> None:
    """One connection, live before, between and after: no statement of the replay reaches the server."""

    def scenario(connection: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('once')")
            cursor.execute("SELECT COUNT(*) FROM people")
            return cursor.fetchall()

    db.fresh()
    with pymysql.connect(**db.place(db._server.door.port, database="drivers", autocommit=True)) as connection:
        port = RecordingPort()
        with using(port):
            recorded = scenario(connection)
        with using(ReplayPort(port.calls)):
            replayed = scenario(connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM people")
            assert cursor.fetchall() == recorded == replayed == ((4,),)


def test_what_is_recorded(db: PyMySqlRuns) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor(cursors.DictCursor) as cursor:
            cursor.execute("SELECT name, age FROM people WHERE id = %s", (1,))
            cursor.fetchall()
            cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("x",), ("y",)])
        connection.commit()

    _, calls = db.recorded(scenario)

    told = [asked_and_rows(call) for call in calls]
    assert told == [
        ("SELECT name, age FROM people WHERE id = %s", (1,), [["ann", 41]]),
        ("INSERT INTO people (name) VALUES (%s)", [("x",), ("y",)], []),
        ("COMMIT", None, []),
    ]
    assert [call.gaps for call in calls] == [[], [], []]


def test_a_statement_that_was_not_recorded(db: PyMySqlRuns) -> None:
    def other(connection: Any) -> Any:
        return connection.cursor().execute("SELECT 2")

    _, calls = db.recorded(lambda connection: connection.cursor().execute("SELECT 1"))

    with pytest.raises(MissError):
        db.replayed(calls, other)


def test_a_replayed_connection_outside_of_its_replay(db: PyMySqlRuns) -> None:
    _, calls = db.recorded(lambda connection: connection.cursor().execute("SELECT 1"))
    with using(ReplayPort(calls)):
        connection = pymysql.connect(host="127.0.0.1", port=NOWHERE, user="x", database="drivers")
    with pytest.raises(NoSessionError):
        connection.cursor().execute("SELECT 1")
    with pytest.raises(NoSessionError):
        connection.commit()


def test_a_local_file_is_refused(db: PyMySqlRuns, tmp_path: Any) -> None:
    (tmp_path / "people.csv").write_text("dan\n")

    def scenario(connection: Any) -> Any:
        return connection.cursor().execute(
            f"LOAD DATA LOCAL INFILE '{tmp_path}/people.csv' INTO TABLE people (name)"
        )

    seen, calls = db.recorded(scenario, local_infile=True)

    assert seen == 1
    assert [kind for kind, _ in calls[0].gaps] == ["LOAD DATA LOCAL INFILE"]
    with pytest.raises(ReplayError, match="LOAD DATA LOCAL INFILE"):
        db.replayed(calls, scenario, local_infile=True)


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
        seen = [raised(lambda: connection.query("KILL CONNECTION_ID()")), connection.ping(reconnect=True)]
        cursor = connection.cursor()
        seen += [cursor.execute("SELECT 1"), cursor.fetchall()]
        connection.close()
        seen += [raised(lambda: connection.ping(reconnect=False)), connection.ping(reconnect=True)]
        return [*seen, cursor.execute("SELECT 2"), cursor.fetchall()]

    assert db.same(scenario)[-2:] == [1, ((2,),)]
