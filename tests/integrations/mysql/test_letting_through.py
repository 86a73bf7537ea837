"""Calls that a replay has no answer for and lets through go out on a real connection, made for them."""

from __future__ import annotations

import inspect
from typing import Any

import mysql.connector
import pymysql
import pytest
from pymysql import cursors

from tests.integrations.mysql.runs import (
    AioMySqlRuns,
    AsyncmyRuns,
    ConnectorAioRuns,
    ConnectorRuns,
    MySqlClientRuns,
    PyMySqlRuns,
    Runs,
)
from tests.integrations.ports import LettingThrough, Recorded, using
from tests.services.mariadb import MariaDb
from timetracer_otel.errors import ReplayError

pytestmark = pytest.mark.needs("mariadbd")


def through(db: Runs, calls: list[Recorded], scenario: Any) -> tuple[Any, list[Any]]:
    """What it sees, and the statements and rows that were let through."""
    port = LettingThrough(calls)
    with using(port):
        seen = db.run(db._server.door.port, scenario)
    return seen, [(call.asked.title(), getattr(call.answered, "rows", None)) for call in port.passed]


def recorded_one(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT 'recorded'")
    return cursor.fetchall()


def test_statements_of_pymysql(mariadb_server: Any) -> None:
    db = PyMySqlRuns(mariadb_server)
    _, calls = db.recorded(recorded_one)
    db.fresh()

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [cursor.execute("INSERT INTO people (name) VALUES ('through')"), cursor.lastrowid]
        seen += [recorded_one(connection), connection.commit()]
        with connection.cursor(cursors.SSCursor) as streamed:
            streamed.execute("SELECT name FROM people ORDER BY id")
            seen += [streamed.fetchone(), streamed.fetchall()]
        return [*seen, recorded_one_again(connection)]

    def recorded_one_again(connection: Any) -> Any:
        return connection.cursor().execute("SELECT COUNT(*) FROM people")

    seen, passed = through(db, calls, scenario)

    assert seen == [1, 4, (("recorded",),), None, ("ann",), [("bob",), ("cid",), ("through",)], 1]
    assert [title for title, _ in passed] == [
        "INSERT INTO people (name) VALUES ('through')",
        "COMMIT",
        "SELECT name FROM people ORDER BY id",
        "SELECT COUNT(*) FROM people",
    ]
    assert passed[2][1] == [["ann"], ["bob"], ["cid"], ["through"]]
    with db._server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM drivers.people WHERE name = 'through'")
        assert cursor.fetchall() == ((1,),)


@pytest.mark.parametrize("rest", ["read", "left"])
def test_what_is_recorded_is_answered_again_after_rows_that_came_one_by_one(
    mariadb_server: MariaDb, rest: str
) -> None:
    """The statement after it, which is recorded, does not reach the server."""

    def write(connection: Any) -> Any:
        cursor = connection.cursor()
        return cursor.execute("INSERT INTO people (name) VALUES ('once')"), connection.rollback()

    def scenario(connection: Any) -> Any:
        with connection.cursor(cursors.SSCursor) as streamed:
            streamed.execute("SELECT name FROM people ORDER BY id")
            seen = [streamed.fetchone(), streamed.fetchall() if rest == "read" else None]
        return [*seen, write(connection)]

    db = PyMySqlRuns(mariadb_server)
    _, calls = db.recorded(write)
    with db._server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO drivers.people (name) VALUES ('once')")  # a second one would be an error

    seen, _ = through(db, calls, scenario)

    read = [("bob",), ("cid",), ("once",)] if rest == "read" else None
    assert seen == [("ann",), read, (1, None)]


def test_an_error_of_a_call_let_through(mariadb_server: Any) -> None:
    def scenario(connection: Any) -> Any:
        with pytest.raises(pymysql.ProgrammingError):
            connection.cursor().execute("SELECT * FROM nowhere")
        return recorded_one(connection)

    db = PyMySqlRuns(mariadb_server)
    _, calls = db.recorded(recorded_one)

    port = LettingThrough(calls)
    with using(port):
        assert db.run(db._server.door.port, scenario) == (("recorded",),)


@pytest.mark.needs("mysqlclient")
def test_statements_of_mysqlclient(mariadb_server: MariaDb) -> None:
    db = MySqlClientRuns(mariadb_server)
    _, calls = db.recorded(recorded_one)
    db.fresh()

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [cursor.execute("INSERT INTO people (name) VALUES ('through')"), cursor.lastrowid]
        seen += [recorded_one(connection), connection.commit()]
        with pytest.raises(Exception, match="1146"):
            cursor.execute("SELECT * FROM nowhere")
        cursor.execute("SELECT name FROM people WHERE id = 1; SELECT 2")
        seen += [cursor.fetchall(), cursor.nextset(), cursor.fetchall(), recorded_one(connection)]
        return [*seen, cursor.execute("SELECT name FROM people ORDER BY id"), cursor.fetchall()]

    seen, passed = through(db, calls, scenario)

    assert seen == [
        1, 4, (("recorded",),), None,
        (("ann",),), 1, ((2,),), (("recorded",),),
        4, (("ann",), ("bob",), ("cid",), ("through",)),
    ]  # fmt: skip
    assert passed == [
        ("INSERT INTO people (name) VALUES ('through')", []),
        ("COMMIT", []),
        ("SELECT * FROM nowhere", None),
        ("SELECT name FROM people WHERE id = 1; SELECT 2", [["ann"]]),
        ("SELECT 'recorded'", [["recorded"]]),  # a second time
        ("SELECT name FROM people ORDER BY id", [["ann"], ["bob"], ["cid"], ["through"]]),
    ]


def test_statements_of_the_connector(mariadb_server: Any) -> None:
    db = ConnectorRuns(mariadb_server)
    _, calls = db.recorded(recorded_one)
    db.fresh()

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT name FROM people WHERE id = %s", (1,))
        return [cursor.fetchall(), recorded_one(connection)]

    seen, passed = through(db, calls, scenario)

    assert seen == [[("ann",)], [("recorded",)]]
    assert passed == [("SELECT name FROM people WHERE id = %s", [["ann"]])]


def test_what_the_connector_writes_and_reads(mariadb_server: Any) -> None:
    """With connections in C as well: see ``test_c_extension.py``."""
    db = ConnectorRuns(mariadb_server)
    _, calls = db.recorded(recorded_one)
    db.fresh()

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("INSERT INTO people (name) VALUES ('through')")
        seen = [cursor.lastrowid, cursor.rowcount, connection.in_transaction, recorded_one(connection)]
        connection.commit()
        cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("one",), ("two",)])
        seen += [cursor.rowcount, connection.rollback()]
        with connection.cursor(buffered=True) as buffered:
            buffered.execute("SELECT name FROM people ORDER BY id")
            seen += [
                buffered.rowcount,
                buffered.fetchmany(2),
                recorded_again(connection),
                buffered.fetchall(),
            ]
        with connection.cursor(prepared=True) as prepared:
            for number in (1, 4):
                prepared.execute("SELECT name FROM people WHERE id = %s", (number,))
                seen.append(prepared.fetchall())
        cursor.execute("SELECT name FROM people WHERE id = 1; SELECT 2")
        seen.append(cursor.fetchall())
        seen += [cursor.nextset(), cursor.fetchall()]
        seen.append(cursor.callproc("two_results", (20, 0)))
        return [*seen, [one.fetchall() for one in cursor.stored_results()]]

    def recorded_again(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT COUNT(*) FROM people")
        return cursor.fetchone()

    seen, passed = through(db, calls, scenario)

    assert seen == [
        4, 1, True, [("recorded",)],
        2, None,
        4, [("ann",), ("bob",)], (4,), [("cid",), ("through",)],
        [("ann",)], [("through",)],
        [("ann",)], True, [(2,)],
        (20, 4), [[("ann",)], [("done", 4)]],
    ]  # fmt: skip
    assert [title for title, _ in passed] == [
        "INSERT INTO people (name) VALUES ('through')",
        "COMMIT",
        "INSERT INTO people (name) VALUES (%s)",
        "SELECT name FROM people ORDER BY id",
        "SELECT COUNT(*) FROM people",
        "SELECT name FROM people WHERE id = %s",
        "SELECT name FROM people WHERE id = %s",
        "SELECT name FROM people WHERE id = 1; SELECT 2",
        "CALL two_results",
    ]
    assert db.live(lambda connection: connection.is_connected()) is True


def test_an_error_of_the_connectors_that_is_let_through(mariadb_server: Any) -> None:
    db = ConnectorRuns(mariadb_server)
    _, calls = db.recorded(recorded_one)

    def scenario(connection: Any) -> Any:
        with pytest.raises(mysql.connector.ProgrammingError, match="1146"):
            connection.cursor().execute("SELECT * FROM nowhere")
        with pytest.raises(mysql.connector.IntegrityError, match="1062"):
            connection.cursor().execute("INSERT INTO people (name) VALUES ('ann')")
        with connection.cursor(prepared=True) as prepared, pytest.raises(mysql.connector.ProgrammingError):
            prepared.execute("SELECT * FROM nowhere WHERE id = %s", (1,))
        return recorded_one(connection)

    seen, passed = through(db, calls, scenario)

    assert seen == [("recorded",)]
    assert [title for title, _ in passed] == [
        "SELECT * FROM nowhere",
        "INSERT INTO people (name) VALUES ('ann')",
        "SELECT * FROM nowhere WHERE id = %s",
    ]


@pytest.mark.parametrize("runs", [PyMySqlRuns, ConnectorRuns])
def test_a_connection_made_before_the_replay_lets_nothing_through(
    mariadb_server: MariaDb, runs: type[Runs]
) -> None:
    """What is asked of its server then, and what is not, would be mixed up in one transaction."""
    db = runs(mariadb_server)
    seen, calls = db.recorded(recorded_one)
    db.fresh()

    def scenario(connection: Any) -> Any:
        with using(LettingThrough(calls)):
            with pytest.raises(ReplayError, match="made before the replay"):
                connection.cursor().execute("INSERT INTO people (name) VALUES ('through')")
            found = recorded_one(connection)
        return found, people(connection)

    def people(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT COUNT(*) FROM people")
        return cursor.fetchone()

    assert db.run(db._server.door.port, scenario) == (seen, (3,))


ASYNCHRONOUS = {"aiomysql": AioMySqlRuns, "asyncmy": AsyncmyRuns, "mysql.connector.aio": ConnectorAioRuns}


async def of_a_statement(connection: Any, statement: str, *args: Any) -> Any:
    cursor = connection.cursor()
    cursor = await cursor if inspect.isawaitable(cursor) else cursor
    await cursor.execute(statement, *args)
    rows = [tuple(row) for row in await cursor.fetchall()]
    await cursor.close()
    return rows


async def recorded_one_awaited(connection: Any) -> Any:
    return await of_a_statement(connection, "SELECT 'recorded'")


@pytest.mark.parametrize("runs", ASYNCHRONOUS.values(), ids=ASYNCHRONOUS)
def test_statements_of_asynchronous_drivers(mariadb_server: MariaDb, runs: type[Runs]) -> None:
    db = runs(mariadb_server)
    _, calls = db.recorded(recorded_one_awaited)
    db.fresh()

    async def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor = await cursor if inspect.isawaitable(cursor) else cursor
        await cursor.execute("INSERT INTO people (name) VALUES ('through')")
        seen = [cursor.lastrowid, cursor.rowcount, await recorded_one_awaited(connection)]
        await connection.commit()
        await cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("one",), ("two",)])
        seen.append(cursor.rowcount)
        await connection.rollback()
        seen.append(await of_a_statement(connection, "SELECT name FROM people WHERE id > %s", (2,)))
        with pytest.raises(Exception, match="1146"):
            await cursor.execute("SELECT * FROM nowhere")
        await cursor.close()
        return [*seen, await of_a_statement(connection, "SELECT COUNT(*) FROM people")]

    seen, passed = through(db, calls, scenario)

    assert seen == [4, 1, [("recorded",)], 2, [("cid",), ("through",)], [(4,)]]
    assert [title for title, _ in passed] == [
        "INSERT INTO people (name) VALUES ('through')",
        "COMMIT",
        "INSERT INTO people (name) VALUES (%s)",
        "SELECT name FROM people WHERE id > %s",
        "SELECT * FROM nowhere",
        "SELECT COUNT(*) FROM people",
    ]
    assert passed[3][1] == [["cid"], ["through"]]


@pytest.mark.parametrize("runs", ASYNCHRONOUS.values(), ids=ASYNCHRONOUS)
def test_an_asynchronous_connection_made_before_the_replay_lets_nothing_through(
    mariadb_server: MariaDb, runs: type[Runs]
) -> None:
    db = runs(mariadb_server)
    seen, calls = db.recorded(recorded_one_awaited)
    db.fresh()

    async def scenario(connection: Any) -> Any:
        with using(LettingThrough(calls)):
            with pytest.raises(ReplayError, match="made before the replay"):
                await of_a_statement(connection, "INSERT INTO people (name) VALUES ('through')")
            found = await recorded_one_awaited(connection)
        return found, await of_a_statement(connection, "SELECT COUNT(*) FROM people")

    assert db.run(db._server.door.port, scenario) == (seen, [(3,)])
