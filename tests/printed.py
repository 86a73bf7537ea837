"""What servers printed during a test is told with its failure: there an answer of 500 explains itself."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fidelity.servers import STARTED, Server

_MOST = 20_000
"""Characters of one server: the last, as a traceback ends with what happened."""
_before: dict[Server, int] = {}


@pytest.hookimpl(tryfirst=True)  # before fixtures start servers
def pytest_runtest_setup() -> None:
    """Note how much each had printed; a server that starts later has printed nothing."""
    _before.clear()
    _before.update((server, len(server.log)) for server in STARTED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add it to the report of a failure."""
    report = yield
    if report.failed:
        for server in list(STARTED):
            if printed := server.log[_before.get(server, 0) :][-_MOST:]:
                report.sections.append((f"what a server printed ({server.log_file})", printed))
    return report


def pytest_runtest_teardown() -> None:
    """Let go of servers that have ended."""
    _before.clear()
