"""The runs that every test compares, each in a process of its own: live, recording, and replaying."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.services.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Runs:
    """What each run of the scenarios of one ORM saw, by the name of the scenario."""

    live: dict[str, Any]
    recorded: dict[str, Any]
    backwards: dict[str, Any]
    forwards: dict[str, Any]

    @property
    def integrations(self) -> set[str]:
        """Who recorded the calls."""
        return {integration for run in self.recorded.values() for integration, _ in run["calls"]}

    def statements(self, scenario: str) -> list[str]:
        """What was recorded of one."""
        return [title for _, title in self.recorded[scenario]["calls"]]

    def check(self, scenario: str) -> None:
        """Live, recording and replaying, it saw the same."""
        live, recorded = self.live[scenario], self.recorded[scenario]
        assert isinstance(live, list), live["failed"]
        assert recorded["seen"] == live
        assert recorded["gaps"] == []
        assert self.backwards[scenario] == {"seen": live, "unused": []}
        assert self.forwards[scenario] == {"seen": live, "unused": []}


def run_all(scenarios: str, driver: str, folder: Path, postgres: Postgres) -> Runs:
    """Run the scenarios of a module against one driver: live, recording, and with no database replaying."""
    is_file = driver in ("sqlite", "aiosqlite")
    home = folder / "home"
    home.mkdir()
    file = home / "orm.db"
    environment = {
        **os.environ,
        "ORM_SCENARIOS": scenarios,
        "ORM_DRIVER": driver,
        "ORM_FILE": str(file),
        "ORM_HOST": postgres.door.host,
        "ORM_PORT": str(postgres.door.port),
    }

    def run(mode: str) -> Any:
        command = [sys.executable, "-m", "tests.orms.process", str(folder / "cassettes"), mode]
        # sets are gone through in another order in each of them
        seed = {"PYTHONHASHSEED": str(sum(mode.encode()))}
        done = subprocess.run(
            command,
            env=environment | seed,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    if not is_file:
        postgres.fresh(["orm"])
    run("create")
    _keep(postgres, file, is_file)
    live = run("live")
    _restore(postgres, file, is_file)
    recorded = run("record")
    if is_file:
        shutil.rmtree(home)
    else:
        postgres.door.shut()
    try:
        replayed = run("replay")
    finally:
        if not is_file:
            postgres.door.open()
    assert not home.exists() or not is_file
    return Runs(live, recorded, replayed["backwards"], replayed["forwards"])


def _keep(postgres: Postgres, file: Path, is_file: bool) -> None:
    """Keep a copy of the tables as they were made."""
    if is_file:
        shutil.copyfile(file, file.with_suffix(".made"))
        return
    postgres.fresh(["orm_made"])
    _copy(postgres, "orm", "orm_made")


def _restore(postgres: Postgres, file: Path, is_file: bool) -> None:
    """The tables as they were made."""
    if is_file:
        shutil.copyfile(file.with_suffix(".made"), file)
        return
    _copy(postgres, "orm_made", "orm")


def _copy(postgres: Postgres, source: str, target: str) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {target} TEMPLATE {source}".encode())
