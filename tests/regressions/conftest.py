"""The shop, recorded once behind each framework as a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.regressions.upstream import Upstream
from tests.services.environment import instrumenting, without_settings
from tests.services.valkey import Valkey
from tests.slow import later
from timetracer_otel.cassette import Cassette
from timetracer_otel.store import FolderStore

ROOT = Path(__file__).parents[2]
APP = "tests.regressions.apps"
SERVERS = {
    "fastapi": ("uvicorn", f"{APP}.fastapi_app:app", "--port", "0"),
    "flask": ("gunicorn", f"{APP}.flask_app:app", "--bind", "127.0.0.1:0", "--no-control-socket"),
    "django": ("gunicorn", f"{APP}.django_app:application", "--bind", "127.0.0.1:0", "--no-control-socket"),
}
APPS = {
    "fastapi": f"{APP}.fastapi_app:app",
    "flask": f"{APP}.flask_app:app",
    "django": f"{APP}.django_app",
}
PATHS = (
    "field", "query", "extra", "writes", "parameter", "key", "swallowed", "slow", "traced", "flowing",
    "dated", "headers", "gathered",
)  # fmt: skip


class Recorded:
    """The cassettes of one framework.

    Args:
        framework: which.
        directory: where they are.
        environment: what the shop is told.
    """

    def __init__(self, framework: str, directory: Path, environment: dict[str, str]) -> None:
        self.framework = framework
        self.cassettes = directory / "cassettes"
        self.environment = environment

    def record(self, folder: str, shop: str = "shop") -> Path:
        """Send every request to a real server that records them; where the cassettes are."""
        cassettes = self.cassettes.with_name(folder)
        told = {**self.environment, "SHOP": shop, "TIMETRACER_DIR": str(cassettes)}
        server = Server(SERVERS[self.framework], RECORDING, told, self.cassettes.parent)
        # one connection a request: a server may close it after an exception
        answers = [httpx.get(f"http://127.0.0.1:{server.port}/{path}").status_code for path in PATHS]
        server.stop()
        failing = {"swallowed"} if shop == "shop" else set()
        assert answers == [500 if path in failing else 200 for path in PATHS], server.log
        return cassettes

    def run(self, *arguments: str, shop: str = "shop") -> subprocess.CompletedProcess[str]:
        """``timetracer-otel`` with the shop as it is now."""
        own = without_settings()
        return subprocess.run(
            [sys.executable, "-m", "timetracer_otel", *arguments],
            cwd=ROOT,
            env={**own, **self.environment, "SHOP": shop},
            capture_output=True,
            text=True,
            check=False,
        )

    def replay(self, *arguments: str, shop: str = "shop") -> subprocess.CompletedProcess[str]:
        """``timetracer-otel replay`` of all of them."""
        app = ("--app", APPS[self.framework])
        return self.run("replay", str(self.cassettes), *app, *arguments, shop=shop)

    def verdicts(self, *arguments: str, shop: str = "shop") -> dict[str, dict[str, Any]]:
        """The verdicts by the path that was asked for."""
        done = self.replay("--json", *arguments, shop=shop)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert found, done.stderr
        return {self.asked[verdict["trace_id"]]: verdict for verdict in found}

    @property
    def asked(self) -> dict[str, str]:
        """Which path each trace asked for."""
        return {one.entry.trace_id: path for _, one, path in self._requests()}

    def files(self) -> dict[str, str]:
        """Which path the request of each file asked for."""
        return {str(file): path for file, _, path in self._requests()}

    def _requests(self) -> Iterator[tuple[Path, Cassette, str]]:
        for file, cassette in FolderStore(self.cassettes).iter():
            request = cassette.inbound_request
            if request is not None:  # else it is what the shop drew while it was imported
                yield file, cassette, request.url.rpartition("/")[2]


@pytest.fixture(scope="session")
def world() -> Iterator[dict[str, str]]:
    upstream, valkey = Upstream(), Valkey()
    valkey.fresh()
    yield {"UPSTREAM_URL": upstream.url, "REDIS_URL": valkey.url}
    upstream.stop()
    valkey.remove()


@pytest.fixture(scope="session")
def recorded_by(world: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recorded]:
    """The recording of a framework, made when it is first asked for."""
    known: dict[str, Recorded] = {}

    def record(framework: str) -> Recorded:
        if framework not in known:
            directory = tmp_path_factory.mktemp(framework)
            environment = {
                **world,
                **instrumenting(framework, "httpx", "redis", "sqlalchemy"),
                "SHOP_DB": str(directory / "shop.db"),
                "PYTHONPATH": str(ROOT),
            }
            subprocess.run(
                [sys.executable, "-c", f"from {APP} import shop; shop.set_up()"],
                env={**os.environ, **environment},
                check=True,
            )
            known[framework] = Recorded(framework, directory, environment)
            known[framework].record("cassettes")
        return known[framework]

    return record


@pytest.fixture(params=[later(name) if name != "fastapi" else name for name in SERVERS])
def recorded(request: pytest.FixtureRequest, recorded_by: Callable[[str], Recorded]) -> Recorded:
    return recorded_by(request.param)
