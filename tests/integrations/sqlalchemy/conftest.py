"""Every test sees the integration installed; ``db`` runs it once for each driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.sqlalchemy.databases import ASYNC, POSTGRES, SYNC, Database
from tests.services.postgres import Postgres
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.sqlalchemy import SqlAlchemyIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[SqlAlchemyIntegration]:
    known = SqlAlchemyIntegration()
    wrapping.install(known)
    yield known
    wrapping.uninstall(known)


@pytest.fixture(params=SYNC + ASYNC)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """The database of each driver in turn; PostgreSQL is only started where it is needed."""
    postgres = request.getfixturevalue("postgres") if request.param.startswith("postgresql") else None
    return Database(request.param, tmp_path, postgres)


@pytest.fixture(params=POSTGRES)
def pg(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> Database:
    """PostgreSQL with each of its drivers in turn."""
    return Database(request.param, tmp_path, postgres)
