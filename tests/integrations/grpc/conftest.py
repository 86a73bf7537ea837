"""The integration in place, and a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.grpc_server import GrpcServer
from timetracer_otel.integrations import threads, wrapping
from timetracer_otel.integrations.grpc import GrpcIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[GrpcIntegration]:
    integration = GrpcIntegration()
    wrapping.install(integration)
    threads.install()
    yield integration
    threads.uninstall()
    wrapping.uninstall(integration)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GrpcServer]:
    """Running; its address is where cases look for it."""
    server = GrpcServer()
    monkeypatch.setenv("GRPC_URL", server.url)
    yield server
    server.remove()
