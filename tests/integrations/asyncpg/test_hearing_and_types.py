"""Notifications, notices, codecs of the app's own: live, recorded and replayed alike."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.integrations.asyncpg.runs import Runs, raised
from timetracer_otel.errors import ReplayError


def test_notifications(db: Runs) -> None:
    async def scenario(connection: Any, url: str) -> Any:
        heard: asyncio.Queue[Any] = asyncio.Queue()

        def hear(of: Any, pid: int, channel: str, payload: str) -> None:
            heard.put_nowait([of is connection, pid == connection.get_server_pid(), channel, payload])

        async def hear_too(of: Any, pid: int, channel: str, payload: str) -> None:
            heard.put_nowait(["too", payload])

        await connection.add_listener("news", hear)
        await connection.add_listener("elsewhere", hear_too)
        await connection.execute("NOTIFY news, 'one'")
        seen = [await asyncio.wait_for(heard.get(), 20)]
        other = await asyncpg.connect(url)
        await other.execute("SELECT pg_notify('news', 'two')")
        seen.append(await asyncio.wait_for(heard.get(), 20))
        await other.fetch("SELECT pg_notify('news', 'three'), pg_notify('elsewhere', 'four')")
        seen += [await asyncio.wait_for(heard.get(), 20), await asyncio.wait_for(heard.get(), 20)]
        await connection.remove_listener("elsewhere", hear_too)
        await other.execute("NOTIFY elsewhere, 'five'")
        await connection.remove_listener("news", hear)
        await other.close()
        return [*seen, heard.qsize()]

    seen = db.same(scenario)
    assert seen[0] == [True, True, "news", "one"]
    assert seen[1:4] == [[True, False, "news", "two"], [True, False, "news", "three"], ["too", "four"]]


def test_notices(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        heard: asyncio.Queue[Any] = asyncio.Queue()
        connection.add_log_listener(lambda of, message: heard.put_nowait([of is connection, message]))
        await connection.execute("DO $$ BEGIN RAISE NOTICE 'hear %', 1 USING HINT = 'well'; END $$")
        await raised(connection.execute("DO $$ BEGIN RAISE WARNING 'hear 2'; RAISE EXCEPTION 'no'; END $$"))
        seen: list[Any] = []
        while len(seen) < 2:
            own, message = await asyncio.wait_for(heard.get(), 20)
            fields = {
                name: getattr(message, name, None) for name in ("message", "hint", "severity", "sqlstate")
            }
            seen.append([own, type(message), fields])
        return seen

    seen = db.same(scenario)
    assert seen[0][2]["message"] == "hear 1"
    assert seen[0][2]["hint"] == "well"
    assert seen[1][1] is asyncpg.PostgresWarning


class Money:
    def __init__(self, text: str) -> None:
        self.amount = Decimal(text)

    def __repr__(self) -> str:
        return f"Money({self.amount})"


async def codecs(connection: Any) -> None:
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=lambda money: str(money.amount), decoder=Money, format="text"
    )
    await connection.set_type_codec("json", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


def test_codecs_of_the_app_s_own(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        await codecs(connection)
        await connection.execute("DROP TYPE IF EXISTS place; CREATE TYPE place AS (x int, y int)")
        await connection.set_type_codec(
            "place", encoder=tuple, decoder=lambda xy: complex(*xy), format="tuple"
        )
        row = await connection.fetchrow(
            """SELECT 1 AS one, $1::numeric AS price, ARRAY[2.5, 3] AS prices, '{"a": [1]}'::json AS said,
               ROW(1, 2)::place AS place, NULL::numeric AS none""",
            Money("1.50"),
        )
        seen = [[type(value) for value in row.values()], repr(row), row["said"], row["place"]]
        await connection.reset_type_codec("numeric", schema="pg_catalog")
        seen.append(await connection.fetchval("SELECT 1.5"))
        seen.append(await raised(connection.set_type_codec("nothing", encoder=str, decoder=str)))
        return [*seen, await raised(connection.set_builtin_type_codec("nothing", codec_name="int4"))]

    seen = db.same(scenario)
    assert "price=Money(1.50) prices=[Money(2.5), Money(3)]" in seen[1]
    assert seen[2:4] == [{"a": [1]}, 1 + 2j]


def test_codecs_within_a_composite_type_with_one_of_its_own(db: Runs) -> None:
    class Priced:
        def __init__(self, parts: tuple[Any, ...]) -> None:
            self.parts = parts

        def __repr__(self) -> str:
            return f"Priced{self.parts}"

    async def scenario(connection: Any, _: str) -> Any:
        await connection.execute("DROP TYPE IF EXISTS priced; CREATE TYPE priced AS (n int, price bigint)")
        await connection.set_type_codec(  # asyncpg takes binary ones alone within a composite type
            "int8",
            schema="pg_catalog",
            encoder=lambda money: int(money.amount).to_bytes(8, "big"),
            decoder=lambda data: Money(str(int.from_bytes(data, "big"))),
            format="binary",
        )
        await connection.set_type_codec(
            "priced", encoder=lambda one: one.parts, decoder=Priced, format="tuple"
        )
        row = await connection.fetchrow(
            """SELECT ROW(1, 2)::priced AS one, 7::bigint AS after,
               ARRAY[ROW(2, 1), ROW(3, NULL)]::priced[] AS more,
               $1::priced AS given, ROW(4, 8::bigint) AS bare, 9::bigint AS last""",
            Priced((5, Money("6"))),
        )
        seen = [repr(row)]
        await connection.set_type_codec(
            "priced", encoder=lambda one: one, decoder=lambda parts: float(parts[1].amount), format="tuple"
        )
        return [*seen, repr(await connection.fetchrow("SELECT ROW(1, 2)::priced AS one, 7::bigint AS after"))]

    seen = db.same(scenario)
    assert seen[0].startswith("<Record one=Priced<Record n=1 price=Money(2)> after=Money(7) more=[Priced")
    assert seen[1] == "<Record one=2.0 after=Money(7)>"


def test_a_codec_that_is_missing(db: Runs) -> None:
    def scenario(*, with_codecs: bool) -> Any:
        async def run(connection: Any, _: str) -> Any:
            if with_codecs:
                await codecs(connection)
            return await connection.fetchval("SELECT 1.5")

        return run

    _, calls = db.recorded(scenario(with_codecs=True))
    with pytest.raises(ReplayError, match=r"set_type_codec\(\) was not called"):
        db.replayed(calls, scenario(with_codecs=False))


def test_pools_with_codecs_and_callbacks(db: Runs) -> None:
    async def scenario(_: Any, url: str) -> Any:
        states: list[str] = []

        async def setup(connection: Any) -> None:
            states.append(await connection.fetchval("SELECT 'set up'"))

        async with asyncpg.create_pool(url, min_size=1, max_size=1, init=codecs, setup=setup) as pool:
            seen = [repr(await pool.fetchval("SELECT 1.5"))]
            async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
                await connection.execute("CREATE TEMP TABLE pooled (id INT)")
                async with connection.transaction():
                    seen.append(await pool_size(pool))
            connection = await pool.acquire()
            connection.terminate()
            await pool.release(connection)
            return [*seen, states, repr(await pool.fetchval("SELECT 2.5"))]

    assert db.same(scenario)[0] == "Money(1.5)"


async def pool_size(pool: Any) -> Any:
    return [pool.get_size(), pool.get_idle_size(), pool.get_max_size()]


def test_timeouts_query_loggers_and_termination(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        logged: list[Any] = []

        def log(record: Any) -> None:
            logged.append([record.query, record.args, type(record.exception)])

        with connection.query_logger(log):
            seen = [await connection.fetchval("SELECT $1::int", 1), await connection.execute("SELECT 2")]
            await connection.execute("SET statement_timeout = 20")
            seen.append(await raised(connection.fetch("SELECT pg_sleep(30)")))
            seen.append(await raised(connection.fetch("SELECT pg_sleep(31)", timeout=0.01)))
            await asyncio.sleep(0)
        seen += [logged, connection.get_settings().TimeZone, connection.get_server_version()]
        connection.terminate()
        await ended.wait()
        return [*seen, connection.is_closed()]

    seen = db.same(scenario)
    assert seen[2][0] is asyncpg.QueryCanceledError
    assert seen[3][0] is TimeoutError
