"""What requests do with drivers of MySQL, where there is a server for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiomysql
import asyncmy
import asyncmy.cursors
import mysql.connector
import mysql.connector.aio
import pymysql
import pymysql.cursors

from tests.faults.seen import OwnError, attempt, attempt_async
from tests.services.programs import find

THERE = "DB_PYMYSQL" in os.environ
CLIENT_THERE = THERE and bool(find("mysqlclient"))
_ROWS = "SELECT 1 AS n, 'x' AS name UNION SELECT 2, 'y' UNION SELECT 3, 'z'"
_TABLE = "CREATE TEMPORARY TABLE told (id int PRIMARY KEY, name text)"
_INSERT = "INSERT INTO told VALUES (%s, %s)"
_OF_DJANGO = (
    "SELECT VERSION(), @@sql_mode, @@default_storage_engine, @@sql_auto_is_null, @@lower_case_table_names,"
    " CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL"
)
_PROCEDURE = "CREATE OR REPLACE PROCEDURE doubled(number int) BEGIN SELECT 2 * number; END"


def _address(variable: str, database: str) -> dict[str, Any]:
    parts = urlsplit(os.environ[variable])
    return {
        "host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password,
        database: parts.path[1:],
    }  # fmt: skip


def make_procedures() -> None:
    """What an app's migration did."""
    for variable in ("DB_PYMYSQL", "DB_MYSQLCONNECTOR", "DB_AIOMYSQL", "DB_ASYNCMY") if THERE else ():
        with contextlib.closing(pymysql.connect(**_address(variable, "database"))) as connection:
            connection.query(_PROCEDURE)


def with_pymysql() -> Any:
    """Statements, rows, many at once, procedures, transactions, errors."""
    with contextlib.closing(pymysql.connect(**_address("DB_PYMYSQL", "database"))) as connection:
        cursor = connection.cursor()
        seen: list[Any] = [cursor.execute(_ROWS), cursor.fetchone(), cursor.fetchall(), cursor.rowcount]
        cursor.execute(_TABLE)
        cursor.executemany(_INSERT, iter([(1, "a"), (2, "b")]))
        connection.commit()
        seen.append(attempt(lambda: cursor.executemany(_INSERT, _failing()))["class"])
        seen.append(attempt(lambda: cursor.execute(_INSERT, (1, "again"))))
        seen.append(attempt(lambda: cursor.execute("SELECT nothing")))
        connection.rollback()
        with connection.cursor(pymysql.cursors.SSCursor) as served:
            served.execute(_ROWS)
            seen += [served.fetchone(), served.fetchall()]
        seen += [cursor.callproc("doubled", (2,)), cursor.fetchall()]
        seen += [cursor.execute(_OF_DJANGO), cursor.fetchall()]
        connection.ping()
        seen.append(connection.query("DO 1"))
        connection.begin()
        cursor.execute("SELECT 1 / 0")
        seen += [
            connection.show_warnings(),
            cursor.execute("SELECT * FROM told ORDER BY id"),
            cursor.fetchall(),
        ]
        cursor.close()
    seen.append(attempt(lambda: cursor.execute(_ROWS)))
    return [*seen, attempt(lambda: pymysql.connect(host="127.0.0.1", port=1))]


