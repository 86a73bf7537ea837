"""What requests do with drivers of PostgreSQL, without SQLAlchemy above them."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.faults.seen import OwnError, attempt, attempt_async

_REFUSED = "postgresql://postgres@127.0.0.1:1/none"
_ROWS = "SELECT n, 'x' FROM generate_series(1, 5) n"
_TABLE = "CREATE TEMPORARY TABLE told (id int PRIMARY KEY, name text)"


def address(variable: str) -> str:
    """The address of a database, without what SQLAlchemy adds."""
    scheme, _, rest = os.environ[variable].partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def with_psycopg2() -> Any:
    """Statements, rows, many at once, a server-side cursor, errors."""
    with contextlib.closing(psycopg2.connect(address("DB_PSYCOPG2"))) as connection:
        cursor = connection.cursor()
        cursor.execute(_ROWS)
        seen: list[Any] = [cursor.fetchone(), cursor.fetchmany(2), list(cursor), cursor.rowcount]
        cursor.execute(_TABLE)
        cursor.executemany("INSERT INTO told VALUES (%s, %s)", [(1, "a"), (2, "b")])
        psycopg2.extras.execute_values(cursor, "INSERT INTO told VALUES %s", [(3, "c"), (4, "d")])
        connection.commit()
        seen.append(attempt(lambda: cursor.execute("INSERT INTO told VALUES (1, 'a')")))
        connection.rollback()
        with connection.cursor("on_the_server") as served:
            served.execute(_ROWS)
            seen += [served.fetchmany(2), served.fetchall()]
        seen.append(attempt(lambda: _leave(connection)))
        seen.append(psycopg2.extensions.quote_ident("a name", connection))
        cursor.close()
        seen.append(attempt(lambda: cursor.execute(_ROWS)))
    return [*seen, attempt(lambda: psycopg2.connect(_REFUSED))]


def psycopg2_copies() -> Any:
    """COPY in both directions, and what fails in it: in the server, or in an app's file."""
    with contextlib.closing(psycopg2.connect(address("DB_PSYCOPG2"))) as connection:
        cursor = connection.cursor()
        cursor.execute(_TABLE)
        connection.commit()
        cursor.copy_from(io.StringIO("1\ta\n2\tb\n"), "told", columns=("id", "name"))
        cursor.copy_expert("COPY told FROM STDIN", io.BytesIO(b"3\tc\n"))
        connection.commit()
        rows, table = io.StringIO(), io.BytesIO()
        cursor.copy_expert(f"COPY ({_ROWS}) TO STDOUT", rows)
        cursor.copy_to(table, "told", sep=",")
        seen: list[Any] = [rows.getvalue(), table.getvalue(), cursor.rowcount]
        for copy in (
            lambda: cursor.copy_from(_Failing(), "told"),
            lambda: cursor.copy_to(_Failing(), "told"),
            lambda: cursor.copy_expert("COPY told FROM STDIN", io.StringIO("no number\ta\n")),
            lambda: cursor.copy_expert(None, rows),
            lambda: cursor.copy_to(rows, "told", columns=[1]),
        ):
            seen.append(attempt(copy))
            connection.rollback()
        return seen


class _Failing:
    def read(self, _size: int = -1) -> str:
        raise OwnError("while it is read")

    def write(self, _data: str) -> int:
        raise OwnError("while it is written")


