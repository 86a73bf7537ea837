"""What all tests share: the real services, started once for each process that runs tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.together import Services


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-fidelity", action="store_true", help="write docs/fidelity.md from the results of this run"
    )


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """PostgreSQL, Valkey and an HTTP upstream, running and empty."""
    started = Services(tmp_path_factory.mktemp("services"))
    started.fresh()
    yield started
    started.remove()
