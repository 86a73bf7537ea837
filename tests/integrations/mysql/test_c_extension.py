"""Connections of mysql.connector's C extension: what they are asked is a gap, and refused in a replay."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.fidelity.servers import ROOT
from tests.integrations.mysql.runs import DATABASE, ConnectorRuns
from tests.services.mariadb import PASSWORD, USER

pytestmark = pytest.mark.needs("mariadbd")
GAP = [
    "unwatched connection",
    "a connection of the C extension (use_pure=False) is not recorded; connect with use_pure=True",
]
SEEN = [["ann"], ["Parameters for query must be list or tuple."], [2]]
REFUSED = (
    "mysqlconnector: a connection of the C extension (use_pure=False) is not recorded and cannot be replayed;"
    " let mysqlconnector go live with TIMETRACER_LIVE_PLUGINS=mysqlconnector"
)


def test_each_call_is_a_gap_and_refused_in_a_replay(connector: ConnectorRuns) -> None:
    """In a process of its own: the extension brings an OpenSSL that must be there before another one is."""
    connector.fresh()
    spec = importlib.util.find_spec("mysql.connector")
    assert spec is not None
    assert spec.origin is not None
    own = Path(spec.origin).parents[1] / "vendor"
    port = str(connector._server.door.port)
    done = subprocess.run(
        [sys.executable, "-m", "tests.integrations.mysql.in_c", port, USER, PASSWORD, DATABASE],
        env={**os.environ, "LD_LIBRARY_PATH": str(own), "PYTHONPATH": str(ROOT)},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)

    assert report == {
        "class": "CMySQLConnection",
        "live": SEEN,
        "recorded": SEEN,
        "calls": [
            ["SELECT name FROM people WHERE id = %s", None, [GAP]],
            ["UPDATE people SET age = %s WHERE id = %s", None, [GAP]],
            ["UPDATE people SET age = %s WHERE id = %s", ANY, []],
            ["COMMIT", None, [GAP]],
            ["SELECT age FROM people WHERE id = %s", None, [GAP]],
        ],
        "refused": [REFUSED, REFUSED, REFUSED],
        "afterwards": SEEN,
    }
