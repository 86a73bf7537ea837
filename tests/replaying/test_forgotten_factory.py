"""A function that makes the application, given as if it were one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APP = """
from flask import Flask

def make():
    app = Flask(__name__)
    app.add_url_rule("/hello", view_func=lambda: "hello")
    return app
"""
DRIVE = 'from app import make\nassert make().test_client().get("/hello").text == "hello"\n'


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_error_says_how_to_name_a_factory(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "drive.py").write_text(DRIVE)
    recorded = run(tmp_path, "timetracer_otel", "record", "--", "python", "drive.py")
    assert recorded.returncode == 0, recorded.stderr

    replayed = run(tmp_path, "timetracer_otel", "replay", "cassettes", "--app", "app:make")
    tested = run(
        tmp_path,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timetracer",
        "--timetracer-app=app:make",
        "cassettes",
    )

    assert replayed.returncode == 2
    assert replayed.stderr.splitlines()[-1] == (
        "error: the one cassette is of another kind than this app takes:"
        " app:make takes kafka, and this is http; is it a function that makes the application (--factory)?"
    )
    assert tested.returncode == 1
    assert (
        "app:make takes no HTTP requests; if it is a function that makes the application, set"
        " timetracer_app_factory = true in pytest's configuration"
    ) in tested.stdout, tested.stdout
