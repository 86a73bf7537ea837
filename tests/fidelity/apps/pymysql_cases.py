"""PyMySQL, used directly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
from pymysql import cursors
from pymysql.constants import CLIENT

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

CASES = Cases("PyMySQL", "drivers/pymysql", needs="mariadbd")
PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


@contextlib.contextmanager
def connected(table: str, **options: Any) -> Iterator[Any]:
    """A connection, and a table with three rows in it."""
    with contextlib.closing(pymysql.connect(**mysql_place("pymysql"), **options)) as connection:
        with connection.cursor(cursors.Cursor) as cursor:
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


@CASES("execute; fetchone, fetchmany, fetchall, iteration, scroll, arraysize, description, rownumber")
def fetching() -> Any:
    with connected("pm_fetching") as connection, connection.cursor() as cursor:
        cursor.arraysize = 2
        answer = [cursor.execute(PEOPLE.format("pm_fetching")), seen(cursor.description), cursor.rowcount]
        answer += [seen(cursor.fetchone()), cursor.rownumber, seen(cursor.fetchmany()), cursor.fetchone()]
        cursor.scroll(0, "absolute")
        answer += [seen(cursor.fetchall())]
        cursor.execute("SELECT name FROM pm_fetching WHERE n > %(n)s ORDER BY id", {"n": 1})
        return [*answer, seen(list(cursor)), cursor.mogrify("%s, %s", ("it's", b"\x00"))]


@CASES("DictCursor, SSCursor, SSDictCursor: buffered and streamed, left before the end")
def kinds_of_cursors() -> Any:
    answer: list[Any] = []
    with connected("pm_kinds") as connection:
        for kind in (cursors.DictCursor, cursors.SSCursor, cursors.SSDictCursor):
            with connection.cursor(kind) as cursor:
                answer += [
                    cursor.execute(PEOPLE.format("pm_kinds")),
                    seen(cursor.fetchone()),
                    cursor.rowcount,
                ]
                answer += [seen(cursor.fetchmany(1))]
            with connection.cursor(kind) as cursor:
                cursor.execute("SELECT seq FROM seq_1_to_300")
                answer += [sum(row["seq"] if isinstance(row, dict) else row[0] for row in cursor)]
    return answer


@CASES("transactions: lastrowid, insert_id, executemany, commit, rollback, savepoint, autocommit")
def transactions() -> Any:
    with connected("pm_changes") as connection, connection.cursor() as cursor:
        insert = "INSERT INTO pm_changes (name) VALUES (%s)"
        answer = [cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.insert_id()]
        connection.commit()
        answer += [cursor.executemany(insert, [(f"n{number}",) for number in range(20)]), cursor.lastrowid]
        cursor.execute("SAVEPOINT one")
        answer += [cursor.execute("DELETE FROM pm_changes"), cursor.execute("ROLLBACK TO SAVEPOINT one")]
        answer += [cursor.execute("UPDATE pm_changes SET n = 5 WHERE name = 'n3'"), connection.rollback()]
        connection.autocommit(True)
        connection.begin()
        answer += [cursor.execute("INSERT INTO pm_changes (name) VALUES ('r') RETURNING id, name")]
        answer += [seen(cursor.fetchall()), connection.rollback(), connection.get_autocommit()]
        cursor.execute(PEOPLE.format("pm_changes"))
        return [*answer, seen(cursor.fetchall())]


@CASES("types: decimal, unsigned, datetime, date, time, bytes, bit, JSON, geometry, year, NULL")
def types() -> Any:
    with contextlib.closing(pymysql.connect(**mysql_place("pymysql"))) as connection:
        cursor = connection.cursor()
        cursor.execute(ON_MARIADB)
        answer = [seen(cursor.description), seen(cursor.fetchall())]
        cursor.execute("SELECT %s, %s, %s", ("ü€😀'\\", None, 1.5))
        return [*answer, seen(cursor.fetchall())]


@CASES("several results: multi statements, nextset, an error among them; callproc with OUT parameters")
def results() -> Any:
    with connected("pm_results", client_flag=CLIENT.MULTI_STATEMENTS) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1; UPDATE pm_results SET n = 2; SELECT name FROM pm_results ORDER BY id")
        answer = [seen(cursor.fetchall())]
        while cursor.nextset():
            answer += [cursor.rowcount, seen(cursor.fetchall())]
        cursor.execute("SELECT 3; SELECT nothing FROM nowhere")
        answer += [failing(cursor.nextset)]
        cursor.execute(
            "CREATE OR REPLACE PROCEDURE pm_two(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
        )
        answer += [seen(cursor.callproc("pm_two", (4, 0))), seen(cursor.fetchall()), cursor.nextset()]
        cursor.execute("SELECT @_pm_two_1")
        return [*answer, seen(cursor.fetchall())]


@CASES("errors: unique, syntax, no table, range, deadline, parameters; warnings; closed cursor, connection")
def errors() -> Any:
    with connected("pm_errors") as connection:
        cursor = connection.cursor()
        answer = [
            failing(lambda: cursor.execute("INSERT INTO pm_errors (name) VALUES ('ann')")),
            failing(lambda: cursor.execute("SELEC 1")),
            failing(lambda: cursor.execute("SELECT * FROM nowhere")),
            failing(lambda: cursor.execute("INSERT INTO pm_errors (n) VALUES (99999999999)")),
            failing(lambda: cursor.execute("SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(3)")),
            failing(lambda: cursor.execute("SELECT %s, %s", (1,))),
            failing(lambda: cursor.executemany("INSERT INTO pm_errors (name) VALUES (%s)", [("a",), ("a",)])),
            cursor.execute("SELECT CAST('x' AS INT)"),
            cursor.warning_count,
            seen(connection.show_warnings()),
        ]
        cursor.close()
        answer.append(failing(lambda: cursor.execute("SELECT 1")))
        connection.ping()
        answer.append(failing(lambda: connection.cursor().execute("KILL CONNECTION_ID()")))
        return [*answer, connection.open, failing(connection.commit)]


@CASES("a connection that is refused, a password that is wrong")
def refused() -> Any:
    place = mysql_place("pymysql")
    return [
        failing(lambda: pymysql.connect(**{**place, "port": 1})),
        failing(lambda: pymysql.connect(**{**place, "user": "nobody"})),
    ]


@CASES("read_timeout in the middle of a call")
def timeout() -> Any:
    with contextlib.closing(pymysql.connect(**mysql_place("pymysql"), read_timeout=1)) as connection:
        return [failing(lambda: connection.cursor().execute("SELECT SLEEP(20)")), connection.open]


@CASES("four threads, a connection each")
def threads() -> Any:
    def ask(number: int) -> Any:
        with connected(f"pm_thread_{number}") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT %s + 1", (number,))
            return seen(cursor.fetchone())

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(8)))
