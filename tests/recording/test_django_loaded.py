"""Django's instrumentation below the launcher, whatever of Django is imported first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.slow import later

SCRIPT = """
import {module}
from opentelemetry.instrumentation.django import DjangoInstrumentor

print(DjangoInstrumentor().is_instrumented_by_opentelemetry)
"""


@pytest.mark.parametrize(
    "module",
    ["django.core.handlers.asgi", later("django.core.handlers.base"), later("django.core.handlers.wsgi")],
)
def test_it_is_loaded_once_and_says_nothing(module: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(module=module))

    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "record", "--", sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "True\n")
    assert "Django" not in done.stderr
