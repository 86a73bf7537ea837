"""Async engines as apps use them: streams, tasks side by side, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import selectinload

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import ASYNC, Database, differences
from tests.integrations.sqlalchemy.tables import Person, Pet

Scenario = Callable[[AsyncEngine], Awaitable[Any]]


@pytest.fixture(params=ASYNC)
def adb(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    postgres = request.getfixturevalue("postgres") if request.param.startswith("postgresql") else None
    return Database(request.param, tmp_path, postgres)


def run(engine: Any, scenario: Scenario) -> Any:
    async def main() -> Any:
        asynchronous = AsyncEngine(engine)
        try:
            return await scenario(asynchronous)
        finally:
            await asynchronous.dispose()

    return asyncio.run(main())


def record(db: Database, scenario: Scenario) -> tuple[Any, list[Recorded]]:
    db.fresh()
    with using(RecordingPort()) as port:
        return run(db.engine(), scenario), port.calls


def same(db: Database, scenario: Scenario) -> Any:
    db.fresh()
    live = run(db.engine(), scenario)
    recorded, calls = record(db, scenario)
    with using(ReplayPort(calls)) as port:
        replayed = run(db.stopped(), scenario)
    assert differences(recorded, live) == []
    assert differences(replayed, live) == []
    assert [call.asked.title() for call in port.unused] == []
    return live


def test_sessions(adb: Database) -> None:
    async def see(engine: AsyncEngine) -> Any:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            session.add(Person(name="dot", age=5, pets=[Pet(name="rex")]))
            await session.commit()
            people = await session.scalars(
                select(Person).options(selectinload(Person.pets)).where(Person.name == "dot")
            )
            dot = people.one()
            found = dot.id, [pet.name for pet in dot.pets]
            session.add(Person(name="ann"))
            with pytest.raises(IntegrityError):
                await session.flush()
            await session.rollback()
            return *found, await session.scalar(select(func.count(Person.id)))

    assert same(adb, see) == (4, ["rex"], 4)


def test_streams(adb: Database) -> None:
    async def see(engine: AsyncEngine) -> Any:
        numbers = text(
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 200) SELECT n FROM r"
        )
        async with engine.connect() as connection:
            whole = [row[0] async for row in await connection.stream(numbers)]
            part = []
            async with connection.stream(numbers) as result:
                async for row in result.scalars():
                    part.append(row)
                    if row == 120:
                        break
            parts = [len(rows) async for rows in (await connection.stream(numbers)).partitions(70)]
            return whole == list(range(1, 201)), part == list(range(1, 121)), parts

    assert same(adb, see) == (True, True, [70, 70, 60])


def test_tasks_side_by_side(adb: Database) -> None:
    async def name(engine: AsyncEngine, number: int) -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(select(Person.name).where(Person.id == number))

    async def see(engine: AsyncEngine) -> Any:
        return await asyncio.gather(*(name(engine, 1 + n % 3) for n in range(9)))

    assert same(adb, see) == ["ann", "bob", "cid"] * 3


def test_executemany_and_transactions(adb: Database) -> None:
    async def see(engine: AsyncEngine) -> Any:
        async with engine.begin() as connection:
            await connection.execute(insert(Person), [{"name": "x"}, {"name": "y"}])
            async with connection.begin_nested():
                await connection.execute(insert(Person).values(name="z"))
        async with engine.connect() as connection:
            await connection.execute(text("DELETE FROM people"))
            await connection.rollback()
            return await connection.scalar(select(func.count(Person.id)))

    assert same(adb, see) == 6


def test_cancelled_statements(postgres: Any, tmp_path: Path) -> None:
    db = Database("postgresql+asyncpg", tmp_path, postgres)

    async def see(engine: AsyncEngine) -> Any:
        async def sleep() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(60)"))

        try:
            await asyncio.wait_for(sleep(), 0.3)
        except TimeoutError:
            async with engine.connect() as connection:
                return await connection.scalar(text("SELECT 1"))

    assert same(db, see) == 1
