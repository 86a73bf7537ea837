"""Processes that serve nobody: jobs, their children, and what ends in an uncaught exception."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fidelity.servers import PLAIN, RECORDING, ROOT
from tests.fidelity.wire import PATIENCE
from tests.services.environment import instrumenting
from timetracer_otel.store import FolderStore


def run(store: FolderStore, launcher: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts to its end."""
    binaries = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    what, *rest = arguments
    return subprocess.run(
        [*launcher, "python", "-m", "tests.processes.scripts", what, str(store.path), *rest],
        env={
            **os.environ,
            **instrumenting("threading"),
            "PATH": binaries,
            "PYTHONPATH": str(ROOT),
            "TIMETRACER_DIR": str(store.path),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * PATIENCE,
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


def test_children_and_a_pool_of_billiard(store: FolderStore) -> None:
    done = run(store, RECORDING, "billiard_children")
    assert (done.returncode, complaints(done)) == (0, [])
    assert names(store) == sorted(["parent", "child", *(f"task {number}" for number in range(8))])


def test_a_child_of_billiard_that_nothing_but_its_finalizers_ends(store: FolderStore) -> None:
    done = run(store, RECORDING, "billiard_kept_exit")
    assert (done.returncode, complaints(done)) == (0, [])
    assert names(store) == ["child"]


def test_os_exit_keeps_what_is_finished(store: FolderStore) -> None:
    done = run(store, RECORDING, "leaving", "finished")
    assert (done.returncode, complaints(done)) == (7, [])
    assert names(store) == ["finished"]


def test_a_forked_child_that_ends_by_os_exit(store: FolderStore) -> None:
    done = run(store, RECORDING, "forked", "child")
    assert (done.returncode, complaints(done)) == (7, [])
    assert names(store) == ["after", "before", "child"]


def test_os_exit_is_wrapped_only_while_somebody_records(store: FolderStore) -> None:
    done = run(store, PLAIN, "exits")
    assert (done.returncode, done.stdout.split()) == (0, ["False", "True"])


def test_a_script_that_sigterm_kills_keeps_what_is_finished_and_dies_of_it(store: FolderStore) -> None:
    done = run(store, RECORDING, "terminated", "finished")
    assert (done.returncode, done.stdout, complaints(done)) == (-signal.SIGTERM, "", [])
    assert names(store) == ["finished"]


def test_a_child_that_is_terminated_while_it_waits(store: FolderStore) -> None:
    done = run(store, RECORDING, "terminated_child", "fork")
    assert (done.returncode, complaints(done)) == (0, [])
    assert names(store) == ["child"]


def test_a_handler_of_the_programs_own_takes_the_place_of_ours(store: FolderStore) -> None:
    done = run(store, RECORDING, "own_handler", "finished")
    assert (done.returncode, done.stdout.splitlines(), complaints(done)) == (0, ["True", "its own"], [])
    assert names(store) == ["finished"]


def test_a_program_that_a_recording_one_executes_has_the_default_for_sigterm(store: FolderStore) -> None:
    done = run(store, RECORDING, "executed")
    assert (done.returncode, done.stdout) == (0, "True\n")


def test_without_our_launcher_sigterm_is_left_alone(store: FolderStore) -> None:
    done = run(store, PLAIN, "own_handler", "unrecorded")
    assert (done.returncode, done.stdout.splitlines()) == (0, ["False", "its own"])


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