def with_client() -> Any:
    """As :func:`with_pymysql`, and what is asked of the C library itself."""
    import MySQLdb.cursors

    address = _address("DB_PYMYSQL", "database")
    with contextlib.closing(MySQLdb.connect(**address)) as connection:
        cursor = connection.cursor()
        seen: list[Any] = [cursor.execute(_ROWS), cursor.fetchone(), cursor.fetchall(), cursor.rowcount]
        cursor.execute(_TABLE)
        cursor.executemany(_INSERT, iter([(1, "a"), (2, "b")]))
        connection.commit()
        seen.append(attempt(lambda: cursor.executemany(_INSERT, _failing()))["class"])
        seen.append(attempt(lambda: cursor.execute(_INSERT, (1, "again"))))
        connection.rollback()
        with connection.cursor(MySQLdb.cursors.SSDictCursor) as served:
            served.execute(_ROWS)
            seen += [served.fetchone(), served.fetchall()]
        seen += [cursor.callproc("doubled", (2,)), cursor.fetchall(), cursor.execute("SELECT 1; SELECT 2")]
        seen += [cursor.nextset(), cursor.fetchall(), cursor.execute("SELECT 3; SELECT 4")]
        seen += [cursor.execute(_OF_DJANGO), cursor.fetchall(), connection.ping(), connection.begin()]
        seen += [connection.autocommit(False), connection.set_character_set("utf8mb4")]
        connection.query(_ROWS)
        result = connection.use_result()
        seen += [result.fetch_row(1, 1), result.discard(), connection.query("DO 1")]
        cursor.execute("SELECT 1 / 0")
        seen.append(connection.show_warnings())
        seen.append(attempt(lambda: connection.kill(999_999_999))["class"])
        cursor.close()
    seen.append(attempt(lambda: cursor.execute(_ROWS)))
    return [*seen, attempt(lambda: MySQLdb.connect(host="127.0.0.1", port=1))]


def with_connector() -> Any:
    """As :func:`with_pymysql`, prepared statements as well; with connections of both kinds."""
    return [_asked_of_connector(pure=True), _asked_of_connector(pure=False)]


def _asked_of_connector(*, pure: bool) -> Any:
    address = _address("DB_MYSQLCONNECTOR", "database")
    connection: Any
    with contextlib.closing(mysql.connector.connect(**address, use_pure=pure)) as connection:
        # MariaDB does not take what the driver notes of a span, and in C it spoils prepared statements
        connection.otel_context_propagation = False
        cursor = connection.cursor()
        cursor.execute(_ROWS)
        seen: list[Any] = [cursor.fetchone(), cursor.fetchall(), cursor.rowcount]
        cursor.execute(_TABLE)
        cursor.executemany(_INSERT, [(1, "a"), (2, "b")])
        connection.commit()
        seen.append(attempt(lambda: cursor.execute(_INSERT, (1, "again"))))
        connection.rollback()
        prepared = connection.cursor(prepared=True)
        prepared.execute("SELECT name FROM told WHERE id = %s", (1,))
        seen.append(prepared.fetchall())
        prepared.close()
        seen += [cursor.callproc("doubled", (2,)), [result.fetchall() for result in cursor.stored_results()]]
        cursor.execute(_OF_DJANGO)
        seen.append(cursor.fetchall())
        connection.ping()
        connection.cmd_query("SELECT 5")
        seen.append(connection.get_rows()[0])
        seen.append(connection.database == address["database"])
        connection.database = address["database"]
        cursor.execute("SELECT * FROM told ORDER BY id")
        seen.append(cursor.fetchall())
        cursor.close()
    seen.append(attempt(lambda: cursor.execute(_ROWS)))
    return [*seen, attempt(lambda: mysql.connector.connect(host="127.0.0.1", port=1, use_pure=pure))["class"]]


async def with_aiomysql() -> Any:
    """As :func:`with_pymysql`."""
    connection = await aiomysql.connect(**_address("DB_AIOMYSQL", "db"))
    try:
        cursor = await connection.cursor()
        seen: list[Any] = [await cursor.execute(_ROWS), await cursor.fetchone(), await cursor.fetchall()]
        await cursor.execute(_TABLE)
        await cursor.executemany(_INSERT, iter([(1, "a"), (2, "b")]))
        await connection.commit()
        seen.append((await attempt_async(cursor.executemany(_INSERT, _failing())))["class"])
        seen.append(await attempt_async(cursor.execute(_INSERT, (1, "again"))))
        await connection.rollback()
        seen += [await cursor.callproc("doubled", (2,)), await cursor.fetchall()]
        await connection.ping()
        await connection.begin()
        seen.append(await connection.query("DO 1"))
        await cursor.execute("SELECT 1 / 0")
        seen.append(await connection.show_warnings())
        await cursor.close()
    finally:
        connection.close()
    failed = await attempt_async(aiomysql.connect(host="127.0.0.1", port=1))
    return [*seen, failed["class"], failed["frames"]]


