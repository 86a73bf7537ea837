"""Django's ORM above sqlite3, psycopg, psycopg2, PyMySQL, mysqlclient, mysql.connector in Python and in C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.orms.places import Place
from tests.orms.runs import Runs, run_all
from tests.slow import later

_SCENARIOS = (
    "create_get_and_delete", "every_type_of_field", "queries_over_json_and_dates",
    "expressions_and_aggregates", "relations", "transactions_and_savepoints", "hooks_on_commit", "errors",
    "in_bulk", "iterators", "locks", "raw_queries_and_cursors", "sets_of_rows", "many_statements_at_once",
    "asynchronously",
)  # fmt: skip


_MARIADB = pytest.mark.needs("mariadbd")
_DRIVERS = (
    "sqlite",
    "psycopg",
    later("psycopg2"),
    pytest.param("pymysql", marks=[_MARIADB, pytest.mark.slow]),
    pytest.param("mysqlclient", marks=[pytest.mark.needs("mariadbd", "mysqlclient"), pytest.mark.slow]),
    pytest.param("mysqlconnector", marks=[_MARIADB, pytest.mark.slow]),
    pytest.param("mysqlconnector-c", marks=[_MARIADB, pytest.mark.slow]),
)


@pytest.fixture(scope="module", params=_DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def runs(
    driver: str, tmp_path_factory: pytest.TempPathFactory, place_of: Callable[[str, Path], Place]
) -> Runs:
    folder = tmp_path_factory.mktemp(driver)
    return run_all("tests.orms.django_scenarios", driver, folder, place_of(driver, folder))


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_same_live_recording_and_replaying(runs: Runs, scenario: str) -> None:
    runs.check(scenario)


def test_the_driver_alone_records(runs: Runs, driver: str) -> None:
    assert runs.integrations == {"sqlite3" if driver == "sqlite" else driver.removesuffix("-c")}
    assert set(runs.recorded) == set(_SCENARIOS)
