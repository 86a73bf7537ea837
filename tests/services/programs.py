"""Programs that only a system package brings: a test that needs one says so, and is never skipped in silence.

``@pytest.mark.needs("mariadbd")`` names a program of ``programs.txt``. Where it is not installed, the test is
deselected, and the end of the run says how many tests were not run and which line installs what they
need. ``scripts/test`` runs that line itself where it may.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.services.missing import ServiceMissing

_LIST = Path(__file__).with_name("programs.txt")
# servers are often not in an ordinary user's PATH
_PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"])
# libraries that are built where a program is, as pip names them: their modules, and that program
_LIBRARIES = {"mysqlclient": ("MySQLdb", "mariadb_config")}
_SENT = "tests_not_run"
_MARKER = "needs(program): needs a program of tests/services/programs.txt; not run, and named, without it"


def packages() -> dict[str, str]:
    """The Debian package of each program."""
    lines = (line.split() for line in _LIST.read_text().splitlines() if line and not line.startswith("#"))
    return dict(lines)


def find(program: str) -> str | None:
    """Where a program is, or the module of a library, or None if it is not installed."""
    if program in _LIBRARIES:
        spec = importlib.util.find_spec(_LIBRARIES[program][0])
        return None if spec is None else spec.origin
    return shutil.which(program, path=_PLACES)


def need_program(program: str) -> str:
    """Where a program is.

    Raises:
        ServiceMissing: It is not installed; the text is the line that installs it.
    """
    if found := find(program):
        return found
    raise ServiceMissing(f"install it with: {install_line([program])}")


def install_line(programs: Iterable[str]) -> str:
    """The line that installs these programs on Debian and Ubuntu."""
    wanted = set(programs)
    libraries = sorted(wanted & _LIBRARIES.keys())
    wanted = wanted - _LIBRARIES.keys() | {_LIBRARIES[name][1] for name in libraries}
    names = sorted({packages()[program] for program in wanted})
    build = f", and python -m pip install {' '.join(libraries)}" if libraries else ""
    return f"apt-get install --no-install-recommends {' '.join(names)}{build}"


class NotRun:
    """The part of pytest that deselects such tests and says so; in each process of a run."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def pytest_configure(self, config: pytest.Config) -> None:
        """Name the marker."""
        config.addinivalue_line("markers", _MARKER)

    # last, so that only tests that would have been run are named
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what needs a program that is not installed."""
        kept, left_out = [], []
        for item in items:
            if missing := missing_for(item):
                left_out.append(item)
                self._counts[" and ".join(missing)] += 1
            else:
                kept.append(item)
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = kept

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker of pytest-xdist tells the process that prints."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_SENT] = dict(self._counts)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Hear of it; every worker collects the same tests, so one's word is enough."""
        told = getattr(node, "workeroutput", {})
        self._counts |= Counter(told.get(_SENT, {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was not run, and what to do about it."""
        for line in summary(self._counts):
            terminalreporter.write_line(line, yellow=True)


def missing_for(item: pytest.Item) -> list[str]:
    """The programs that a test needs and that are not installed."""
    needed = {program for mark in item.iter_markers("needs") for program in mark.args}
    if unknown := needed - packages().keys() - _LIBRARIES.keys():
        raise pytest.UsageError(f"{item.nodeid} needs {sorted(unknown)}, which {_LIST.name} does not list")
    return sorted(program for program in needed if find(program) is None)


def summary(counts: Counter[str]) -> list[str]:
    """The lines about tests that were not run."""
    lines = []
    for missing, count in sorted(counts.items()):
        line = install_line(missing.split(" and "))
        tests = "1 test" if count == 1 else f"{count} tests"
        lines.append(f"not run: {tests} for want of {missing}; as root: {line}")
    return lines
