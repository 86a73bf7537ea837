"""An integration that cannot say where it wraps costs itself, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from timetracer_otel.integrations.known import KNOWN

SCRIPT = """
import sys, types, httpx, timetracer_otel
from timetracer_otel import ports
from timetracer_otel.integrations import load

def fail():
    raise MemoryError("no room")

broken, library = sys.argv[1:]
load(broken).points = fail
sys.modules.setdefault(library, types.ModuleType(library))
timetracer_otel.install()
timetracer_otel.uninstall()
timetracer_otel.install()
print(ports.failures())
"""


@pytest.mark.parametrize(("name", "library"), [(known.name, known.libraries[0]) for known in KNOWN])
def test_an_integration_that_cannot_be_installed(name: str, library: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, library], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"{{'installing {name}': 2}}\n")
    assert done.stderr == (
        f"timetracer-otel: installing {name}: MemoryError: no room (the app is not affected; said once)\n"
    )
