"""The integration in place, and the ways to use PyMongo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.mongodb.scenarios import Client
from timetracer_otel import nondeterminism
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.pymongo import PyMongoIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[PyMongoIntegration]:
    integration = PyMongoIntegration()
    nondeterminism.install()
    wrapping.install(integration)
    yield integration
    wrapping.uninstall(integration)
    nondeterminism.uninstall()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Client:
    """Either colour."""
    return Client(request.param)
