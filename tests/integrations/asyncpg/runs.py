"""The three runs that every test compares; for a replay there is no server at that address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import differences
from tests.services.postgres import Postgres
from timetracer_otel import ports

NOWHERE = "postgresql://nobody@127.0.0.1:1/postgres"


class Runs:
    """A scenario live, recorded and replayed."""

    def __init__(self, server: Postgres) -> None:
        self.url = server.url("postgres")

    def run(self, url: str, scenario: Any) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(url)
            try:
                return await scenario(connection, url)
            finally:
                await connection.close()

        return asyncio.run(run())

    def recorded(self, scenario: Any, body_limit: int = 1024 * 1024) -> tuple[Any, list[Recorded]]:
        port = RecordingPort(body_limit)
        with using(port):
            return self.run(self.url, scenario), port.calls

    def replayed(self, calls: list[Recorded], scenario: Any, body_limit: int = 1024 * 1024) -> Any:
        """What it sees without a server; every recorded call must have been asked for."""
        port = ReplayPort(calls, body_limit=body_limit)
        with using(port):
            seen = self.run(NOWHERE, scenario)
        left = [call.asked.title() for call in port.unused]
        assert left == [], left
        return seen

    def same(self, scenario: Any, *, calls: list[str] | None = None) -> Any:
        """All three must see the same. Returns what they see.

        Args:
            scenario: takes a connection and an address.
            calls: the titles of the calls that must be recorded, in order.
        """
        with ports.inside():
            live = self.run(self.url, scenario)
        recorded, made = self.recorded(scenario)
        told = differences(recorded, live)
        assert told == [], told
        if calls is not None:
            assert [call.asked.title() for call in made] == calls
        told = differences(self.replayed(made, scenario), live)
        assert told == [], told
        return live


async def raised(awaitable: Awaitable[Any]) -> Any:
    """What it returns or raises."""
    try:
        return ["returned", await awaitable]
    except Exception as error:
        names = ("sqlstate", "constraint_name", "detail", "table_name", "severity")
        return [type(error), str(error), error.args, *(getattr(error, name, None) for name in names)]
