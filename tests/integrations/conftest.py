"""An upstream that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An HTTP server that serves what the test tells it to."""
    server = Upstream()
    yield server
    server.stop()
