"""The integration in place, and the ways to use redis-py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.redis.scenarios import Client
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.redis import RedisIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[RedisIntegration]:
    integration = RedisIntegration()
    wrapping.install(integration)
    yield integration
    wrapping.uninstall(integration)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Client:
    """Either colour, with the library's defaults."""
    return Client(request.param, {})


@pytest.fixture(
    params=[(2, False), (2, True), (3, False), (3, True)], ids=["resp2", "resp2-str", "resp3", "resp3-str"]
)
def any_client(client: Client, request: pytest.FixtureRequest) -> Client:
    """Either colour, with either protocol, decoding or not."""
    protocol, decode = request.param
    return Client(client.asynchronous, {"protocol": protocol, "decode_responses": decode})
