"""What a process needs to load mysql.connector's C extension."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.services.missing import ServiceMissing

_LOADING = "import ssl, _mysql_connector"
"""As in an app: Python's own OpenSSL is there first."""


def environment() -> dict[str, str]:
    """Variables of a process that loads it; none where it loads by itself.

    Raises:
        ServiceMissing: it cannot be loaded here at all.
    """
    return dict(_found())


@functools.cache
def _found() -> dict[str, str]:
    # the system's OpenSSL may be too old for it, as Debian 12's is: then its wheel's is loaded
    spec = importlib.util.find_spec("mysql.connector")
    assert spec is not None
    assert spec.origin is not None
    its_own = {"LD_LIBRARY_PATH": str(Path(spec.origin).parents[1] / "vendor")}
    said = ""
    for variables in ({}, its_own):
        done = subprocess.run(
            [sys.executable, "-c", _LOADING],
            env=os.environ | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return variables
        said = done.stderr.strip().rpartition("\n")[2]
    raise ServiceMissing(f"the C extension of mysql-connector-python cannot be loaded: {said}")
