"""Servers of a test's own choice. Each runs once in a process of tests; a test finds it empty, may shut its
door, and the next finds that open.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.mariadb import MariaDb
from tests.services.mongodb import MongoDb
from tests.services.postgres import Postgres
from tests.services.valkey import Valkey


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    # not in pytest's own folder: see the fixture ``services``
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        server = Postgres(Path(directory) / "data")
        yield server
        server.remove()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[Postgres]:
    """A server with an empty database ``test``."""
    postgres_server.fresh(["test"])
    yield postgres_server
    postgres_server.door.shut()
    postgres_server.door.open()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDb]:
    with tempfile.TemporaryDirectory(prefix="mariadb-") as directory:
        server = MariaDb(Path(directory) / "data")
        yield server
        server.remove()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.remove()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Iterator[Valkey]:
    """An empty server."""
    valkey_server.fresh()
    yield valkey_server
    valkey_server.door.shut()
    valkey_server.door.open()


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[MongoDb]:
    server = MongoDb()
    yield server
    server.remove()


@pytest.fixture
def mongodb(mongodb_server: MongoDb) -> Iterator[MongoDb]:
    """An empty server."""
    mongodb_server.fresh()
    yield mongodb_server
    mongodb_server.door.shut()
    mongodb_server.door.open()
