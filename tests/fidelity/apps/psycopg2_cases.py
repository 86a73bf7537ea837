"""psycopg2, used directly."""

from __future__ import annotations

import contextlib
import io
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
from psycopg2 import extensions, extras, pool, sql

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import postgres_url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("psycopg2", "drivers/psycopg2")
PEOPLE = "SELECT id, name, n FROM {} ORDER BY id"


@contextlib.contextmanager
def connected(table: str, **options: Any) -> Iterator[Any]:
    """A connection, and a table with three rows in it."""
    with contextlib.closing(psycopg2.connect(postgres_url("psycopg2"), **options)) as connection:
        with connection, connection.cursor(cursor_factory=extensions.cursor) as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TABLE {table} (id SERIAL PRIMARY KEY, name TEXT UNIQUE, n INTEGER)")
            given = [("ann", 41), ("bob", 17), ("cid", None)]
            cursor.executemany(f"INSERT INTO {table} (name, n) VALUES (%s, %s)", given)
        yield connection


def failing(act: Callable[[], Any]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(act())}
    except Exception as error:
        return raised(error)


@CASES("execute, executemany; fetchone, fetchmany, fetchall, iteration, arraysize, description, query")
def fetching() -> Any:
    with connected("p2_fetching") as connection, connection.cursor() as cursor:
        cursor.arraysize = 2
        cursor.execute(PEOPLE.format("p2_fetching"))
        answer = [[column.name for column in cursor.description], cursor.rowcount, cursor.statusmessage]
        answer += [seen(cursor.fetchone()), cursor.rownumber, seen(cursor.fetchmany()), cursor.fetchone()]
        cursor.execute("SELECT name FROM p2_fetching WHERE n > %(n)s ORDER BY id", {"n": 1})
        return [
            *answer,
            seen(list(cursor)),
            cursor.query.decode(),
            cursor.scroll(0, "absolute"),
            seen(cursor.fetchall()),
        ]


@CASES("transactions: with, commit, rollback, savepoint, RETURNING, autocommit, status")
def transactions() -> Any:
    with connected("p2_changes") as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO p2_changes (name) VALUES ('dan') RETURNING id, name")
            answer = [seen(cursor.fetchall()), cursor.rowcount, connection.status]
        cursor = connection.cursor()
        cursor.execute("SAVEPOINT one")
        cursor.execute("DELETE FROM p2_changes")
        cursor.execute("ROLLBACK TO SAVEPOINT one")
        answer += [failing(lambda: cursor.execute("SELECT 1/0")), connection.get_transaction_status()]
        answer += [failing(lambda: cursor.execute("SELECT 1")), connection.rollback(), connection.status]
        connection.set_session("SERIALIZABLE", autocommit=True)
        cursor.execute(PEOPLE.format("p2_changes"))
        return [*answer, connection.isolation_level, connection.autocommit, seen(cursor.fetchall())]


@CASES("DictCursor, RealDictCursor, NamedTupleCursor; also on the server")
def cursor_factories() -> Any:
    answer = []
    with connected("p2_factories") as connection:
        for factory in (extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor):
            for name in (None, "named"):
                with connection.cursor(name, cursor_factory=factory) as cursor:
                    cursor.itersize = 2
                    cursor.execute(PEOPLE.format("p2_factories"))
                    row = cursor.fetchone()
                    by_name = row.name if factory is extras.NamedTupleCursor else row["name"]
                    answer += [[type(row).__name__, by_name, len(row)], [repr(row) for row in cursor]]
    return answer


