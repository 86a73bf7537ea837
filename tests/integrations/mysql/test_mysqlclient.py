"""What an app sees of mysqlclient: live, recording and replaying alike."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from tests.integrations.mysql.runs import NOWHERE, MySqlClientRuns
from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.services.mariadb import MariaDb
from tests.services.missing import need
from timetracer_otel.errors import MissError, NoSessionError, ReplayError
from timetracer_otel.messages import SqlResult, SqlStatement

pytestmark = [pytest.mark.needs("mariadbd"), pytest.mark.needs("mysqlclient")]
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"
ANY_CURSOR = pytest.mark.parametrize("kind", ["Cursor", "DictCursor", "SSCursor", "SSDictCursor"])


@pytest.fixture
def db(mariadb_server: MariaDb) -> MySqlClientRuns:
    return MySqlClientRuns(mariadb_server)


def raised(act: Any) -> list[Any]:
    try:
        return ["returned", act()]
    except Exception as error:
        return [type(error), str(error), error.args]


def library(module: str = "") -> Any:
    return need(f"MySQLdb{module}", "mysqlclient")


def cursors() -> Any:
    return library(".cursors")


@ANY_CURSOR
def test_fetching_in_every_way(db: MySqlClientRuns, kind: str) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.arraysize = 2
        seen = [type(cursor), cursor.execute(PEOPLE), cursor.description, cursor.rowcount, cursor.rownumber]
        seen += [cursor.fetchone(), cursor.rownumber, cursor.fetchmany(), cursor.fetchmany(5)]
        seen += [cursor.fetchone(), cursor.rowcount, cursor.lastrowid, cursor.description_flags]
        seen += [cursor.execute("SELECT name FROM people WHERE age > %(age)s", {"age": 20}), list(cursor)]
        seen += [cursor.execute("SELECT %s, %s, x'00ff'", ("it's", "back\\slash")), cursor.fetchall()]
        seen += [cursor.execute("SELECT 1 WHERE 1 = 0"), cursor.fetchall(), cursor.fetchone()]
        seen += [
            cursor.execute("SELECT 1 AS n, 2 AS n, p.name, q.name FROM people p JOIN people q USING (id)")
        ]
        seen += [cursor.fetchall(), cursor.mogrify("SELECT %s", (1,))]
        return [*seen, cursor.close(), raised(lambda: cursor.execute("SELECT 1")), raised(cursor.fetchone)]

    assert db.same(scenario, cursorclass=getattr(cursors(), kind))[0].__name__ == kind


def test_types(db: MySqlClientRuns) -> None:
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


def test_changes_and_transactions(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        insert = "INSERT INTO people (name, age) VALUES (%s, %s)"
        seen = [cursor.execute(insert, ("dan", 1)), cursor.lastrowid, connection.insert_id(), cursor.rowcount]
        seen += [connection.commit(), connection.get_autocommit()]
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


def test_several_results(db: MySqlClientRuns) -> None:
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

    assert db.same(scenario)[-1] == ((4,),)


@ANY_CURSOR
def test_stored_procedures(db: MySqlClientRuns, kind: str) -> None:
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

    db.same(scenario, cursorclass=getattr(cursors(), kind))


def test_errors(db: MySqlClientRuns) -> None:
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
    assert [kind.__name__ for kind in kinds[:3]] == ["IntegrityError", "ProgrammingError", "ProgrammingError"]


def test_a_connection_that_is_lost_in_a_call(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [raised(lambda: cursor.execute("KILL CONNECTION_ID()")), connection.open]
        return [*seen, raised(lambda: cursor.execute("SELECT 1")), raised(connection.ping), connection.open]

    db.same(scenario)


def test_warnings_of_the_server(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SELECT 1/0, CAST('x' AS INT)")
        return [cursor.warning_count, connection.show_warnings(), cursor.fetchall()]

    assert db.same(scenario)[0] == 1


def test_a_connection_made_before(db: MySqlClientRuns) -> None:
    """One connection, live before, between and after: no statement of the replay reaches the server."""

    def scenario(connection: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('once')")
            cursor.execute("SELECT COUNT(*) FROM people")
            return cursor.fetchall()

    db.fresh()
    with library().connect(
        **db.place(db._server.door.port, database="drivers", autocommit=True)
    ) as connection:
        port = RecordingPort()
        with using(port):
            recorded = scenario(connection)
        with using(ReplayPort(port.calls)):
            replayed = scenario(connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM people")
            assert cursor.fetchall() == recorded == replayed == ((4,),)


def test_what_is_recorded(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor(cursors().DictCursor) as cursor:
            cursor.execute("SELECT name, age FROM people WHERE id = %s", (1,))
            cursor.fetchall()
            cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("x",), ("y",)])
        connection.commit()

    _, calls = db.recorded(scenario)

    told = [
        (call.asked.text, call.asked.parameters, call.answered.rows)
        for call in calls
        if isinstance(call.asked, SqlStatement) and isinstance(call.answered, SqlResult)
    ]
    assert told == [
        ("SELECT name, age FROM people WHERE id = %s", (1,), [["ann", 41]]),
        ("INSERT INTO people (name) VALUES (%s)", [("x",), ("y",)], []),
        ("COMMIT", None, []),
    ]
    assert [call.gaps for call in calls] == [[], [], []]


def test_a_statement_that_was_not_recorded(db: MySqlClientRuns) -> None:
    def other(connection: Any) -> Any:
        return connection.cursor().execute("SELECT 2")

    _, calls = db.recorded(lambda connection: connection.cursor().execute("SELECT 1"))

    with pytest.raises(MissError):
        db.replayed(calls, other)


def test_a_replayed_connection_outside_of_its_replay(db: MySqlClientRuns) -> None:
    _, calls = db.recorded(lambda connection: connection.cursor().execute("SELECT 1"))
    with using(ReplayPort(calls)):
        connection = library().connect(host="127.0.0.1", port=NOWHERE, user="x", database="drivers")
    with pytest.raises(NoSessionError):
        connection.cursor().execute("SELECT 1")
    with pytest.raises(NoSessionError):
        connection.commit()


def test_conversions_of_the_apps_own(db: MySqlClientRuns) -> None:
    types = library(".constants.FIELD_TYPE")

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1.5, 2, CAST('2026-01-01' AS DATE)")
        return cursor.fetchone()

    own = {**library(".converters").conversions, types.NEWDECIMAL: float, types.DATE: str}
    assert db.same(scenario, conv=own) == (1.5, 2, "2026-01-01")


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
        return [*seen, connection.open, connection.closed, raised(connection.close), raised(connection.ping)]

    options = {"autocommit": True, "sql_mode": "ANSI", "init_command": "SET @mine = 'own'"}
    assert db.same(scenario, **options)[2] is True


def test_a_connection_that_cannot_be_had(db: MySqlClientRuns) -> None:
    port = RecordingPort()
    with using(port):
        recorded = raised(lambda: library().connect(host="127.0.0.1", port=NOWHERE, user="x", database="y"))
        denied = raised(lambda: db.run(db._server.door.port, lambda _: None, password="wrong"))

    assert recorded[2][0] in (2002, 2003)
    assert denied[2][0] == 1045
    with using(ReplayPort(port.calls)):
        assert raised(lambda: library().connect(host="elsewhere", user="x", database="y")) == recorded
        assert raised(lambda: db.run(NOWHERE, lambda _: None, password="wrong")) == denied


def test_what_is_asked_of_the_library_itself(db: MySqlClientRuns) -> None:
    def scenario(connection: Any) -> Any:
        connection.query("SELECT name, age FROM people ORDER BY id")
        result = connection.store_result()
        seen = [result.num_rows(), result.num_fields(), result.fetch_row(2, 1), result.fetch_row(0)]
        connection.query("UPDATE people SET age = 1")
        return [*seen, connection.affected_rows(), connection.info(), connection.store_result()]

    assert db.same(scenario)[-3:] == [3, "Rows matched: 3  Changed: 3  Warnings: 0", None]


def test_a_local_file_is_refused(db: MySqlClientRuns, tmp_path: Any) -> None:
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
