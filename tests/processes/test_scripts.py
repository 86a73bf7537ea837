"""Processes that serve nobody: jobs, their children, and what ends in an uncaught exception."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fidelity.servers import PLAIN, RECORDING, ROOT
from timetracer_otel.store import FolderStore


def run(store: FolderStore, launcher: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts to its end."""
    binaries = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    what, *rest = arguments
    return subprocess.run(
        [*launcher, "python", "-m", "tests.processes.scripts", what, str(store.path), *rest],
        env={**os.environ, "PATH": binaries, "PYTHONPATH": str(ROOT), "TIMETRACER_DIR": str(store.path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What it said about recording, or died of."""
    return [line for line in done.stderr.splitlines() if "timetracer" in line or "Error" in line]


def names(store: FolderStore) -> list[str]:
    """The entry span's name of every cassette."""
    return sorted(cassette.entry.name for _, cassette in store.iter())


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cassettes")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_that_record_blocks_of_their_own(store: FolderStore, method: str) -> None:
    done = run(store, PLAIN, "children", method)
    assert (done.returncode, complaints(done)) == (0, [])
    children = [f"{method} child {number}" for number in range(2)]
    assert names(store) == sorted(["before", "parent", *children, "after"])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_a_process_that_records(store: FolderStore, method: str) -> None:
    done = run(store, RECORDING, "traced_children", method)
    assert (done.returncode, complaints(done)) == (0, [])
    children = [f"{method} child {number}" for number in range(2)]
    assert names(store) == sorted(["parent", *children])


def test_an_uncaught_exception_ends_a_script_that_records(store: FolderStore) -> None:
    done = run(store, RECORDING, "uncaught", "failing")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "LookupError: nobody catches this")
    assert names(store) == ["failing", "finished before"]


def test_an_uncaught_exception_leaves_a_recorded_block_and_ends_the_script(store: FolderStore) -> None:
    done = run(store, PLAIN, "uncaught_in_record", "failing")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "LookupError: nobody catches this")
    [(_, cassette)] = store.iter()
    [event] = [event for event in cassette.entry.events if event.name == "exception"]
    assert (cassette.entry.name, event.attributes["exception.type"]) == ("failing", "LookupError")
