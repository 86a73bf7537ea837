"""The runs that every test compares, each in a process of its own: live, recording, and replaying."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.orms.places import Place

ROOT = Path(__file__).resolve().parents[2]
_NOWHERE = dict.fromkeys(("ORM_FILE", "ORM_HOST", "ORM_PORT", "ORM_USER", "ORM_PASSWORD"), "")


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


def run_all(scenarios: str, driver: str, folder: Path, place: Place) -> Runs:
    """Run the scenarios of a module against one driver: live, recording, and with no database replaying."""
    asked = {"ORM_SCENARIOS": scenarios, "ORM_DRIVER": driver}
    environment = {**os.environ, **_NOWHERE, **asked, **place.environment}

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

    run("create")
    place.keep()
    live = run("live")
    place.restore()
    recorded = run("record")
    place.take_away()
    try:
        replayed = run("replay")
    finally:
        place.give_back()
    return Runs(live, recorded, replayed["backwards"], replayed["forwards"])
