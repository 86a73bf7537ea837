"""What is done alike with PyMySQL and with mysqlclient, used from threads."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


@dataclass(frozen=True)
class Driver:
    """One of them, each with a database of its own, and what is to be said in its own way.

    Attributes:
        name: Names its database.
        imported: The module; it is imported by the first case that is run, as it may not be installed.
        several: With these arguments several statements may be sent at once.
    """

    name: str
    imported: str
    several: dict[str, Any]

    def module(self) -> Any:
        """The driver."""
        return importlib.import_module(self.imported)

    def cursor(self, kind: str) -> Any:
        """A class of cursors."""
        return getattr(importlib.import_module(f"{self.imported}.cursors"), kind)

    @contextlib.contextmanager
    def connection(self, **options: Any) -> Iterator[Any]:
        """A connection, until the end of a block."""
        with contextlib.closing(self.module().connect(**mysql_place(self.name), **options)) as made:
            yield made

    @contextlib.contextmanager
    def connected(self, table: str, **options: Any) -> Iterator[Any]:
        """A connection, and a table with three rows in it."""
        with self.connection(**options) as connection:
            with connection.cursor(self.cursor("Cursor")) as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {table}")
                cursor.execute(
                    f"CREATE TABLE {table}"
                    " (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, n INT)"
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


def add_statements(cases: Cases, driver: Driver) -> None:
    """Cursors, transactions and results."""

    @cases("execute; fetchone, fetchmany, fetchall, iteration, scroll, arraysize, description, rownumber")
    def fetching() -> Any:
        with driver.connected("fetching") as connection, connection.cursor() as cursor:
            cursor.arraysize = 2
            answer = [cursor.execute(PEOPLE.format("fetching")), seen(cursor.description), cursor.rowcount]
            answer += [seen(cursor.fetchone()), cursor.rownumber, seen(cursor.fetchmany()), cursor.fetchone()]
            cursor.scroll(0, "absolute")
            answer += [seen(cursor.fetchall())]
            cursor.execute("SELECT name FROM fetching WHERE n > %(n)s ORDER BY id", {"n": 1})
            return [*answer, seen(list(cursor)), cursor.mogrify("%s, %s", ("it's", b"\x00"))]

    @cases("DictCursor, SSCursor, SSDictCursor: buffered and streamed, left before the end")
    def kinds_of_cursors() -> Any:
        answer: list[Any] = []
        with driver.connected("kinds") as connection:
            for kind in map(driver.cursor, ("DictCursor", "SSCursor", "SSDictCursor")):
                with connection.cursor(kind) as cursor:
                    answer += [
                        cursor.execute(PEOPLE.format("kinds")),
                        seen(cursor.fetchone()),
                        cursor.rowcount,
                    ]
                    answer += [seen(cursor.fetchmany(1))]
                with connection.cursor(kind) as cursor:
                    cursor.execute("SELECT seq FROM seq_1_to_300")
                    answer += [sum(row["seq"] if isinstance(row, dict) else row[0] for row in cursor)]
        return answer

    @cases("transactions: lastrowid, insert_id, executemany, commit, rollback, savepoint, autocommit")
    def transactions() -> Any:
        with driver.connected("changes") as connection, connection.cursor() as cursor:
            insert = "INSERT INTO changes (name) VALUES (%s)"
            answer = [cursor.execute(insert, ("dan",)), cursor.lastrowid, connection.insert_id()]
            connection.commit()
            answer += [
                cursor.executemany(insert, [(f"n{number}",) for number in range(20)]),
                cursor.lastrowid,
            ]
            cursor.execute("SAVEPOINT one")
            answer += [cursor.execute("DELETE FROM changes"), cursor.execute("ROLLBACK TO SAVEPOINT one")]
            answer += [cursor.execute("UPDATE changes SET n = 5 WHERE name = 'n3'"), connection.rollback()]
            connection.autocommit(True)
            connection.begin()
            answer += [cursor.execute("INSERT INTO changes (name) VALUES ('r') RETURNING id, name")]
            answer += [seen(cursor.fetchall()), connection.rollback(), connection.get_autocommit()]
            cursor.execute(PEOPLE.format("changes"))
            return [*answer, seen(cursor.fetchall())]

    @cases("types: decimal, unsigned, datetime, date, time, bytes, bit, JSON, geometry, year, NULL")
    def types() -> Any:
        with driver.connection() as connection:
            cursor = connection.cursor()
            cursor.execute(ON_MARIADB)
            answer = [seen(cursor.description), seen(cursor.fetchall())]
            cursor.execute("SELECT %s, %s, %s", ("ü€😀'\\", None, 1.5))
            return [*answer, seen(cursor.fetchall())]

    @cases("several results: multi statements, nextset, an error among them; callproc with OUT parameters")
    def results() -> Any:
        with driver.connected("results", **driver.several) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT 1; UPDATE results SET n = 2; SELECT name FROM results ORDER BY id")
            answer = [seen(cursor.fetchall())]
            while cursor.nextset():
                answer += [cursor.rowcount, seen(cursor.fetchall())]
            cursor.execute("SELECT 3; SELECT nothing FROM nowhere")
            answer += [failing(cursor.nextset)]
            cursor.execute(
                "CREATE OR REPLACE PROCEDURE two(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END"
            )
            answer += [seen(cursor.callproc("two", (4, 0))), seen(cursor.fetchall()), cursor.nextset()]
            cursor.execute("SELECT @_pm_two_1")
            return [*answer, seen(cursor.fetchall())]


def add_connections(cases: Cases, driver: Driver) -> None:
    """Errors, and connections that cannot be had, fail and are used by several threads."""

    @cases(
        "errors: unique, syntax, no table, range, deadline, parameters; warnings; closed cursor, connection"
    )
    def errors() -> Any:
        with driver.connected("errors") as connection:
            cursor = connection.cursor()
            twice = [("a",), ("a",)]
            late = "SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(3)"
            answer = [
                failing(lambda: cursor.execute("INSERT INTO errors (name) VALUES ('ann')")),
                failing(lambda: cursor.execute("SELEC 1")),
                failing(lambda: cursor.execute("SELECT * FROM nowhere")),
                failing(lambda: cursor.execute("INSERT INTO errors (n) VALUES (99999999999)")),
                failing(lambda: cursor.execute(late)),
                failing(lambda: cursor.execute("SELECT %s, %s", (1,))),
                failing(lambda: cursor.executemany("INSERT INTO errors (name) VALUES (%s)", twice)),
                cursor.execute("SELECT CAST('x' AS INT)"),
                cursor.warning_count,
                seen(connection.show_warnings()),
            ]
            cursor.close()
            answer.append(failing(lambda: cursor.execute("SELECT 1")))
            connection.ping()
            answer.append(failing(lambda: connection.cursor().execute("KILL CONNECTION_ID()")))
            return [*answer, connection.open, failing(connection.commit)]

    @cases("a connection that is refused, a password that is wrong")
    def refused() -> Any:
        place = mysql_place(driver.name)
        return [
            failing(lambda: driver.module().connect(**{**place, "port": 1})),
            failing(lambda: driver.module().connect(**{**place, "user": "nobody"})),
        ]

    @cases("read_timeout in the middle of a call")
    def timeout() -> Any:
        with driver.connection(read_timeout=1) as connection:
            return [failing(lambda: connection.cursor().execute("SELECT SLEEP(20)")), connection.open]

    @cases("four threads, a connection each")
    def threads() -> Any:
        def ask(number: int) -> Any:
            with driver.connected(f"thread_{number}") as connection, connection.cursor() as cursor:
                cursor.execute("SELECT %s + 1", (number,))
                return seen(cursor.fetchone())

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(ask, range(8)))
