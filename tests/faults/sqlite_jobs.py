"""What requests do with sqlite3, directly and in threads of aiosqlite."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from typing import Any

import aiosqlite

from tests.faults.seen import OwnError, attempt, attempt_async

_TABLES = """
    CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
    INSERT INTO people (name) VALUES ('ann'), ('bob'), ('cid');
"""
_NAMES = "SELECT id, name FROM people ORDER BY id"


def _people(**options: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(":memory:", **options)
    connection.executescript(_TABLES)
    return connection


def statements() -> Any:
    """Statements and rows."""
    with contextlib.closing(_people()) as connection:
        cursor = connection.cursor()
        seen: list[Any] = [cursor.execute(_NAMES).fetchone(), cursor.fetchmany(1), cursor.fetchall()]
        seen += [list(cursor.execute(_NAMES)), cursor.rowcount, cursor.lastrowid, cursor.description]
        with connection:
            cursor.execute("INSERT INTO people (name) VALUES (?)", ("dan",))
            seen += [cursor.lastrowid, connection.in_transaction]
        cursor.executemany("INSERT INTO people (name) VALUES (?)", iter([("eve",), ("fay",)]))
        seen += [cursor.rowcount, connection.total_changes, connection.in_transaction]
        connection.rollback()
        seen.append(attempt(functools.partial(_fail_within, connection)))
        seen.append(attempt(lambda: connection.execute("INSERT INTO people (name) VALUES ('ann')")))
        seen.append(attempt(lambda: cursor.execute("SELECT nothing")))
        cursor.executescript("UPDATE people SET name = 'zoe' WHERE id = 1")
        connection.executemany("UPDATE people SET name = ? WHERE id = ?", [("yan", 2)])
        connection.commit()
        connection.row_factory = sqlite3.Row
        rows = connection.execute(_NAMES)
        seen += [rows.row_factory is sqlite3.Row, [[type(row).__name__, dict(row)] for row in rows]]
        rows.row_factory = _failing_factory
        seen.append(attempt(lambda: rows.execute(_NAMES).fetchall()))
        cursor.close()
        seen.append(attempt(lambda: cursor.execute(_NAMES)))
    return [*seen, attempt(lambda: connection.execute(_NAMES))]


def _fail_within(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("DELETE FROM people")
        raise OwnError("in the middle of a transaction")


def _failing_factory(cursor: sqlite3.Cursor, row: Any) -> Any:
    if row[0] == 2:
        raise OwnError("in a row factory")
    return row


class _OwnConnection(sqlite3.Connection):
    """An app's own."""


class _OwnCursor(sqlite3.Cursor):
    """An app's own."""


def connections() -> Any:
    """Connections: how they are made, what else they do."""
    told: list[Any] = []
    with contextlib.closing(_people(factory=_OwnConnection)) as connection:
        connection.isolation_level = None
        connection.set_trace_callback(told.append)
        connection.set_progress_handler(None, 1)
        connection.set_authorizer(None)
        cursor = connection.cursor(_OwnCursor)
        told += [type(connection).__name__, type(cursor).__name__, cursor.execute(_NAMES).fetchall()]
        connection.set_trace_callback(None)
        told.append(attempt(lambda: connection.cursor(lambda _: None)))  # type: ignore[type-var]  # what an app may try
        with contextlib.closing(sqlite3.connect(":memory:")) as copy:
            connection.backup(copy)
            told.append(copy.execute(_NAMES).fetchall())
            copy.deserialize(connection.serialize())
        connection.execute("CREATE TABLE blobs (data BLOB)")
        connection.execute("INSERT INTO blobs VALUES (zeroblob(3))")
        with connection.blobopen("blobs", "data", 1) as blob:
            told.append(blob.read())
        told.append(attempt(lambda: connection.load_extension("missing")))
    told.append(attempt(lambda: sqlite3.connect("/proc/none/none.db")))
    return [*told, attempt(lambda: sqlite3.connect(":memory:", factory=lambda *_, **__: None))]  # type: ignore[call-overload]  # as above


async def in_threads() -> Any:
    """aiosqlite."""
    async with aiosqlite.connect(":memory:") as connection:
        await connection.executescript(_TABLES)
        async with connection.execute(_NAMES) as cursor:
            seen: list[Any] = [await cursor.fetchone(), [row async for row in cursor]]
        await connection.execute("INSERT INTO people (name) VALUES ('dan')")
        await connection.commit()
        seen.append(await attempt_async(connection.execute("SELECT nothing")))
    return seen