def psycopg2_results() -> Any:
    """Moving in a result, functions, two-phase commits, notifications."""
    with contextlib.closing(psycopg2.connect(address("DB_PSYCOPG2"))) as connection:
        cursor = connection.cursor(cursor_factory=psycopg2.extras.DictCursor)
        cursor.execute(_ROWS)
        seen: list[Any] = [cursor.fetchone()["n"]]
        cursor.scroll(2)
        seen += [cursor.rownumber, list(cursor.fetchone()), cursor.fetchall()[-1]["n"]]
        cursor.execute(_ROWS)
        cursor.fetchmany(5)
        cursor.scroll(-1)
        seen += [cursor.fetchone()["n"], cursor.fetchone()]
        seen.append(attempt(lambda: cursor.scroll(9)))
        with connection.cursor("on_the_server", scrollable=True) as served:
            served.execute(_ROWS)
            seen.append(served.fetchone())
            served.scroll(1)
            seen.append(served.fetchone())
        seen += [cursor.callproc("abs", (-4,)), [list(row) for row in cursor.fetchall()]]
        seen.append(attempt(lambda: cursor.callproc("missing")))
        connection.rollback()
        seen.append(connection.tpc_recover())
        connection.rollback()
        connection.tpc_begin("faults")
        seen += [attempt(connection.tpc_prepare), attempt(connection.tpc_rollback)]
        connection.reset()
        seen += [attempt(lambda: connection.tpc_commit("missing"))]
        connection.autocommit = True
        cursor.execute("LISTEN news")
        cursor.execute("NOTIFY news, 'first'")
        seen += [connection.poll(), [[one.channel, one.payload] for one in connection.notifies]]
        return seen


def with_psycopg() -> Any:
    """As :func:`with_psycopg2`."""
    with psycopg.connect(address("DB_PSYCOPG")) as connection:
        cursor = connection.execute(_ROWS)
        seen: list[Any] = [cursor.fetchone(), cursor.fetchmany(2), list(cursor), cursor.rowcount]
        cursor.execute(_TABLE)
        cursor.executemany("INSERT INTO told VALUES (%s, %s)", [(1, "a"), (2, "b")])
        connection.commit()
        seen.append(attempt(lambda: cursor.execute("INSERT INTO told VALUES (1, 'a')")))
        connection.rollback()
        with connection.cursor("on_the_server") as served:
            served.execute(_ROWS)
            seen += [served.fetchmany(2), served.fetchall()]
        failed = attempt(lambda: cursor.executemany("INSERT INTO told VALUES (%s, %s)", _breaking_off()))
        seen.append(failed["class"])
        connection.rollback()
        seen.append(attempt(lambda: _within(connection)))
    with (
        ConnectionPool(address("DB_PSYCOPG"), min_size=1, max_size=1, open=True, configure=_set_up) as pool,
        pool.connection() as given,
    ):
        seen.append(given.execute(_ROWS).fetchall())
        seen.append(attempt(lambda: pool.getconn(timeout=0.01)))
    return [*seen, attempt(lambda: psycopg.connect(_REFUSED, connect_timeout=5))]


def _set_up(connection: Any) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _breaking_off() -> Iterator[Any]:
    yield (7, "g")
    raise OwnError("while it is read")


def _leave(connection: Any) -> None:
    with connection:
        connection.cursor().execute("DELETE FROM told")
        raise OwnError("in the middle of a transaction")


def _within(connection: Any) -> None:
    with connection.transaction():
        connection.execute("DELETE FROM told")
        raise OwnError("in the middle of a transaction")


async def with_psycopg_async() -> Any:
    """The asynchronous connection."""
    async with await psycopg.AsyncConnection.connect(address("DB_PSYCOPG")) as connection:
        cursor = await connection.execute(_ROWS)
        seen: list[Any] = [await cursor.fetchone(), [row async for row in cursor]]
        await connection.execute(_TABLE)
        await cursor.executemany("INSERT INTO told VALUES (%s, %s)", [(1, "a"), (2, "b")])
        seen.append(await attempt_async(connection.execute("INSERT INTO told VALUES (1, 'a')")))
        await connection.rollback()
    async with (
        AsyncConnectionPool(address("DB_PSYCOPG"), min_size=1, max_size=1, open=False) as pool,
        pool.connection() as given,
    ):
        seen.append(await (await given.execute(_ROWS)).fetchall())
        seen.append(await attempt_async(pool.getconn(timeout=0.01)))
    return seen
