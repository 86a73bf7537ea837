"""The integration in place, and both ways to call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.httpx.callers import Async, Caller, Sync
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.httpx import HttpxIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[HttpxIntegration]:
    integration = HttpxIntegration()
    wrapping.install(integration)
    yield integration
    wrapping.uninstall(integration)


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Caller:
    made: Caller = request.param()
    return made
