"""The fuzzers run, and find nothing: seconds here, minutes with ``scripts/test --slow``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing.seeds import seeds
from tests.fuzzing.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    for seed in seeds(name):
        TARGETS[name](seed)


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzzing", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_found_in_a_second_guided_by_coverage() -> None:
    done = fuzz("--seconds=1", "values")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("values: ")


def test_nothing_is_found_in_a_second_each_by_chance() -> None:
    done = fuzz("--seconds=1", "--plain")
    assert done.returncode == 0, done.stdout + done.stderr
    _, *rows = done.stdout.splitlines()
    assert [row.partition(":")[0] for row in rows] == list(TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_in_a_minute(name: str) -> None:
    done = fuzz("--seconds=60", name)
    assert done.returncode == 0, done.stdout + done.stderr
