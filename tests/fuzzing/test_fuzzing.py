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


@pytest.mark.parametrize("how", [[], ["--plain"]])
def test_nothing_is_found_in_seconds(how: list[str]) -> None:
    done = fuzz("--seconds=1", *how)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row for row in done.stdout.splitlines() if "inputs are mutated" not in row]
    assert [row.partition(":")[0] for row in rows] == list(TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_in_a_minute(name: str) -> None:
    done = fuzz("--seconds=60", name)
    assert done.returncode == 0, done.stdout + done.stderr
