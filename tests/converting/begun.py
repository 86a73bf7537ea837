"""Work for workers, which says that it began and may have to wait to go on."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE = 60.0


def work(task: tuple[str, int]) -> int:
    """Begin; all but the first go on once they may.

    Args:
        task: A folder, and the number of the task.
    """
    folder, number = Path(task[0]), task[1]
    (folder / f"begun-{number}").touch()
    if number:
        wait_for(folder, "go on")
    return number


def wait_for(folder: Path, pattern: str) -> None:
    """Wait until there is such a file."""
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.005)
