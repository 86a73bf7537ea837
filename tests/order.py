"""Which files are run first: what takes long, so that no process is left alone with it at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = (
    "tests/fidelity/test_matrix.py",
    "tests/docs/test_pages.py",
    "tests/contract/test_contract.py",
    "tests/recording/test_launcher.py",
    "tests/fidelity/test_many_at_once.py",
    "tests/processes/test_servers.py",
    "tests/load/test_growth.py",
    "tests/tasks/test_celery.py",
    "tests/regressions/test_command.py",
    "tests/load/test_large_bodies.py",
    "tests/fidelity/test_streams.py",
    "tests/topics/test_kafka.py",
    "tests/regressions/test_changes.py",
    "tests/interruptions/test_hanging_up.py",
    "tests/faults/test_injection.py",
    "tests/test_demo.py",
    "tests/rpcs/test_servers.py",
    "tests/whatif/test_command.py",
    "tests/fidelity/test_misses.py",
    "tests/fidelity/test_masking.py",
    "tests/fidelity/test_nothing_arrives.py",
    "tests/replaying/test_learning.py",
    "tests/replaying/test_volatile_values.py",
    "tests/replaying/test_capture_on_miss.py",
    "tests/cli/test_end_to_end.py",
    "tests/test_example_integration.py",
)
"""Beginning with the longest; all others follow as they were found."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first; the order within a file stays."""
    turn = {ROOT / file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path, len(turn)))
