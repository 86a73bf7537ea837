"""Who was signed in is signed in when it is replayed, though every credential is masked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.credentials.sites import DJANGO, FASTAPI, FLASK, STARLETTE
from tests.slow import later


@pytest.mark.parametrize(
    ("site", "requests"),
    [
        pytest.param(FASTAPI, 13, id="fastapi"),
        later(FLASK, 20, id="flask"),
        pytest.param(DJANGO, 16, id="django"),
        later(STARLETTE, 10, id="starlette"),
    ],
)
def test_every_request_comes_to_the_same(tmp_path: Path, site: str, requests: int) -> None:
    (tmp_path / "site_of_members.py").write_text(site)
    recorded = run(tmp_path, "record", "--", "python", "site_of_members.py")
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    written = "".join(file.read_text() for file in (tmp_path / "cassettes").rglob("*.json"))
    assert "[REDACTED]" in written
    assert [secret for secret in recorded.stdout.split() if secret in written] == []

    done = run(tmp_path, "replay", "cassettes", "--app", "site_of_members:app")

    assert f"{requests} replayed: {requests} same" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timetracer_otel", *command],
        cwd=directory, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