async def with_asyncmy() -> Any:
    """As :func:`with_pymysql`, prepared statements as well."""
    address = _address("DB_ASYNCMY", "database")
    async with asyncmy.connect(**address) as connection:
        cursor = connection.cursor()
        seen: list[Any] = [await cursor.execute(_ROWS), await cursor.fetchone(), await cursor.fetchall()]
        await cursor.execute(_TABLE)
        await cursor.executemany(_INSERT, iter([(1, "a"), (2, "b")]))
        await connection.commit()
        seen.append((await attempt_async(cursor.executemany(_INSERT, _failing())))["class"])
        seen.append((await attempt_async(cursor.execute(_INSERT, (1, "again"))))["text"])
        await connection.rollback()
        async with connection.cursor(asyncmy.cursors.SSCursor) as served:
            await served.execute(_ROWS)
            seen += [await served.fetchone(), await served.fetchall()]
        async with await connection.prepare("INSERT INTO told VALUES (?, ?)") as prepared:
            seen.append((await prepared.execute((3, "c"))).affected_rows)
            seen.append((await prepared.execute_bulk([(4, "d"), (5, "e")])).affected_rows)
        seen += [await cursor.callproc("doubled", (2,)), await cursor.fetchall()]
        await connection.ping()
        await connection.select_db(address["database"])
        seen.append(await connection.query("DO 1"))
        await cursor.execute("SELECT 1 / 0")
        seen.append(await connection.show_warnings())
        seen.append((await attempt_async(connection.kill(999_999_999)))["class"])
        await cursor.close()
    failed = await attempt_async(asyncmy.connect(host="127.0.0.1", port=1))
    return [*seen, failed["class"]]


async def with_connector_aio() -> Any:
    """As :func:`with_connector`, and what the library offers below its cursors."""
    address = _address("DB_MYSQLCONNECTOR", "database")
    connection: Any = await mysql.connector.aio.connect(**address, ssl_disabled=True)
    try:
        cursor = await connection.cursor()
        await cursor.execute(_ROWS)
        seen: list[Any] = [await cursor.fetchone(), await cursor.fetchall(), cursor.rowcount]
        await cursor.execute(_TABLE)
        await cursor.executemany(_INSERT, iter([(1, "a"), (2, "b")]))
        await connection.commit()
        seen.append(await attempt_async(cursor.execute(_INSERT, (1, "again"))))
        await connection.rollback()
        async with await connection.cursor(prepared=True) as prepared:
            await prepared.execute("SELECT name FROM told WHERE id = %s", (1,))
            seen.append(await prepared.fetchall())
        seen += [await cursor.callproc("doubled", (2,))]
        async for _ in connection.cmd_query_iter("SELECT 5; SELECT 6"):
            seen.append((await connection.get_rows())[0])
        await connection.ping()
        await connection.cmd_init_db(address["database"])
        seen.append(await connection.get_database() == address["database"])
        known = await connection.cmd_stmt_prepare(b"DO ?")
        seen.append(await connection.cmd_stmt_execute(known["statement_id"], [1], known["parameters"]))
        seen.append(sorted(await connection.cmd_statistics()))
        failed = await attempt_async(connection.cmd_change_user("nobody"))
        seen.append(failed["class"])
    finally:
        await connection.close()
    failed = await attempt_async(mysql.connector.aio.connect(host="127.0.0.1", port=1))
    return [*seen, failed["class"], failed["frames"]]


def _failing() -> Iterator[Any]:
    yield (7, "g")
    raise OwnError("while it is read")
