"""The services behind the integrations. A test may shut their doors; the next finds them open."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.upstream import Upstream
from tests.services.mariadb import MariaDb
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


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An HTTP server that serves what the test tells it to."""
    server = Upstream()
    yield server
    server.stop()
