"""Django's ORM above sqlite3, psycopg and psycopg2."""

from __future__ import annotations

import pytest

from tests.orms.runs import Runs, run_all
from tests.services.postgres import Postgres

_SCENARIOS = (
    "create_get_and_delete", "every_type_of_field", "queries_over_json_and_dates",
    "expressions_and_aggregates", "relations", "transactions_and_savepoints", "hooks_on_commit", "errors",
    "in_bulk", "iterators", "locks", "raw_queries_and_cursors", "sets_of_rows", "many_statements_at_once",
    "asynchronously",
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "psycopg", "psycopg2"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def runs(driver: str, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Runs:
    return run_all("tests.orms.django_scenarios", driver, tmp_path_factory.mktemp(driver), postgres)


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_same_live_recording_and_replaying(runs: Runs, scenario: str) -> None:
    runs.check(scenario)


def test_the_driver_alone_records(runs: Runs, driver: str) -> None:
    assert runs.integrations == {"sqlite3" if driver == "sqlite" else driver}
    assert set(runs.recorded) == set(_SCENARIOS)
