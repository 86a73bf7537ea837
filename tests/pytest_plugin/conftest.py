"""Suites of tests, run by a pytest of their own: in this process, or, where that matters, in another."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.pytester import SysModulesSnapshot

import timetracer_otel
from tests.services.upstream import Upstream
from timetracer_otel.cassette import Cassette

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


class Suite:
    """A folder of tests, and the services that they call.

    Args:
        pytester: runs them.
        upstream: what they find in ``UPSTREAM``.
    """

    def __init__(
        self, pytester: pytest.Pytester, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.path = pytester.path
        self.upstream = upstream
        self._pytester = pytester
        self._monkeypatch = monkeypatch
        for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "TIMETRACER_MODE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("UPSTREAM", upstream.url)
        self.ini("")
        # libraries that were loaded twice would raise exceptions that nobody knows
        monkeypatch.setattr(SysModulesSnapshot, "restore", lambda _: self._forget_modules())

    def _forget_modules(self) -> None:
        """The modules of the suite are others in its next run."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.path)):
                del sys.modules[name]

    def ini(self, lines: str) -> None:
        """Write ``pytest.ini``."""
        (self.path / "pytest.ini").write_text(INI + lines)

    def write(self, **files: str) -> None:
        """Write modules by name."""
        for name, text in files.items():
            (self.path / f"{name}.py").write_text(text)

    def run(self, *arguments: str, apart: bool = False, **environment: str) -> pytest.RunResult:
        """Run the tests: in this process, which is much faster, or apart from it (and from the upstream)."""
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        if apart:
            return self._pytester.runpytest_subprocess(*arguments, timeout=300)
        try:
            return self._pytester.runpytest_inprocess(*arguments)
        finally:
            timetracer_otel.uninstall()

    def outcomes(self, *arguments: str, apart: bool = False, **environment: str) -> dict[str, int]:
        """Run the tests; how many ended how."""
        return self.run(*arguments, apart=apart, **environment).parseoutcomes()

    def cassettes(self) -> dict[str, list[str]]:
        """The cassettes beside the tests: what each says was called."""
        folder = self.path / "cassettes"
        return {
            str(path.relative_to(folder)): [
                "?" if call.request is None else call.request.title().replace(self.upstream.url, "")
                for call in Cassette.load(path).calls()
            ]
            for path in sorted(folder.rglob("*.json"))
        }


@pytest.fixture
def suite(pytester: pytest.Pytester, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Suite:
    return Suite(pytester, upstream, monkeypatch)


def without_address(text: str) -> str:
    """The text with every local address as ``<address>``."""
    return re.sub(r"127\.0\.0\.1:\d+", "<address>", text)


@pytest.fixture
def read() -> Callable[[Path], Cassette]:
    return Cassette.load
