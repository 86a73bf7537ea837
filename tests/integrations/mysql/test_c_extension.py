"""Connections of mysql.connector's C extension, which ``connect()`` takes by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fidelity.servers import ROOT
from tests.services import c_extension

pytestmark = [pytest.mark.needs("mariadbd"), pytest.mark.slow]
TESTS = (
    "test_connector.py",
    "connector_in_c.py",
    "test_set_up.py",
    "test_letting_through.py",
    "test_connector_threads.py",
    "../sqlalchemy/test_mysqlconnector.py",
)


def test_the_same_is_seen_of_connections_of_the_c_extension() -> None:
    """In a process of its own: the extension brings an OpenSSL that must be there before another one is."""
    here = Path(__file__).parent
    files = [str(here / name) for name in TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=", "-q", "-p", "no:cacheprovider", *files],
        env={**os.environ, **c_extension.environment(), "MYSQL_IN_C": "1"},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
