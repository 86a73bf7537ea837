"""An app that refuses what was masked in its recording: the verdict says what that was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APP = """
from flask import Flask, request

app = Flask(__name__)


@app.post("/login")
def login():
    return {"welcome": True} if request.json["password"] == "sesame" else ({"detail": "no"}, 401)
"""


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timetracer_otel", *command],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_password_that_is_checked_is_named_where_its_mask_was_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "drive.py").write_text(
        "from app import app\n"
        'assert app.test_client().post("/login", json={"password": "sesame"}).status_code == 200\n'
    )
    recorded = run(tmp_path, "record", "--", "python", "drive.py")
    assert recorded.returncode == 0, recorded.stderr

    done = run(tmp_path, "replay", "cassettes", "--app", "app:app")

    assert done.returncode == 1
    *_, note, _ = done.stdout.splitlines()
    assert note == (
        "    note: masked in the recording: inbound request body password;"
        " an app that checks it refuses the mask"
        " (--header gives another header, record --no-redact masks nothing)"
    )
