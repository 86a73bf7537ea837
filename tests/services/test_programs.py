"""A test that needs a program that is not installed is named at the end of the run, by each way to run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import programs
from tests.services.missing import ServiceMissing

_ROOT = Path(__file__).resolve().parents[2]
_CONFTEST = """
from tests.services import programs

programs.packages = lambda: {"sh": "dash", "no-such-browser": "browser", "no-such-server": "server"}

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: ...")
    config.pluginmanager.register(programs.NotRun())
"""
_TESTS = """
import pytest

def test_nothing_needed(): pass

@pytest.mark.needs("sh")
def test_what_is_there(): pass

@pytest.mark.needs("no-such-browser")
@pytest.mark.parametrize("page", [1, 2])
def test_browser(page): raise AssertionError

@pytest.mark.needs("no-such-browser", "no-such-server")
def test_both(): raise AssertionError

@pytest.mark.slow
@pytest.mark.needs("no-such-server")
def test_not_asked_for(): raise AssertionError
"""


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_was_not_run_is_said_with_the_line_that_installs_it(tmp_path: Path, processes: str) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_some.py").write_text(_TESTS)

    done = run(tmp_path, "-n", processes, "-m", "not slow")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("not run")] == [
        "not run: 2 tests for want of no-such-browser; as root: "
        "apt-get install --no-install-recommends browser",
        "not run: 1 test for want of no-such-browser and no-such-server; as root: "
        "apt-get install --no-install-recommends browser server",
    ]


def test_a_program_that_is_not_listed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_some.py").write_text(
        "import pytest\n\n@pytest.mark.needs('spelt-wrong')\ndef test_it(): pass\n"
    )

    done = run(tmp_path)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_some.py::test_it needs ['spelt-wrong'], which programs.txt does not list" in done.stderr


def test_a_service_started_all_the_same_names_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda program: None)
    with pytest.raises(ServiceMissing) as raised:
        programs.need_program("mariadbd")
    assert str(raised.value) == "install it with: apt-get install --no-install-recommends mariadb-server-core"
