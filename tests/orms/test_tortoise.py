"""Tortoise above aiosqlite and asyncpg."""

from __future__ import annotations

import pytest

from tests.orms.runs import Runs, run_all
from tests.services.postgres import Postgres

_SCENARIOS = (
    "create_get_and_delete", "every_type_of_field", "expressions_and_aggregates", "relations",
    "transactions_and_savepoints", "errors", "in_bulk", "locks_and_iteration", "raw_queries", "side_by_side",
)  # fmt: skip


@pytest.fixture(scope="module", params=["aiosqlite", "asyncpg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def runs(driver: str, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Runs:
    folder = tmp_path_factory.mktemp(driver)
    return run_all("tests.orms.tortoise_scenarios", driver, folder, postgres)


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_same_live_recording_and_replaying(runs: Runs, scenario: str) -> None:
    runs.check(scenario)


def test_the_driver_alone_records(runs: Runs, driver: str) -> None:
    assert runs.integrations == {"sqlite3" if driver == "aiosqlite" else driver}
    assert set(runs.recorded) == set(_SCENARIOS)
