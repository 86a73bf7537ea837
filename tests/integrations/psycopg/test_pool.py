"""Pools: whose calls those of their workers are, recorded to files and replayed without a server."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout
from psycopg_pool.pool import AddConnection

import timetracer_otel
from tests.integrations.psycopg.runs import NOWHERE, Runs
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import SqlStatement


def set_up(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET TIME ZONE 'Asia/Tokyo'")
    connection.commit()


def clean(connection: psycopg.Connection[Any]) -> None:
    connection.execute("RESET statement_timeout")
    connection.commit()


async def clean_async(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute("RESET statement_timeout")
    await connection.commit()


def asked(folder: Path) -> dict[str, Counter[str]]:
    """The statements of each cassette, by how the cassette began."""
    found: dict[str, Counter[str]] = {}
    for path in folder.rglob("*.json"):
        cassette = Cassette.load(path)
        calls = [call.request for call in cassette.calls()]
        found.setdefault(cassette.entry.name, Counter()).update(
            request.text for request in calls if isinstance(request, SqlStatement)
        )
    return found


def test_what_workers_ask_is_recorded_once_and_answered_to_each_connection(db: Runs, tmp_path: Path) -> None:
    def work(url: str) -> Any:
        seen = []
        with ConnectionPool(url, min_size=3, configure=set_up, reset=clean, open=True) as pool:
            pool.wait()
            for number in range(5):
                with pool.connection() as connection:
                    query = "SELECT %s::int, '2026-01-02 03:04:05+00'::timestamptz"
                    seen.append(connection.execute(query, (number,)).fetchone())
        return seen

    with timetracer_otel.record(tmp_path, name="work"):
        recorded = work(db.url)

    assert asked(tmp_path) == {
        "work": Counter({"SELECT %s::int, '2026-01-02 03:04:05+00'::timestamptz": 5}),
        "startup": Counter({"SET TIME ZONE 'Asia/Tokyo'": 1, "RESET statement_timeout": 1, "COMMIT": 1}),
    }
    with timetracer_otel.replay(tmp_path):
        assert work(NOWHERE) == recorded
    assert str(recorded[0][1]) == "2026-01-02 12:04:05+09:00"


def test_tasks_of_a_pool_do_not_belong_to_the_request_that_opened_it(db: Runs, tmp_path: Path) -> None:
    async def work() -> None:
        pool = AsyncConnectionPool(db.url, min_size=1, max_size=1, reset=clean_async, open=False)
        for name in ("first", "second"):
            with timetracer_otel.record(tmp_path / name, name=name):
                await pool.open()
                async with pool.connection() as connection:
                    assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
        await pool.close()

    asyncio.run(work())

    assert asked(tmp_path / "first")["first"] == Counter({"SELECT 1": 1})
    assert asked(tmp_path / "second")["second"] == Counter({"SELECT 1": 1})


def test_a_pool_opened_before_the_replay_gives_replayed_connections(db: Runs, tmp_path: Path) -> None:
    def work(pool: Any) -> Any:
        with pool.connection() as connection:
            seen = connection.execute("SELECT 1").fetchone()
        return seen, pool.closed

    with ConnectionPool(db.url, min_size=1, open=True) as pool, timetracer_otel.record(tmp_path, name="work"):
        recorded = work(pool)

    with ConnectionPool(NOWHERE, min_size=1, open=True, timeout=0.01) as pool:
        with timetracer_otel.replay(tmp_path):
            assert work(pool) == recorded
            AddConnection(pool).run()  # as its workers do again and again
        with pytest.raises(PoolTimeout):
            pool.getconn()


def test_a_pool_without_a_connection_had_none_where_it_was_recorded(db: Runs, tmp_path: Path) -> None:
    def work(url: str) -> Any:
        seen: list[Any] = []
        with ConnectionPool(url, min_size=1, max_size=1, open=True) as pool, pool.connection() as connection:
            for _ in range(2):
                seen.append(connection.execute("SELECT 1").fetchone())
                with pytest.raises(PoolTimeout) as caught:
                    pool.getconn(timeout=0.01)
                seen.append((str(caught.value), caught.value.diag.sqlstate))
        return seen

    with timetracer_otel.record(tmp_path, name="work"):
        recorded = work(db.url)
    with timetracer_otel.replay(tmp_path):
        assert work(NOWHERE) == recorded
