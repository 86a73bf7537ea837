"""Who is signed in to Django stays so in a replay, though what it checks a session with is masked."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fidelity.servers import RECORDING, Server
from tests.services.environment import instrumenting
from tests.slow import later

SITE = """
import sys
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_of_members", USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "members.sqlite3"}},
)
django.setup()

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path


def me(request):
    return JsonResponse({"member": request.user.username, "signed in": request.user.is_authenticated})


async def me_async(request):
    user = await request.auser()
    return JsonResponse({"member": user.username, "signed in": user.is_authenticated})


urlpatterns = [path("me", me), path("me-async", me_async)]
application = get_wsgi_application()
asgi = get_asgi_application()

if __name__ == "__main__":
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    for name in ("ann", "bob"):
        users.create_user(name, password=name * 4)
    for name in ("ann", "bob"):
        client = Client()
        assert client.login(username=name, password=name * 4)
        print(client.cookies["sessionid"].value)
    bob = users.get(username="bob")
    bob.set_password("another")  # which ends his sessions
    bob.save()
"""


WSGI = ("gunicorn", "--bind", "127.0.0.1:0", "site_of_members:application")
ASGI = ("uvicorn", "--port", "0", "site_of_members:asgi")
NOBODY = {"member": "", "signed in": False}


@pytest.mark.parametrize(
    ("command", "path"), [pytest.param(WSGI, "/me", id="wsgi"), later(ASGI, "/me-async", id="asgi")]
)
def test_a_member_is_signed_in_as_when_it_was_recorded(
    tmp_path: Path, command: tuple[str, ...], path: str
) -> None:
    (tmp_path / "site_of_members.py").write_text(SITE)
    ann, bob = run(tmp_path, sys.executable, "site_of_members.py").split()
    server = Server(command, RECORDING, instrumenting("django"), tmp_path)
    cookies = {"ann": f"sessionid={ann}", "bob": f"sessionid={bob}", "nobody": "colour=blue"}
    told = {name: ask(server.port, path, cookie) for name, cookie in cookies.items()}
    server.stop()
    assert told == {"ann": {"member": "ann", "signed in": True}, "bob": NOBODY, "nobody": NOBODY}
    written = "".join(file.read_text() for file in (tmp_path / "cassettes").rglob("*.json"))
    assert "[REDACTED]" in written
    assert ann not in written
    (tmp_path / "members.sqlite3").unlink()
    program = str(Path(sys.executable).with_name("timetracer-otel"))
    said = run(tmp_path, program, "replay", "cassettes", "--app", command[-1])
    assert re.fullmatch(r"3 replayed: 3 same  \d+.*", said.splitlines()[-1]), said


def run(folder: Path, *command: str) -> str:
    """What it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(port: int, path: str, cookie: str) -> Any:
    """What the site answers to one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer
