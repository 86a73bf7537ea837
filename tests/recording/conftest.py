"""A small service in a process of its own, an upstream, and a place for cassettes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.recording.sink import OtlpSink
from tests.services.environment import instrumenting
from tests.services.upstream import Upstream
from timetracer_otel.store import FolderStore

Run = Callable[..., Server]


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    receiver = OtlpSink()
    yield receiver
    receiver.close()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Where the small service puts its cassettes."""
    return FolderStore(tmp_path / "cassettes")


@pytest.fixture
def run(tmp_path: Path, upstream: Upstream, store: FolderStore) -> Iterator[Run]:
    """Starts the small service; it is stopped at the end if the test did not."""
    servers: list[Server] = []

    def start(launcher: tuple[str, ...] = RECORDING, **environment: str) -> Server:
        variables = {
            **instrumenting("fastapi", "httpx"),
            "UPSTREAM_URL": upstream.url,
            "TIMETRACER_DIR": str(store.path),
            **environment,
        }
        server = Server("small", launcher, variables, tmp_path / f"server{len(servers)}")
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
