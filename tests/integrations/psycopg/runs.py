"""The three runs that every test compares; for a replay there is no server at that address."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import psycopg

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import differences
from tests.services.postgres import Postgres
from timetracer_otel import ports

Scenario = Callable[[Any], Any]
_TABLES = """
    DROP SCHEMA IF EXISTS drivers CASCADE;
    CREATE SCHEMA drivers;
    CREATE TABLE drivers.people (
        id SERIAL PRIMARY KEY, name TEXT NOT NULL CONSTRAINT one_name UNIQUE, age INTEGER
    );
    INSERT INTO drivers.people (name, age) VALUES ('ann', 41), ('bob', 17), ('cid', NULL);
"""
NOWHERE = "postgresql://nobody@127.0.0.1:1/postgres"


class Runs:
    """A database with people in it, made anew for each run."""

    def __init__(self, server: Postgres) -> None:
        self.url = server.url("postgres")

    def fresh(self) -> None:
        with ports.inside(), psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_TABLES)

    def run(self, url: str, scenario: Scenario, **options: Any) -> Any:
        options = {"options": "-c search_path=drivers", **options}

        async def asynchronously() -> Any:
            connection = await psycopg.AsyncConnection.connect(url, **options)
            try:
                return await scenario(connection)
            finally:
                await connection.close()

        if inspect.iscoroutinefunction(scenario):
            return asyncio.run(asynchronously())
        connection = psycopg.connect(url, **options)
        try:
            return scenario(connection)
        finally:
            connection.close()

    def recorded(self, scenario: Scenario, **options: Any) -> tuple[Any, list[Recorded]]:
        self.fresh()
        port = RecordingPort()
        with using(port):
            seen = self.run(self.url, scenario, **options)
        return seen, port.calls

    def replayed(self, calls: list[Recorded], scenario: Scenario, **options: Any) -> Any:
        """What it sees without a server; every recorded call must have been asked for."""
        port = ReplayPort(calls)
        with using(port):
            seen = self.run(NOWHERE, scenario, **options)
        left = [call.asked.title() for call in port.unused]
        assert left == [], left
        return seen

    def same(self, scenario: Scenario, **options: Any) -> Any:
        """Run it live, recorded and replayed; all three must see the same. Returns what they see."""
        self.fresh()
        with ports.inside():
            live = self.run(self.url, scenario, **options)
        recorded, calls = self.recorded(scenario, **options)
        told = differences(recorded, live)
        assert told == [], told
        told = differences(self.replayed(calls, scenario, **options), live)
        assert told == [], told
        return live
