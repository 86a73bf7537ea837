"""Tortoise above aiosqlite and asyncpg."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.orms.places import Place
from tests.orms.runs import ROOT, Runs, run_all
from tests.slow import later

_SCENARIOS = (
    "create_get_and_delete", "every_type_of_field", "expressions_and_aggregates", "relations",
    "transactions_and_savepoints", "errors", "in_bulk", "locks_and_iteration", "raw_queries", "side_by_side",
    "whatever_goes_through_a_set",
)  # fmt: skip


@pytest.fixture(scope="module", params=[later("aiosqlite"), "asyncpg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def runs(
    driver: str, tmp_path_factory: pytest.TempPathFactory, place_of: Callable[[str, Path], Place]
) -> Runs:
    folder = tmp_path_factory.mktemp(driver)
    return run_all("tests.orms.tortoise_scenarios", driver, folder, place_of(driver, folder))


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_same_live_recording_and_replaying(runs: Runs, scenario: str) -> None:
    runs.check(scenario)


def test_the_driver_alone_records(runs: Runs, driver: str) -> None:
    assert runs.integrations == {"sqlite3" if driver == "aiosqlite" else driver}
    assert set(runs.recorded) == set(_SCENARIOS)


def statements(seed: int, *ours: str) -> Any:
    """What a process makes of the same queries, whose sets have the order of that seed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.orms.tortoise_statements", *ours],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_statement_is_the_same_in_every_process() -> None:
    with ThreadPoolExecutor(2) as threads:
        alone = [threads.submit(statements, seed) for seed in (1, 2)]
        ours = [threads.submit(statements, seed, "ours") for seed in (1, 2)]
        assert len({json.dumps(one.result()) for one in alone}) == 2
        assert len({json.dumps(one.result()) for one in ours}) == 1
