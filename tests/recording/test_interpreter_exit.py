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

def leave():
    cycle = [app(EnvironBuilder().get_environ(), lambda *_: None)]  # a response that nobody closes
    cycle.append(cycle)

if __name__ == "__main__":
    import gc
    from werkzeug.test import EnvironBuilder

    gc.set_threshold(0)  # nothing is collected until the interpreter does so at its end
    leave()
"""


def test_a_response_that_is_collected_at_the_very_end_does_not_hold_the_process(tmp_path: Path) -> None:
    """What has it written would start the writer's thread, and no thread starts any more: to wait for it
    is to wait for ever.
    """
    (tmp_path / "app.py").write_text(APP)
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "record", "--", "python", "app.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not list((tmp_path / "cassettes").rglob("*.json")), "nobody was sent anything"
