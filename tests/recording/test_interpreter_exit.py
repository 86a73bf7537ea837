"""A process ends, whatever of its requests nobody ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APP = """
from django.conf import settings

settings.configure(SECRET_KEY="k", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("hello"))]
app = get_wsgi_application()

if __name__ == "__main__":
    from werkzeug.test import Client, EnvironBuilder

    assert Client(app).get("/").text == "hello"
    loop = [app(EnvironBuilder().get_environ(), lambda *_: None)]  # which nobody closes
    loop.append(loop)
"""


def test_a_response_that_is_collected_at_the_very_end_does_not_hold_the_process(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "record", "--", "python", "app.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (cassette,) = (tmp_path / "cassettes").rglob("*.json")
    assert "hello" in cassette.read_text()
