"""Servers whose surroundings fail, and what was said of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes.conftest import start, store
from timetracer_otel import ports
from timetracer_otel.ports import failing

__all__ = ["fresh_reports", "start", "store"]


@pytest.fixture
def fresh_reports() -> Iterator[None]:
    """Nothing went wrong in this process yet, whatever other tests did in it."""
    failing._reported.clear()
    ports.forget_failures()
    yield
    ports.forget_failures()
