"""The databases for the tests of ORMs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.orms.places import File, OnMariaDb, OnPostgres, Place
from tests.services.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # not in pytest's own folder: see the fixture ``services``
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        server = Postgres(Path(directory) / "data")
        yield server
        server.remove()


@pytest.fixture(scope="session")
def place_of(request: pytest.FixtureRequest) -> Callable[[str, Path], Place]:
    """An empty database for a driver; the server is started when it is first asked for."""

    def place(driver: str, folder: Path) -> Place:
        if driver in ("sqlite", "aiosqlite"):
            return File(folder)
        if "mysql" in driver:
            return OnMariaDb(request.getfixturevalue("mariadb_server"))
        return OnPostgres(request.getfixturevalue("postgres"))

    return place
