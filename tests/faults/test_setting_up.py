"""An integration that cannot say where it wraps costs itself, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from timetracer_otel.integrations import all_integrations

SCRIPT = """
import sys, httpx, timetracer_otel
from timetracer_otel import ports
from timetracer_otel.integrations import all_integrations, wrapping

def fail():
    raise MemoryError("no room")

broken = sys.argv[1]
for integration in all_integrations():
    if integration.name == broken:
        integration.points = fail
timetracer_otel.install()
timetracer_otel.uninstall()
timetracer_otel.install()
print(ports.failures())
"""


@pytest.mark.parametrize("name", [integration.name for integration in all_integrations()])
def test_an_integration_that_cannot_be_installed(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"{{'installing {name}': 2}}\n")
    assert done.stderr == (
        f"timetracer-otel: installing {name}: MemoryError: no room (the app is not affected; said once)\n"
    )
