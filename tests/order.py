"""Which files are run first: what takes long, so that no process is left alone with it at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = (
    "tests/fidelity/test_matrix.py",
    "tests/docs/test_pages.py",
    "tests/faults/test_injection.py",
    "tests/contract/test_contract.py",
    "tests/recording/test_launcher.py",
    "tests/regressions/test_command.py",
    "tests/tasks/test_celery.py",
    "tests/test_demo.py",
    "tests/replaying/test_startup.py",
    "tests/interruptions/test_hanging_up.py",
    "tests/integrations/frameworks/test_auto_setup.py",
    "tests/processes/test_servers.py",
    "tests/faults/test_setting_up.py",
    "tests/caches/test_warm_caches.py",
    "tests/topics/test_kafka.py",
    "tests/integrations/mongodb/test_errors.py",
    "tests/load/test_growth.py",
    "tests/replaying/test_capture_on_miss.py",
    "tests/buckets/test_commands.py",
    "tests/test_example_integration.py",
    "tests/rpcs/test_servers.py",
    "tests/fuzzing/test_fuzzing.py",
    "tests/fidelity/test_streams.py",
    "tests/fidelity/test_nothing_arrives.py",
    "tests/cli/test_end_to_end.py",
    "tests/fidelity/test_masking.py",
    "tests/processes/test_scripts.py",
    "tests/replaying/test_imported_ids.py",
    "tests/fidelity/test_many_at_once.py",
    "tests/load/test_large_bodies.py",
    "tests/integrations/credentials/test_sites.py",
    "tests/replaying/test_refused_masks.py",
    "tests/replaying/test_stragglers.py",
    "tests/replaying/test_volatile_values.py",
    "tests/pytest_plugin/test_modes.py",
    "tests/replaying/test_learning.py",
    "tests/fidelity/test_misses.py",
    "tests/whatif/test_command.py",
    "tests/generating/test_generated.py",
    "tests/integrations/credentials/test_basic.py",
)
"""Beginning with the longest; all others follow as they were found."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first; the order within a file stays."""
    turn = {ROOT / file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path, len(turn)))