@CASES("types: numeric, NaN, timestamptz, uuid, jsonb, arrays, ranges, inet, bytea, interval, enum, NULL")
def types() -> Any:
    with connected("p2_types") as connection, connection.cursor() as cursor:
        extras.register_uuid(conn_or_curs=connection)
        cursor.execute(
            "CREATE TEMP TABLE t (a numeric, b float8, c timestamptz, d uuid, e jsonb, f int[], g int4range)"
        )
        cursor.execute(
            "INSERT INTO t VALUES (1.50, 'NaN', '2026-01-02 03:04:05+02', %s, %s, %s, %s)",
            (uuid.UUID(int=7), extras.Json({"a": [1, None]}), [[1, 2], [3, None]], extras.NumericRange(1, 5)),
        )
        cursor.execute(
            "SELECT *, '10.0.0.1/8'::inet, %s, %s, '1 mon 3 days'::interval, NULL FROM t",
            ("a\\b'c", b"\x00\xff"),
        )
        return seen([bytes(item) if isinstance(item, memoryview) else item for item in cursor.fetchone()])


@CASES("errors: unique with its diagnostics, syntax, timeout, serialization, closed cursor and connection")
def errors() -> Any:
    with connected("p2_errors") as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        answer = [
            failing(lambda: cursor.execute("INSERT INTO p2_errors (name) VALUES ('ann')")),
            failing(lambda: cursor.execute("SELEC 1")),
            failing(lambda: cursor.execute("SET statement_timeout = 10; SELECT pg_sleep(5)")),
            failing(lambda: cursor.execute("DO $$ BEGIN RAISE serialization_failure; END $$")),
            failing(cursor.fetchone),
        ]
        cursor.close()
        answer.append(failing(lambda: cursor.execute("SELECT 1")))
        connection.close()
        return [*answer, failing(connection.cursor)]


@CASES("a connection that is refused")
def refused() -> Any:
    return failing(lambda: psycopg2.connect("postgresql://nobody@127.0.0.1:1/none"))


@CASES("COPY in and out: copy_from, copy_to, copy_expert")
def copying() -> Any:
    with connected("p2_copies") as connection, connection.cursor() as cursor:
        cursor.copy_from(io.StringIO("10\tx\t1\n11\ty\t\\N\n"), "p2_copies")
        answer = [cursor.rowcount]
        cursor.copy_expert(
            "COPY p2_copies (id, name) FROM STDIN WITH CSV", io.BytesIO("12,\u00fc\n".encode())
        )
        text, raw = io.StringIO(), io.BytesIO()
        cursor.copy_to(text, "p2_copies", sep="|", null="-")
        cursor.copy_expert("COPY (SELECT name FROM p2_copies ORDER BY id) TO STDOUT WITH CSV HEADER", raw)
        return [*answer, text.getvalue(), raw.getvalue().decode(), cursor.rowcount]


@CASES("execute_values, execute_batch, callproc, sql.Composed, notices, LISTEN and NOTIFY")
def extensions_of_it() -> Any:
    with connected("p2_extras") as connection, connection.cursor() as cursor:
        rows = extras.execute_values(
            cursor,
            "INSERT INTO p2_extras (name, n) VALUES %s RETURNING id",
            [("x'1", 1), ("x\\2", None)],
            fetch=True,
        )
        extras.execute_batch(cursor, "UPDATE p2_extras SET n = %s WHERE name = %s", [(5, "ann"), (6, "bob")])
        answer = [seen(rows), seen(cursor.callproc("abs", (-4,))), seen(cursor.fetchall())]
        query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(
            sql.Identifier("name"), sql.Identifier("p2_extras")
        )
        cursor.execute(query)
        answer += [seen(cursor.fetchall()), query.as_string(cursor)]
        cursor.execute("DO $$ BEGIN RAISE NOTICE 'hear'; END $$")
        cursor.execute("LISTEN p2; NOTIFY p2, 'news'")
        connection.commit()
        connection.poll()
        return [*answer, connection.notices[-1:], [[one.channel, one.payload] for one in connection.notifies]]


@CASES("ThreadedConnectionPool used by four threads")
def pools() -> Any:
    own = pool.ThreadedConnectionPool(1, 4, postgres_url("psycopg2"))

    def ask(number: int) -> Any:
        connection = own.getconn()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT %s + 1", (number,))
                return seen(cursor.fetchone())
        finally:
            own.putconn(connection)

    with ThreadPoolExecutor(4) as executor:
        answer = list(executor.map(ask, range(12)))
    own.closeall()
    return answer
