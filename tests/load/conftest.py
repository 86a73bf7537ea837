"""Servers that are stopped at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fidelity.servers import RECORDING
from tests.load.servers import LoadedServer
from timetracer_otel.store import FolderStore

Start = Callable[..., LoadedServer]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cassettes")


@pytest.fixture
def start(tmp_path: Path, store: FolderStore) -> Iterator[Start]:
    """Starts a server of a framework; it is stopped at the end if the test did not."""
    with ExitStack() as servers:

        def started(
            framework: str, launcher: tuple[str, ...] = RECORDING, **environment: str
        ) -> LoadedServer:
            directory = tmp_path / f"{framework}-{len(list(tmp_path.iterdir()))}"
            added = {"TIMETRACER_DIR": str(store.path), **environment}
            server = LoadedServer(framework, launcher, added, directory)
            servers.callback(server.stop)
            return server

        yield started
