"""What requests do with psycopg besides statements: COPY, streams, notifications, pipelines, two phases."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg

from tests.faults.postgres_jobs import address
from tests.faults.seen import OwnError, attempt, attempt_async

_ROWS = "SELECT n, 'x' FROM generate_series(1, 5) n"
_BREAKS_OFF = "SELECT 1 / (3 - n) FROM generate_series(1, 5) n"
_TABLE = "CREATE TEMPORARY TABLE told (id int PRIMARY KEY, name text)"
_FROM = "COPY told FROM STDIN"
_TO = f"COPY ({_ROWS}) TO STDOUT"


def copies() -> Any:
    """COPY in both directions, and what fails in it."""
    with psycopg.connect(address("DB_PSYCOPG"), autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute(_TABLE)
        with cursor.copy(_FROM) as copy:
            copy.write("1\ta\n2\tb\n")
            copy.write_row((3, "c"))
        seen: list[Any] = [cursor.rowcount, cursor.statusmessage]
        with cursor.copy(_TO) as copy:
            seen.append(b"".join(map(bytes, copy)))
        with cursor.copy(_TO) as copy:
            seen.append([list(row) for row in copy.rows()])
        with cursor.copy(f"{_TO} (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            seen.append(list(copy.rows()))
        seen.append(attempt(lambda: _write(cursor, "no number\ta\n")))
        seen.append(attempt(lambda: _give_up(cursor)))
        seen.append(attempt(lambda: _write(cursor, "4\td\n", "COPY missing FROM STDIN")))
        seen.append(attempt(lambda: _read(cursor, f"COPY ({_BREAKS_OFF}) TO STDOUT")))
        cursor.execute("SELECT count(*) FROM told")
        return [*seen, cursor.fetchone()]


def _write(cursor: psycopg.Cursor[Any], data: str, statement: Any = _FROM) -> None:
    with cursor.copy(statement) as copy:
        copy.write(data)


def _give_up(cursor: psycopg.Cursor[Any]) -> None:
    with cursor.copy(_FROM) as copy:
        copy.write("5\te\n")
        raise OwnError("in the middle of a COPY")


def _read(cursor: psycopg.Cursor[Any], statement: Any) -> Any:
    with cursor.copy(statement) as copy:
        return list(copy)


def streams() -> Any:
    """Rows as they come, notifications, a pipeline, two phases."""
    with psycopg.connect(address("DB_PSYCOPG"), autocommit=True) as connection:
        cursor = connection.cursor()
        seen: list[Any] = [list(cursor.stream(_ROWS))]
        seen.append(attempt(lambda: list(cursor.stream(_BREAKS_OFF))))
        seen.append(attempt(lambda: list(cursor.stream("SELECT nothing"))))
        told: list[Any] = []
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary))
        connection.execute("DO $$ BEGIN RAISE NOTICE 'beside it'; END $$")
        connection.execute("LISTEN news")
        connection.execute("NOTIFY news, 'first'")
        told += [[one.channel, one.payload] for one in connection.notifies(timeout=0, stop_after=1)]
        with psycopg.connect(address("DB_PSYCOPG"), autocommit=True) as other:
            other.execute("NOTIFY news, 'second'")
        told += [[one.channel, one.payload] for one in connection.notifies(timeout=30, stop_after=1)]
        told += list(connection.notifies(timeout=0.01))
        with connection.pipeline():
            piped = [connection.execute("SELECT 1"), connection.execute("SELECT 2", prepare=True)]
        seen += [told, [one.fetchone() for one in piped], attempt(lambda: _piped(connection))]
    with contextlib.closing(psycopg.connect(address("DB_PSYCOPG"))) as connection:
        seen += [connection.tpc_recover(), attempt(lambda: connection.tpc_commit("missing"))]
        connection.tpc_begin("faults")
        connection.execute("SELECT 1")
        return [*seen, attempt(connection.tpc_prepare)]


def _piped(connection: psycopg.Connection[Any]) -> Any:
    """Statements that wait for their answers together, one of them refused."""
    with connection.pipeline() as pipeline, connection.transaction():
        many = connection.cursor()
        many.executemany("SELECT %s::int", [(1,), (2,)], returning=True)
        connection.execute("CREATE TEMPORARY TABLE piped (id int PRIMARY KEY)")
        told: Any = connection.cursor()
        told.executemany("INSERT INTO piped VALUES (%s)", [(1,), (2,)])
        pipeline.sync()
    with connection.pipeline() as pipeline:
        connection.execute("SELECT nothing")
        refused = attempt(pipeline.sync)
        wrong = attempt(lambda: connection.execute("SELECT %s", (object(),)))
    return [many.fetchall(), told.rowcount, refused, wrong]


async def copies_async() -> Any:
    """As :func:`copies`."""
    connecting = psycopg.AsyncConnection.connect(address("DB_PSYCOPG"), autocommit=True)
    async with await connecting as connection:
        cursor = connection.cursor()
        await cursor.execute(_TABLE)
        async with cursor.copy(_FROM) as copy:
            await copy.write("1\ta\n")
            await copy.write_row((2, "b"))
        async with cursor.copy(_TO) as copy:
            seen: list[Any] = [cursor.rowcount, [bytes(piece) async for piece in copy]]
        async with cursor.copy(_TO) as copy:
            seen.append([row async for row in copy.rows()])
        seen.append(await attempt_async(_write_async(cursor, "no number\ta\n")))
        return seen


async def _write_async(cursor: psycopg.AsyncCursor[Any], data: str) -> None:
    async with cursor.copy(_FROM) as copy:
        await copy.write(data)


async def streams_async() -> Any:
    """As :func:`streams`."""
    connecting = psycopg.AsyncConnection.connect(address("DB_PSYCOPG"), autocommit=True)
    async with await connecting as connection:
        seen: list[Any] = [[row async for row in connection.cursor().stream(_ROWS)]]
        await connection.execute("LISTEN news")
        await connection.execute("NOTIFY news, 'first'")
        heard = connection.notifies(timeout=0, stop_after=1)
        seen += [[one.channel, one.payload] async for one in heard]
        async with connection.pipeline():
            piped = await connection.execute("SELECT 1")
        return [*seen, await piped.fetchone()]
