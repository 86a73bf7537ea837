"""Servers of the applications, for tests that need more than the rows of the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fidelity.apps.calls import choosing
from tests.fidelity.servers import INSTRUMENTED, RECORDING, REPLAYING, Server
from tests.services.environment import instrumenting
from tests.services.together import Services

ASKED = choosing(
    ("httpx", "httpx, asynchronous", "SQLAlchemy", "SQLAlchemy, asynchronous", "redis", "redis, asynchronous")
)


class Stage:
    """Where one test records and replays an application.

    Args:
        services: Running and empty.
        directory: An empty folder.
    """

    def __init__(self, services: Services, directory: Path) -> None:
        self.services = services
        self.directory = directory
        self.cassettes = directory / "cassettes"

    @contextmanager
    def recording(self, framework: str, **environment: str) -> Iterator[Server]:
        """A server that records, stopped at the end of the block."""
        added = {"TIMETRACER_DIR": str(self.cassettes), **environment}
        with self._server(framework, RECORDING, "recording", added) as server:
            yield server

    @contextmanager
    def replaying(self, framework: str, **environment: str) -> Iterator[Server]:
        """A server that replays what was recorded, stopped at the end of the block."""
        added = {"TIMETRACER_MODE": "replay", "TIMETRACER_CASSETTE": str(self.cassettes), **environment}
        with self._server(framework, REPLAYING, "replay", added) as server:
            yield server

    @contextmanager
    def no_services(self) -> Iterator[None]:
        """Nothing listens and no database file exists inside the block."""
        self.services.shut()
        try:
            yield
        finally:
            self.services.open()

    def recorded(self) -> list[Path]:
        """The cassettes of inbound requests and of calls outside them."""
        return sorted(path for path in self.cassettes.rglob("*") if path.is_file())

    @contextmanager
    def _server(
        self, framework: str, launcher: tuple[str, ...], name: str, added: dict[str, Any]
    ) -> Iterator[Server]:
        smaller = {**ASKED, **instrumenting(framework, *INSTRUMENTED)}
        environment = {**self.services.environment, **smaller, **added}
        server = Server(framework, launcher, environment, self.directory / name)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def stage(services: Services, tmp_path: Path) -> Stage:
    """An empty stage: services emptied, no cassettes."""
    services.fresh()
    return Stage(services, tmp_path)
