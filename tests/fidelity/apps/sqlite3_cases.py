"""sqlite3 of the standard library, used directly."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import sqlite_file
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("sqlite3", "drivers/sqlite3")


@contextlib.contextmanager
def connected(
    table: str, columns: str = "id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER", **options: Any
) -> Iterator[sqlite3.Connection]:
    """A connection, and a table with three rows in it."""
    with contextlib.closing(sqlite3.connect(sqlite_file("sqlite"), **options)) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} ({columns})")
        if "name" in columns:
            connection.executemany(
                f"INSERT INTO {table} (name, n) VALUES (?, ?)", [("ann", 41), ("bob", 17), ("cid", None)]
            )
        connection.commit()
        yield connection


def failing(act: Callable[[], Any]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(act())}
    except Exception as error:
        return raised(error)


@CASES("execute, executemany, executescript; fetchone, fetchmany, fetchall, iteration, arraysize")
def fetching() -> Any:
    with connected("fetching") as connection:
        cursor = connection.cursor()
        cursor.arraysize = 2
        query = "SELECT id, name, n FROM fetching ORDER BY id"
        cursor.execute(query)
        answer = [seen(cursor.description), cursor.rowcount]
        answer += [
            seen(cursor.fetchone()),
            seen(cursor.fetchmany()),
            seen(cursor.fetchmany()),
            cursor.fetchone(),
        ]
        answer.append(seen(list(cursor.execute(query))))
        answer.append(seen(connection.execute("SELECT :a, :b", {"b": 2, "a": 1.5}).fetchall()))
        cursor.executescript("INSERT INTO fetching (name) VALUES ('dan'); DELETE FROM fetching WHERE n = 17;")
        return [*answer, cursor.rowcount, cursor.execute("SELECT count(*) FROM fetching").fetchone()]


@CASES("transactions: commit, rollback, with, savepoint, isolation_level, in_transaction, total_changes")
def transactions() -> Any:
    with connected("transactions") as connection:

        def state() -> list[Any]:
            return [connection.in_transaction, connection.total_changes]

        answer: list[Any] = [state()]
        cursor = connection.execute("INSERT INTO transactions (name) VALUES ('dan')")
        answer += [state(), cursor.lastrowid, cursor.rowcount]
        connection.rollback()
        with connection:
            connection.execute("UPDATE transactions SET n = n + 1")
        answer.append(state())
        with contextlib.suppress(LookupError), connection:
            connection.execute("DELETE FROM transactions")
            raise LookupError
        connection.execute("SAVEPOINT one")
        connection.execute("DELETE FROM transactions")
        connection.execute("ROLLBACK TO one")
        answer.append(state())
        connection.isolation_level = None
        answer += [state(), seen(connection.execute("SELECT name, n FROM transactions").fetchall())]
        return answer


def by_name(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


@CASES("row factories: sqlite3.Row, one of the application's, text_factory")
def row_factories() -> Any:
    with connected("factories") as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT id, name AS Who FROM factories ORDER BY id").fetchone()
        answer: list[Any] = [isinstance(row, sqlite3.Row), row.keys(), row["who"], seen(tuple(row)), len(row)]
        connection.row_factory = by_name
        answer.append(connection.execute("SELECT name, n FROM factories ORDER BY id").fetchall())
        connection.row_factory = None
        connection.text_factory = bytes
        return [*answer, seen(connection.execute("SELECT name FROM factories ORDER BY id").fetchone())]


@CASES("adapters and converters: detect_types")
def converters() -> Any:
    sqlite3.register_adapter(Decimal, str)
    sqlite3.register_converter("money", lambda raw: Decimal(raw.decode()))
    columns = "day date, moment timestamp, amount money"
    with connected(
        "converters", columns, detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES
    ) as connection:
        values = (dt.date(2026, 2, 28), dt.datetime(2026, 1, 2, 3, 4, 5, 6), Decimal("1.20"))
        connection.execute("INSERT INTO converters VALUES (?, ?, ?)", values)
        cursor = connection.execute('SELECT *, day AS "again [date]" FROM converters')
        return [seen(cursor.description), seen(cursor.fetchall())]


@CASES("RETURNING, NULL, large integers, floats, blobs, text")
def values() -> Any:
    with connected("specimens", "a, b, c, d, e, f") as connection:
        given = (2**63 - 1, -0.0, b"\x00\xff", "ü\U0001f600", None, 1e300)
        cursor = connection.execute("INSERT INTO specimens VALUES (?, ?, ?, ?, ?, ?) RETURNING *", given)
        return [cursor.rowcount, seen(cursor.fetchall()), cursor.rowcount, cursor.lastrowid]


@CASES("errors: unique, syntax, bindings, failing halfway, a commit that fails, closed cursor and connection")
def errors() -> Any:
    with connected(
        "errors",
        "id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
        " n INTEGER REFERENCES errors (id) DEFERRABLE INITIALLY DEFERRED",
    ) as connection:
        cursor = connection.cursor()
        answer = [
            failing(lambda: cursor.execute("INSERT INTO errors (name) VALUES ('ann')")),
            failing(lambda: cursor.execute("SELEC 1")),
            failing(lambda: cursor.execute("SELECT ?, ?", (1,))),
            failing(lambda: cursor.execute("SELECT 1 UNION ALL SELECT abs(-9223372036854775808)").fetchall()),
        ]
        connection.rollback()
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO errors (name, n) VALUES ('orphan', 999)")
        answer.append(failing(connection.commit))
        connection.rollback()
        cursor.close()
        answer.append(failing(lambda: cursor.execute("SELECT 1")))
        connection.close()
        return [*answer, failing(lambda: connection.execute("SELECT 1"))]


@CASES("a database that cannot be opened")
def cannot_open() -> Any:
    return failing(lambda: sqlite3.connect("/nowhere/at/all.db"))


@CASES("functions, aggregates and collations of the application; iterdump")
def functions() -> Any:
    with connected("functions") as connection:
        connection.create_function("double", 1, lambda value: value and value * 2, deterministic=True)
        connection.create_collation("backwards", lambda one, two: (one < two) - (one > two))
        answer: list[Any] = [
            seen(connection.execute("SELECT double(n) FROM functions ORDER BY id").fetchall())
        ]
        answer.append(
            seen(connection.execute("SELECT name FROM functions ORDER BY name COLLATE backwards").fetchall())
        )
        return [*answer, [line for line in connection.iterdump() if "functions" in line]]


class Counting(sqlite3.Connection):
    """A connection of the application's own class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = 0
        self.version = self.execute("SELECT 1 + 1").fetchone()

    def execute(self, *args: Any) -> Any:
        self.asked = getattr(self, "asked", 0) + 1
        return super().execute(*args)


class Loud(sqlite3.Cursor):
    def fetchone(self) -> Any:
        row = super().fetchone()
        return row and tuple(str(value).upper() for value in row)


@CASES("classes of the application: Connection through factory, Cursor through cursor()")
def classes() -> Any:
    with connected("classes", factory=Counting) as connection:
        assert isinstance(connection, Counting)
        loud = connection.cursor(Loud)
        answer: list[Any] = [isinstance(loud, Loud)]
        answer.append(seen(loud.execute("SELECT name FROM classes ORDER BY id").fetchone()))
        return [*answer, connection.asked, seen(connection.version)]


@CASES("one connection used by eight threads")
def threads() -> Any:
    lock = threading.Lock()
    with connected("threads", check_same_thread=False) as connection:

        def ask(number: int) -> Any:
            with lock:
                return seen(connection.execute("SELECT ? + 1", (number,)).fetchone())

        with ThreadPoolExecutor(8) as executor:
            return list(executor.map(ask, range(24)))
