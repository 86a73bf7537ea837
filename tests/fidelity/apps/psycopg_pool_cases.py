"""psycopg_pool: pools opened when the application starts, and within requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types import TypeInfo
from psycopg_pool import AsyncConnectionPool, AsyncNullConnectionPool, ConnectionPool, NullConnectionPool

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import postgres_url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("psycopg", "drivers/psycopg-pool")
REFUSED = "postgresql://nobody@127.0.0.1:1/none"
_opened: dict[str, Any] = {}


def configure(connection: psycopg.Connection[Any]) -> None:
    """What each new connection is set up with; it asks the server."""
    connection.execute("SET TIME ZONE 'Asia/Tokyo'")
    info = TypeInfo.fetch(connection, "int4range")
    assert info is not None, "the server knows it"
    info.register(connection)
    connection.row_factory = dict_row
    connection.commit()


def reset(connection: psycopg.Connection[Any]) -> None:
    """What each connection that comes back is set up with again."""
    connection.execute("RESET statement_timeout")
    connection.commit()


async def configure_async(connection: psycopg.AsyncConnection[Any]) -> None:
    """The same, asynchronously."""
    await connection.execute("SET TIME ZONE 'Asia/Tokyo'")
    connection.row_factory = dict_row
    await connection.commit()


async def reset_async(connection: psycopg.AsyncConnection[Any]) -> None:
    """The same, asynchronously."""
    await connection.execute("RESET statement_timeout")
    await connection.commit()


def open_pool() -> None:
    """What an application does when it starts."""
    _opened["sync"] = ConnectionPool(
        postgres_url("psycopg"),
        min_size=2,
        max_size=4,
        open=True,
        configure=configure,
        reset=reset,
        check=ConnectionPool.check_connection,
    )


async def open_async_pool() -> None:
    """The same, asynchronously; ready before the first request."""
    pool = _opened["async"] = AsyncConnectionPool(
        postgres_url("psycopg-async"),
        min_size=2,
        max_size=4,
        open=False,
        configure=configure_async,
        reset=reset_async,
        check=AsyncConnectionPool.check_connection,
    )
    await pool.open(wait=True)


async def close_pools() -> None:
    """What an application does when it ends."""
    _opened["sync"].close()
    await _opened["async"].close()


def failing(act: Callable[[], Any]) -> Any:
    """What a call raises."""
    try:
        return {"returned": seen(act())}
    except Exception as error:
        return raised(error)


@CASES("psycopg_pool: opened at start-up, with configure, reset and check; threads; a failed transaction")
def started() -> Any:
    pool = _opened["sync"]

    def ask(number: int) -> Any:
        with pool.connection() as connection:
            query = "SELECT %s * 2 AS twice, '2026-01-02 03:04:05+00'::timestamptz AS moment"
            return seen(connection.execute(query, (number,)).fetchone())

    def fail() -> Any:
        with pool.connection() as connection:
            connection.execute("SELECT 1/0")

    with ThreadPoolExecutor(8) as executor:
        answer = [*executor.map(ask, range(12))]
    return [*answer, failing(fail), ask(12)]


@CASES("psycopg_pool: no connection to be had (PoolTimeout, TooManyRequests), opened in a request, closed")
def exhausted() -> Any:
    with ConnectionPool(postgres_url("psycopg"), min_size=1, max_size=1, max_waiting=1, name="small") as pool:
        held = pool.getconn()
        answer = [seen(held.execute("SELECT 'held'").fetchone()), failing(lambda: pool.getconn(timeout=0.05))]
        answer.append(failing(pool.getconn))
        pool.putconn(held)
        with pool.connection() as connection:
            answer.append(seen(connection.execute("SELECT 'free again'").fetchone()))
    answer.append(failing(pool.getconn))
    with ConnectionPool(REFUSED, min_size=1, open=True, timeout=0.1, name="nowhere") as nowhere:
        answer += [failing(nowhere.getconn), failing(nowhere.getconn)]
    with NullConnectionPool(postgres_url("psycopg"), max_size=2, open=True, configure=configure) as pool:
        for number in range(2):
            with pool.connection() as connection:
                answer.append(seen(connection.execute("SELECT %s AS number", (number,)).fetchone()))
    return answer


@CASES("psycopg_pool, asynchronous: opened at start-up and in a request, gather, no connection to be had")
async def started_async() -> Any:
    async def ask(number: int, pool: AsyncConnectionPool[Any] = _opened["async"]) -> Any:
        async with pool.connection() as connection:
            query = "SELECT %s * 3 AS thrice, '2026-01-02 03:04:05+00'::timestamptz AS moment"
            return seen(await (await connection.execute(query, (number,))).fetchone())

    answer = list(await asyncio.gather(*map(ask, range(12))))
    address = postgres_url("psycopg-async")
    async with AsyncConnectionPool(address, min_size=1, max_size=1, reset=reset_async, open=False) as own:
        async with own.connection() as connection:
            answer.append(seen(await (await connection.execute("SELECT 'held'")).fetchone()))
            try:
                await own.getconn(timeout=0.05)
            except psycopg.OperationalError as error:
                answer.append(raised(error))
        answer += await asyncio.gather(*(ask(number, own) for number in range(3)))
    async with AsyncNullConnectionPool(address, max_size=2, open=False) as own:
        answer += await asyncio.gather(*(ask(number, own) for number in range(4)))
    return answer
