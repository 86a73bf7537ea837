"""Services to record against; in the replays nobody asks them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import timetracer_otel
from tests.integrations.upstream import Upstream
from tests.services.grpc_server import GrpcServer
from tests.services.mongodb import MongoDb
from tests.services.postgres import Postgres
from tests.services.valkey import Valkey


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    yield
    timetracer_otel.uninstall()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    # not in pytest's own folder: see the fixture ``services``
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        server = Postgres(Path(directory) / "data")
        yield server
        server.remove()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Postgres:
    postgres_server.fresh(["test"])
    return postgres_server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def mongodb() -> Iterator[MongoDb]:
    server = MongoDb()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def grpc_server() -> Iterator[GrpcServer]:
    server = GrpcServer()
    yield server
    server.remove()
