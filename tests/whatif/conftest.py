"""Services to record against; in the replays nobody asks them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import timetracer_otel
from tests.integrations.upstream import Upstream
from tests.services.grpc_server import GrpcServer


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
def grpc_server() -> Iterator[GrpcServer]:
    server = GrpcServer()
    yield server
    server.remove()
