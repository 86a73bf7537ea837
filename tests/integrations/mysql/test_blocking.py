"""What an app sees of PyMySQL and mysqlclient, made alike: live, recording and replaying the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pymysql.constants import CLIENT

from tests.integrations.mysql.runs import NOWHERE, MySqlClientRuns, PyMySqlRuns, Runs, asked_and_rows, outcome
from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.services.mariadb import MariaDb
from tests.services.missing import need
from timetracer_otel.errors import MissError, NoSessionError, ReplayError

pytestmark = pytest.mark.needs("mariadbd")
PEOPLE = "SELECT id, name, age FROM people ORDER BY id"
ANY_CURSOR = pytest.mark.parametrize("kind", ["Cursor", "DictCursor", "SSCursor", "SSDictCursor"])


@dataclass
class Driver:
    """One of them, and what it calls in its own way.

    Attributes:
        runs: Its three runs.
        package: What is installed.
        name: What is imported.
        several: With these arguments several statements may be sent at once.
    """

    runs: Runs
    package: str
    name: str
    several: dict[str, Any]

    @property
    def module(self) -> Any:
        return need(self.name, self.package)

    def part(self, name: str) -> Any:
        """A module of it."""
        return need(f"{self.name}.{name}", self.package)

    def cursor(self, kind: str) -> Any:
        """A class of cursors."""
        return getattr(self.part("cursors"), kind)

    def status(self, connection: Any) -> Any:
        """What the server said last of transactions, where a connection tells."""
        return getattr(connection, "server_status", None)


@pytest.fixture(params=["pymysql", pytest.param("mysqlclient", marks=pytest.mark.needs("mysqlclient"))])
def driver(request: pytest.FixtureRequest, mariadb_server: MariaDb) -> Driver:
    if request.param == "pymysql":
        several = {"client_flag": CLIENT.MULTI_STATEMENTS}
        return Driver(PyMySqlRuns(mariadb_server), "pymysql", "pymysql", several)
    return Driver(MySqlClientRuns(mariadb_server), "mysqlclient", "MySQLdb", {})


@ANY_CURSOR
def test_fetching_in_every_way(driver: Driver, kind: str) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.arraysize = 2
        seen = [type(cursor), cursor.execute(PEOPLE), cursor.description, cursor.rowcount, cursor.rownumber]
        seen += [cursor.fetchone(), cursor.rownumber, cursor.fetchmany(), cursor.fetchmany(5)]
        seen += [cursor.fetchone(), cursor.rowcount, cursor.lastrowid, connection.affected_rows()]
        seen += [cursor.execute("SELECT name FROM people WHERE age > %(age)s", {"age": 20}), list(cursor)]
        seen += [cursor.execute("SELECT %s, %s, x'00ff'", ("it's", "back\\slash")), cursor.fetchall()]
        seen += [cursor.execute("SELECT 1 WHERE 1 = 0"), cursor.fetchall(), cursor.fetchone()]
        cursor.execute("SELECT 1 AS n, 2 AS n, p.name, q.name FROM people p JOIN people q USING (id)")
        seen += [cursor.fetchall(), cursor.mogrify("SELECT %s", (1,))]
        return [*seen, cursor.close(), outcome(lambda: cursor.execute("SELECT 1")), outcome(cursor.fetchone)]

    assert driver.runs.same(scenario, cursorclass=driver.cursor(kind))[0] is driver.cursor(kind)


def test_types(driver: Driver) -> None:
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

    (row,) = driver.runs.same(scenario)[1]
    assert row[:3] == (Decimal("1.50"), 9007199254740993, 18446744073709551615)
    assert row[10] == dt.datetime(2026, 11, 20, 12, 0, 0, 500000)
    assert row[12] == -dt.timedelta(days=1, microseconds=250000)


def test_conversions_of_the_apps_own(driver: Driver) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1.5, 2, CAST('2026-01-01' AS DATE)")
        return cursor.fetchone()

    types = driver.part("constants.FIELD_TYPE")
    own = {**driver.part("converters").conversions, types.NEWDECIMAL: float, types.DATE: str}
    assert driver.runs.same(scenario, conv=own) == (1.5, 2, "2026-01-01")


def test_changes_and_transactions(driver: Driver) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        insert = "INSERT INTO people (name, age) VALUES (%s, %s)"
        seen = [cursor.execute(insert, ("dan", 1)), cursor.lastrowid, connection.insert_id(), cursor.rowcount]
        seen += [driver.status(connection), connection.commit(), driver.status(connection)]
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
        seen += [outcome(lambda: cursor.execute("ROLLBACK TO SAVEPOINT none"))]
        return [*seen, cursor.executemany(insert, []), cursor.executemany(insert, iter([("it", 1)]))]

    assert driver.runs.same(scenario)[:3] == [1, 4, 4]


def test_several_results(driver: Driver) -> None:
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
            outcome(cursor.nextset),
            cursor.execute("SELECT 4"),
            cursor.fetchall(),
        ]

    assert driver.runs.same(scenario, **driver.several)[-1] == ((4,),)


@ANY_CURSOR
def test_stored_procedures(driver: Driver, kind: str) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [
            cursor.callproc("two_results", (18, 0)),
            cursor.fetchall(),
            cursor.nextset(),
            cursor.fetchall(),
        ]
        seen += [cursor.nextset(), cursor.nextset(), cursor.execute("SELECT @_two_results_1")]
        return [*seen, cursor.fetchall(), outcome(lambda: cursor.callproc("no_such"))]

    driver.runs.same(scenario, cursorclass=driver.cursor(kind))


def test_errors(driver: Driver) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        return [
            outcome(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            outcome(lambda: cursor.execute("SELEC 1")),
            outcome(lambda: cursor.execute("SELECT * FROM nowhere")),
            outcome(lambda: cursor.execute("SELECT %s, %s", (1,))),
            outcome(lambda: cursor.execute("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine'")),
            outcome(lambda: cursor.execute("INSERT INTO people (name, age) VALUES ('x', 99999999999)")),
            outcome(lambda: cursor.execute("SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(2)")),
            outcome(lambda: cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("a",), ("a",)])),
            outcome(lambda: cursor.executemany("UPDATE people SET age = %s", [(1,), ("no number",)])),
            outcome(lambda: connection.query("SELECT nothing")),
            cursor.execute("SELECT 1"),
            outcome(cursor.fetchall),
        ]

    kinds = [one[0] for one in driver.runs.same(scenario) if isinstance(one, list)]
    assert kinds[:3] == [driver.module.IntegrityError, *[driver.module.ProgrammingError] * 2]


def test_a_connection_that_is_lost_in_a_call(driver: Driver) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [outcome(lambda: cursor.execute("KILL CONNECTION_ID()")), connection.open]
        return [*seen, outcome(lambda: cursor.execute("SELECT 1")), outcome(connection.ping), connection.open]

    driver.runs.same(scenario)


def test_warnings_of_the_server(driver: Driver) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SELECT 1/0, CAST('x' AS INT)")
        return [cursor.warning_count, connection.show_warnings(), cursor.fetchall()]

    assert driver.runs.same(scenario)[0] == 1


def test_a_connection_that_cannot_be_had(driver: Driver) -> None:
    runs, connect = driver.runs, driver.module.connect
    port = RecordingPort()
    with using(port):
        recorded = outcome(
            lambda: driver.module.connect(host="127.0.0.1", port=NOWHERE, user="x", database="y")
        )
        denied = outcome(
            lambda: driver.runs.run(driver.runs._server.door.port, lambda _: None, password="wrong")
        )

    assert recorded[2][0] in (2002, 2003)
    assert denied[2][0] == 1045
    with using(ReplayPort(port.calls)):
        assert outcome(lambda: connect(host="elsewhere", user="x", database="y")) == recorded
        assert outcome(lambda: runs.run(NOWHERE, lambda _: None, password="wrong")) == denied


def test_a_connection_made_before(driver: Driver) -> None:
    """One connection, live before, between and after: no statement of the replay reaches the server."""

    def scenario(connection: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('once')")
            cursor.execute("SELECT COUNT(*) FROM people")
            return cursor.fetchall()

    driver.runs.fresh()
    with driver.module.connect(
        **driver.runs.place(driver.runs._server.door.port, database="drivers", autocommit=True)
    ) as connection:
        port = RecordingPort()
        with using(port):
            recorded = scenario(connection)
        with using(ReplayPort(port.calls)):
            replayed = scenario(connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM people")
            assert cursor.fetchall() == recorded == replayed == ((4,),)


def test_what_is_recorded(driver: Driver) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor(driver.part("cursors").DictCursor) as cursor:
            cursor.execute("SELECT name, age FROM people WHERE id = %s", (1,))
            cursor.fetchall()
            cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("x",), ("y",)])
        connection.commit()

    _, calls = driver.runs.recorded(scenario)

    told = [asked_and_rows(call) for call in calls]
    assert told == [
        ("SELECT name, age FROM people WHERE id = %s", (1,), [["ann", 41]]),
        ("INSERT INTO people (name) VALUES (%s)", [("x",), ("y",)], []),
        ("COMMIT", None, []),
    ]
    assert [call.gaps for call in calls] == [[], [], []]


def test_a_statement_that_was_not_recorded(driver: Driver) -> None:
    def other(connection: Any) -> Any:
        return connection.cursor().execute("SELECT 2")

    _, calls = driver.runs.recorded(lambda connection: connection.cursor().execute("SELECT 1"))

    with pytest.raises(MissError):
        driver.runs.replayed(calls, other)


def test_a_replayed_connection_outside_of_its_replay(driver: Driver) -> None:
    _, calls = driver.runs.recorded(lambda connection: connection.cursor().execute("SELECT 1"))
    with using(ReplayPort(calls)):
        connection = driver.module.connect(host="127.0.0.1", port=NOWHERE, user="x", database="drivers")
    with pytest.raises(NoSessionError):
        connection.cursor().execute("SELECT 1")
    with pytest.raises(NoSessionError):
        connection.commit()


def test_a_local_file_is_refused(driver: Driver, tmp_path: Any) -> None:
    (tmp_path / "people.csv").write_text("dan\n")

    def scenario(connection: Any) -> Any:
        return connection.cursor().execute(
            f"LOAD DATA LOCAL INFILE '{tmp_path}/people.csv' INTO TABLE people (name)"
        )

    seen, calls = driver.runs.recorded(scenario, local_infile=True)

    assert seen == 1
    assert [kind for kind, _ in calls[0].gaps] == ["LOAD DATA LOCAL INFILE"]
    with pytest.raises(ReplayError, match="LOAD DATA LOCAL INFILE"):
        driver.runs.replayed(calls, scenario, local_infile=True)
