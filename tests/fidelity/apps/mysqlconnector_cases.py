"""mysql-connector-python, used directly: connections in Python, and those of its C extension."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import mysql.connector
from mysql.connector import pooling

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

CASES = Cases("mysql-connector-python", "drivers/mysqlconnector", ("python", "c"), needs=("mariadbd",))
PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


def place_of(kind: str) -> dict[str, Any]:
    """Where its database is, and that a connection in Python is wanted; in C it is by default."""
    if kind == "python":
        return {**mysql_place("mysqlconnector"), "use_pure": True}
    return mysql_place("mysqlconnector-c")


@contextlib.contextmanager
def connecting(kind: str) -> Iterator[Any]:
    """A connection, which must be of the kind that is asked for."""
    with contextlib.closing(mysql.connector.connect(**place_of(kind))) as connection:
        found = connection.__class__  # an instrumentation may have wrapped it
        assert found.__name__ == ("CMySQLConnection" if kind == "c" else "MySQLConnection")
        yield connection


@contextlib.contextmanager
def connected(kind: str, table: str) -> Iterator[Any]:
    """The same, and a table with three rows in it."""
    with connecting(kind) as connection:
        cursor = connection.cursor()
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(
            f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, n INT)"
        )
        given = [("ann", 41), ("bob", 17), ("cid", None)]
        cursor.executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", given)
        connection.commit()
        yield connection


def failing(act: Callable[[], Any]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(act())}
    except Exception as error:
        return raised(error)


@CASES("cursors: plain, buffered, dictionary, raw, prepared; fetchone, fetchmany, fetchall, iteration")
def kinds_of_cursors(kind: str) -> Any:
    answer: list[Any] = []
    options: tuple[dict[str, Any], ...] = (
        {},
        {"buffered": True},
        {"dictionary": True},
        {"raw": True},
        {"prepared": True},
    )
    with connected(kind, "mc_kinds") as connection:
        for option in options:
            cursor = connection.cursor(**option)
            cursor.execute(PEOPLE.format("mc_kinds"))
            answer += [seen(cursor.description), cursor.rowcount, seen(cursor.fetchone())]
            answer += [seen(cursor.fetchmany(1)), seen(cursor.fetchall()), cursor.rowcount]
            cursor.execute("SELECT name FROM mc_kinds WHERE n > %s", (20,))
            answer += [seen(list(cursor)), seen(cursor.column_names), cursor.close()]
    return answer


@CASES(
    "transactions: lastrowid, executemany, commit, rollback, start_transaction, in_transaction, autocommit"
)
def transactions(kind: str) -> Any:
    with connected(kind, "mc_changes") as connection:
        cursor = connection.cursor()
        insert = "INSERT INTO mc_changes (name) VALUES (%s)"
        answer = [cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.in_transaction]
        answer += [connection.commit(), connection.in_transaction]
        cursor.executemany(insert, [(f"n{number}",) for number in range(20)])
        answer += [cursor.lastrowid, cursor.rowcount, connection.rollback()]
        connection.start_transaction(isolation_level="READ COMMITTED")
        cursor.execute("DELETE FROM mc_changes")
        answer += [cursor.rowcount, connection.in_transaction, connection.rollback()]
        connection.autocommit = True
        cursor.execute(PEOPLE.format("mc_changes"))
        return [*answer, seen(cursor.fetchall()), connection.autocommit, connection.database]


@CASES("types, in text and in binary (prepared)")
def types(kind: str) -> Any:
    answer = []
    with connecting(kind) as connection:
        for prepared in (False, True):
            cursor = connection.cursor(prepared=prepared)
            cursor.execute(ON_MARIADB)
            answer += [seen(cursor.description), seen(cursor.fetchall())]
            cursor.execute("SELECT %s, %s, %s", ("ü€😀'\\", None, 1.5))
            answer += [seen(cursor.fetchall())]
    return answer


@CASES("callproc, stored_results, several results")
def results(kind: str) -> Any:
    with connected(kind, "mc_results") as connection:
        cursor = connection.cursor()
        cursor.execute(
            "CREATE OR REPLACE PROCEDURE mc_two(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
        )
        answer = [seen(cursor.callproc("mc_two", (4, 0)))]
        answer += [seen(one.fetchall()) for one in cursor.stored_results()]
        cursor.execute("SELECT 1; UPDATE mc_results SET n = 2; SELECT name FROM mc_results ORDER BY id")
        answer += [seen(cursor.fetchall())]
        while cursor.nextset():
            answer += [seen(cursor.fetchall()) if cursor.with_rows else cursor.rowcount]
        cursor.execute("SELECT CAST('x' AS INT)")
        return [*answer, seen(cursor.fetchall()), cursor.warning_count]


@CASES("connection refused, wrong password")
def refused(kind: str) -> Any:
    place = place_of(kind)
    return [
        failing(lambda: mysql.connector.connect(**{**place, "port": 1})),
        failing(lambda: mysql.connector.connect(**{**place, "user": "nobody"})),
    ]


@CASES("errors: unique, syntax, no table, parameters, unread result, connection killed")
def errors(kind: str) -> Any:
    with connected(kind, "mc_errors") as connection:
        cursor = connection.cursor()
        answer = [
            failing(lambda: cursor.execute("INSERT INTO mc_errors (name) VALUES ('ann')")),
            failing(lambda: cursor.execute("SELEC 1")),
            failing(lambda: cursor.execute("SELECT * FROM nowhere")),
            failing(lambda: cursor.execute("SELECT %s, %s", (1,))),
        ]
        cursor.execute(PEOPLE.format("mc_errors"))
        answer += [failing(lambda: connection.cursor().execute("SELECT 1")), seen(cursor.fetchall())]
        return [*answer, failing(lambda: cursor.execute("KILL CONNECTION_ID()"))]


@CASES("a pool of two connections, used by turns and to its end")
def pools(kind: str) -> Any:
    pool = pooling.MySQLConnectionPool(pool_size=2, pool_name=kind, **place_of(kind))
    answer = []
    for number in range(3):
        with pool.get_connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT %s", (number,))
            answer.append(seen(cursor.fetchall()))
    first, second = pool.get_connection(), pool.get_connection()
    answer.append(failing(pool.get_connection))
    first.close()
    second.close()
    pool._remove_connections()
    return answer
