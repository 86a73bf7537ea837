"""What requests do with asyncpg, without SQLAlchemy above it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg

from tests.faults.seen import OwnError, attempt_async

_ROWS = "SELECT n, 'x' AS name FROM generate_series(1, 5) n"
_TABLE = "CREATE TEMPORARY TABLE told (id int PRIMARY KEY, name text)"
_BREAKS_OFF = "SELECT 1 / (2 - n) FROM generate_series(1, 3) n"
_INSERT = "INSERT INTO told VALUES ($1, $2)"


def _address() -> str:
    return os.environ["DB_ASYNCPG"].replace("+asyncpg", "")


@contextlib.asynccontextmanager
async def _connected() -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(_address())
    try:
        yield connection
    finally:
        await connection.close()


async def statements() -> Any:
    """Statements, many at once, transactions, pools, errors."""
    async with _connected() as connection:
        seen: list[Any] = [await connection.execute(_TABLE), await connection.execute(_INSERT, 0, "zero")]
        seen += [_plain(await connection.fetch(_ROWS)), _plain([await connection.fetchrow(_ROWS)])]
        seen.append(await connection.fetchval("SELECT $1::int + 1", 1))
        await connection.executemany(_INSERT, [(1, "a"), (2, "b")])
        await connection.executemany(_INSERT, iter([(3, "c"), (4, "d")]))
        seen.append(_plain(await connection.fetchmany(f"{_INSERT} RETURNING id", [(5, "e"), (6, "f")])))
        seen.append(await attempt_async(connection.execute(_INSERT, 1, "again")))
        seen.append(await attempt_async(connection.fetch("SELECT nothing")))
        seen.append(await attempt_async(connection.executemany(_INSERT, _failing([(7, "g")]))))
        seen.append(await attempt_async(_within(connection)))
        seen.append(await connection.fetchval("SELECT count(*) FROM told"))
    seen.append(await attempt_async(connection.fetch(_ROWS)))
    return [*seen, await attempt_async(asyncpg.connect("postgresql://postgres@127.0.0.1:1/none"))]


async def pools() -> Any:
    """A connection that goes back to its pool."""
    async with asyncpg.create_pool(_address(), min_size=1, max_size=1) as pool:
        return [await pool.fetchval("SELECT 1"), await pool.fetchval("SELECT 2")]


async def _within(connection: asyncpg.Connection[Any]) -> None:
    async with connection.transaction():
        await connection.execute("DELETE FROM told")
        raise OwnError("in the middle of a transaction")


async def prepared() -> Any:
    """Prepared statements."""
    async with _connected() as connection:
        await connection.execute(_TABLE)
        statement = await connection.prepare(_ROWS)
        named = [attribute.name for attribute in statement.get_attributes()]
        seen: list[Any] = [named, _plain(await statement.fetch()), await statement.fetchval()]
        insert = await connection.prepare(f"{_INSERT} RETURNING id")
        await insert.executemany(iter([(1, "a"), (2, "b")]))
        seen.append(_plain(await insert.fetchmany([(3, "c")])))
        seen.append(await attempt_async(insert.fetch(1, "again")))
        seen.append(await attempt_async(connection.prepare("SELECT nothing")))
        return [*seen, insert.get_statusmsg()]


async def cursors() -> Any:
    """Cursors, iterated over and moved."""
    async with _connected() as connection, connection.transaction():
        seen: list[Any] = [_plain([row async for row in connection.cursor(_ROWS, prefetch=2)])]
        cursor = await connection.cursor(_ROWS)
        seen += [await cursor.forward(1), _plain(await cursor.fetch(2)), _plain([await cursor.fetchrow()])]
        seen += [await cursor.forward(9), await cursor.fetchrow()]
        seen.append(await attempt_async(cursor.forward(0)))
        seen.append(await attempt_async(_next(connection, _BREAKS_OFF)))
        return seen


async def _next(connection: asyncpg.Connection[Any], query: str) -> Any:
    return [row async for row in connection.cursor(query, prefetch=2)]


async def copies() -> Any:
    """COPY in both directions."""
    async with _connected() as connection:
        await connection.execute(_TABLE)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "copied"
            path.write_bytes(b"1\ta\n2\tb\n")
            seen: list[Any] = [await connection.copy_to_table("told", source=path)]
            seen.append(await connection.copy_to_table("told", source=io.BytesIO(b"3\tc\n")))
            seen.append(await connection.copy_to_table("told", source=_pieces([b"4\t", b"d\n"])))
            seen.append(await connection.copy_records_to_table("told", records=[(5, "e")]))
            seen.append(await connection.copy_records_to_table("told", records=_pieces([(6, "f"), (7, "g")])))
            seen.append(await connection.copy_from_query("SELECT * FROM told", output=path))
            seen.append(path.read_bytes())
        file, pieces = io.BytesIO(), bytearray()

        async def write(data: bytes) -> None:
            pieces.extend(data)

        seen.append(await connection.copy_from_table("told", output=file, format="binary"))
        seen.append(await connection.copy_from_query("SELECT $1::int", 1, output=write))
        seen += [len(file.getvalue()), bytes(pieces)]
        return seen


async def failing_copies() -> Any:
    """COPY that fails: in the server, or in what the app gives or takes; each on its own connection."""

    async def refuse(_data: bytes) -> None:
        raise OwnError("while it is written")

    return [
        await _copying(lambda to: to.copy_from_query(_ROWS, output=refuse)),
        await _copying(lambda to: to.copy_from_query(_BREAKS_OFF, output=io.BytesIO())),
        await _copying(lambda to: to.copy_from_query(_ROWS, output=None)),
        await _copying(lambda to: to.copy_to_table("told", source=_failing_pieces())),
        await _copying(lambda to: to.copy_to_table("told", source=io.BytesIO(b"no number\ta\n"))),
        await _copying(lambda to: to.copy_records_to_table("told", records=_failing([(1, "a")]))),
        await _copying(lambda to: to.copy_records_to_table("missing", records=[(1, "a")])),
    ]


async def _copying(copy: Callable[[asyncpg.Connection[Any]], Awaitable[Any]]) -> Any:
    async with _connected() as connection:
        await connection.execute(_TABLE)
        failed = await attempt_async(copy(connection))
        connection.terminate()
        return failed


async def listening() -> Any:
    """Notifications and notices."""
    async with _connected() as connection:
        told: list[Any] = []
        came = asyncio.Event()

        def hear(_connection: Any, _pid: int, channel: str, payload: Any) -> None:
            told.append([channel, payload])
            came.set()

        connection.add_log_listener(lambda _connection, message: told.append(message.message))
        await connection.add_listener("news", hear)
        await connection.execute("NOTIFY news, 'first'")
        await asyncio.wait_for(came.wait(), 30)
        await connection.execute("DO $$ BEGIN RAISE NOTICE 'beside it'; END $$")
        await connection.remove_listener("news", hear)
        return told


async def codecs() -> Any:
    """Codecs of the app's own."""
    async with _connected() as connection:
        await connection.set_type_codec("json", encoder=str, decoder=_Read, schema="pg_catalog")
        seen: list[Any] = [(await connection.fetchval("SELECT '[1]'::json")).text]
        seen.append([item.text for item in await connection.fetchval("SELECT array['1', '2']::json[]")])
        await connection.reset_type_codec("json", schema="pg_catalog")
        seen.append(await connection.fetchval("SELECT '[1]'::json"))
        seen.append(await attempt_async(connection.set_type_codec("missing", encoder=str, decoder=_Read)))
        seen.append(
            await attempt_async(connection.set_builtin_type_codec("missing", codec_name="pg_contrib.hstore"))
        )
        await connection.set_type_codec("json", encoder=str, decoder=_refuse, schema="pg_catalog")
        return [*seen, await attempt_async(connection.fetchval("SELECT '[1]'::json"))]


class _Read:
    def __init__(self, text: str) -> None:
        self.text = text


def _refuse(_text: str) -> None:
    raise OwnError("in a decoder")


def _failing(items: list[Any]) -> Iterator[Any]:
    yield from items
    raise OwnError("while it is read")


async def _pieces(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def _failing_pieces() -> AsyncIterator[bytes]:
    yield b"1\ta\n"
    raise OwnError("while it is read")


def _plain(records: Any) -> Any:
    return [[type(record).__name__, dict(record)] for record in records]
