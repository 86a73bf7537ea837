"""A database under each SQLAlchemy driver, and the three runs that every test compares."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.services.postgres import Postgres

SYNC = ["sqlite+pysqlite", "postgresql+psycopg2", "postgresql+psycopg"]
ASYNC = ["sqlite+aiosqlite", "postgresql+asyncpg", "postgresql+psycopg_async"]
POSTGRES = [name for name in SYNC + ASYNC if name.startswith("postgresql")]

_TABLES = [
    "CREATE TABLE people (id {serial}, name VARCHAR(50) NOT NULL, age INTEGER,"
    " CONSTRAINT one_name UNIQUE (name))",
    "CREATE TABLE pets (id {serial}, owner_id INTEGER REFERENCES people (id), name VARCHAR(50))",
    "INSERT INTO people (name, age) VALUES ('ann', 41), ('bob', 17), ('cid', NULL)",
]

Scenario = Callable[[Engine], Any]


class Database:
    """One driver's database. ``stopped()`` makes an engine for where none is."""

    def __init__(self, driver: str, folder: Path, postgres: Postgres | None) -> None:
        self.driver = driver
        self.asynchronous = driver in ASYNC
        self._file = folder / "people.db"
        self._folder = folder
        self._postgres = postgres

    def fresh(self) -> None:
        """Tables and rows as in the beginning."""
        if self._postgres is None:
            self._file.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(self._file)) as connection:
                for statement in _TABLES:
                    connection.execute(statement.format(serial="INTEGER PRIMARY KEY"))
                connection.commit()
            return
        with psycopg.connect(self._postgres.url("test"), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            for statement in _TABLES:
                connection.execute(statement.format(serial="SERIAL PRIMARY KEY"))

    def count(self, table: str) -> int:
        """How many rows are really there."""
        query = f"SELECT count(*) FROM {table}"
        if self._postgres is None:
            with contextlib.closing(sqlite3.connect(self._file)) as connection:
                return int(connection.execute(query).fetchone()[0])
        with psycopg.connect(self._postgres.url("test")) as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])

    def engine(self, **options: Any) -> Engine:
        """An engine for it; the sync side of one, for an async driver."""
        if self._postgres is None:
            return self._make(f"{self.driver}:///{self._file}", options)
        return self._make(self._postgres.url("test", self.driver.split("+")[1]), options)

    def stopped(self, **options: Any) -> Engine:
        """An engine for a database that is not there."""
        if self._postgres is None:
            return self._make(f"{self.driver}:///{self._folder}/missing/people.db", options)
        return self._make(f"{self.driver}://nobody@127.0.0.1:1/test", options)

    def _make(self, url: str, options: dict[str, Any]) -> Engine:
        if self.asynchronous:
            return create_async_engine(url, **options).sync_engine
        return create_engine(url, **options)

    def run(self, engine: Engine, scenario: Scenario) -> Any:
        """What the scenario sees."""
        if not self.asynchronous:
            try:
                return scenario(engine)
            finally:
                engine.dispose()

        async def spawn() -> Any:
            try:
                return await greenlet_spawn(scenario, engine)
            finally:
                await AsyncEngine(engine).dispose()

        return asyncio.run(spawn())

    def live(self, scenario: Scenario, **options: Any) -> Any:
        """What it sees without us."""
        self.fresh()
        return self.run(self.engine(**options), scenario)

    def recorded(self, scenario: Scenario, **options: Any) -> tuple[Any, list[Recorded]]:
        """What it sees while recording, and what was recorded."""
        self.fresh()
        port = RecordingPort()
        with using(port):
            seen = self.run(self.engine(**options), scenario)
        return seen, port.calls

    def replayed(self, calls: list[Recorded], scenario: Scenario, **options: Any) -> Any:
        """What it sees in a replay without a database; every recorded call must have been asked for."""
        port = ReplayPort(calls)
        with using(port):
            seen = self.run(self.stopped(**options), scenario)
        assert [call.asked.title() for call in port.unused] == []
        return seen

    def same(self, scenario: Scenario, **options: Any) -> Any:
        """Run it live, recorded and replayed; all three must see the same. Returns what they see."""
        live = self.live(scenario, **options)
        recorded, calls = self.recorded(scenario, **options)
        assert differences(recorded, live) == []
        assert differences(self.replayed(calls, scenario, **options), live) == []
        return live


def differences(left: Any, right: Any, path: str = "seen") -> list[str]:
    """Where two values differ, classes included: ``1`` is not ``True``, a tuple not a list."""
    if type(left) is not type(right):
        return [f"{path}: {type(left)} {left!r} is not {type(right)} {right!r}"]
    if isinstance(left, dict):
        left, right = list(left.items()), list(right.items())
    if isinstance(left, memoryview):
        left, right = bytes(left), bytes(right)
    if isinstance(left, list | tuple):
        if len(left) != len(right):
            return [f"{path}: {left!r} is not {right!r}"]
        pairs = zip(left, right, strict=True)
        return [line for n, (one, two) in enumerate(pairs) for line in differences(one, two, f"{path}[{n}]")]
    return [] if repr(left) == repr(right) else [f"{path}: {left!r} is not {right!r}"]
