"""The databases for the tests of ORMs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.orms.places import File, OnMariaDb, OnPostgres, Place


@pytest.fixture(scope="session")
def place_of(request: pytest.FixtureRequest) -> Callable[[str, Path], Place]:
    """An empty database for a driver; the server is started when it is first asked for."""

    def place(driver: str, folder: Path) -> Place:
        if driver in ("sqlite", "aiosqlite"):
            return File(folder)
        if "mysql" in driver:
            return OnMariaDb(request.getfixturevalue("mariadb_server"))
        return OnPostgres(request.getfixturevalue("postgres_server"))

    return place
