"""Whether a kept connection still works is no call: a replay may have another connection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.services.postgres import Postgres

SITE = """
import os
from urllib.parse import urlsplit

import django
from django.conf import settings

server = urlsplit(os.environ["DATABASE"])
settings.configure(
    SECRET_KEY="k", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": server.path[1:], "USER": server.username,
        "HOST": server.hostname, "PORT": server.port, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True,
    }},
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import JsonResponse
from django.urls import path


def answer(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 40 + %s", [2])
        return JsonResponse({"answer": cursor.fetchone()[0]})


urlpatterns = [path("", answer)]
app = get_wsgi_application()

if __name__ == "__main__":
    from werkzeug.test import Client

    for _ in range(2):
        answered = Client(app).get("/")
        assert answered.json == {"answer": 42}
        answered.close()
"""


def run(directory: Path, postgres: Postgres, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", *command],
        cwd=directory, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "DATABASE": postgres.url("test")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_request_on_a_kept_connection_is_replayed_on_a_new_one(tmp_path: Path, postgres: Postgres) -> None:
    (tmp_path / "site_of_answers.py").write_text(SITE)
    run(tmp_path, postgres, "record", "--", "python", "site_of_answers.py")
    cassettes = sorted((tmp_path / "cassettes").rglob("*.json"))
    assert len(cassettes) == 2

    for cassette in cassettes:
        said = run(tmp_path, postgres, "replay", str(cassette), "--app", "site_of_answers:app")
        assert "1 replayed: 1 same" in said
