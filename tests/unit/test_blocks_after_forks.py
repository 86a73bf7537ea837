"""A process that is forked while another thread begins or ends a block can have blocks of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, signal, sys
import timetracer_otel
from timetracer_otel.exporters import owners, processor

with owners._lock, processor._tapping:  # as a thread would that is in the midst of it
    child = os.fork()
    if not child:
        signal.alarm(60)
        with timetracer_otel.record(sys.argv[1], name="in the child"):
            pass
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_in_the_midst_of_another_block(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(tmp_path.rglob("*.json"))) == 1
