"""SQLModel above SQLAlchemy, with synchronous and asynchronous drivers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.orms.places import Place
from tests.orms.runs import Runs, run_all
from tests.slow import later

_SCENARIOS = (
    "create_get_and_delete", "every_type_of_field", "relations", "transactions_and_savepoints", "errors",
    "locks_and_parts", "asynchronously",
)  # fmt: skip


@pytest.fixture(scope="module", params=[later("sqlite"), "psycopg"])
def runs(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    place_of: Callable[[str, Path], Place],
) -> Runs:
    driver = str(request.param)
    folder = tmp_path_factory.mktemp(driver)
    return run_all("tests.orms.sqlmodel_scenarios", driver, folder, place_of(driver, folder))


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_same_live_recording_and_replaying(runs: Runs, scenario: str) -> None:
    runs.check(scenario)


def test_sqlalchemy_alone_records(runs: Runs) -> None:
    assert runs.integrations == {"sqlalchemy"}
    assert set(runs.recorded) == set(_SCENARIOS)
