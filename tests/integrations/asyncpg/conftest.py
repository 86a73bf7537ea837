"""Every test sees the integration installed, and a database to compare three runs on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.asyncpg.runs import Runs
from tests.services.postgres import Postgres
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.asyncpg import AsyncpgIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[AsyncpgIntegration]:
    known = AsyncpgIntegration()
    wrapping.install(known)
    yield known
    wrapping.uninstall(known)


@pytest.fixture
def db(postgres_server: Postgres) -> Runs:
    return Runs(postgres_server)
