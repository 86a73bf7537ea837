"""The example of an integration of one's own: a package by itself, installed, and tested by its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.services.environment import without_settings

EXAMPLE = Path(__file__).parents[1] / "examples" / "integration"


def test_it_is_installed_as_a_package_and_its_own_tests_pass(tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    install: list[str | Path] = [
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        site,
        EXAMPLE,
    ]
    environment = {
        **without_settings(),
        "PYTHONPATH": str(site),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    subprocess.run([sys.executable, "-m", *install], env=environment, check=True, capture_output=True)
    options: list[str | Path] = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        os.devnull,
        "--rootdir",
        work,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'temp'}", EXAMPLE / "tests"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "19 passed" in done.stdout, done.stdout
