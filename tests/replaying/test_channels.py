"""Websockets of Django's Channels, and a server that calls its application by keywords, as daphne does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.services.environment import instrumenting
from timetracer_otel import Cassette
from timetracer_otel.demo.processes import Server

SETTINGS = """
SECRET_KEY = "no secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "channels"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}}
"""
URLS = r"""
from django.contrib.auth.models import Group
from django.http import JsonResponse
from django.urls import re_path

def groups(request, name, number):
    return JsonResponse({"groups": Group.objects.filter(name=name).count()})

urlpatterns = [re_path(r"^groups/(?P<name>\w+)/(?P<number>\d+)$", groups)]
"""
CONSUMERS = """
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from django.contrib.auth.models import Group

def add(name):
    Group.objects.create(name=name)
    return Group.objects.count()

class Room(AsyncJsonWebsocketConsumer):
    async def receive_json(self, word):
        number = await database_sync_to_async(add)(word)
        await self.send_json([self.scope["url_route"]["kwargs"]["room"], number])

class Hall(JsonWebsocketConsumer):
    def receive_json(self, word):
        self.send_json(["hall", add(word)])
"""
APP = r"""
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
from django.core.asgi import get_asgi_application
django = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.urls import path, re_path
from site_consumers import Hall, Room

inner = URLRouter([re_path(r"^(?P<room>\w+)$", Room.as_asgi())])
paths = URLRouter([path("hall", Hall.as_asgi()), path("rooms/", inner)])
site = ProtocolTypeRouter({"http": django, "websocket": OriginValidator(paths, ["*"])})

async def app(scope, receive, send):
    application = site if scope["type"] != "http" else django
    await application(scope=scope, receive=receive, send=send)
"""
MIGRATED = """
import app
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""


def say(app: Server, path: str, *words: str) -> list[str]:
    answers = []
    with connect(app.url.replace("http", "ws") + path) as socket:
        for word in words:
            socket.send(f'"{word}"')
            answers.append(str(socket.recv(timeout=60)))
    return answers


def talk(app: Server) -> list[object]:
    return [
        say(app, "/rooms/tea", "hot", "cold"),
        say(app, "/hall", "loud", "still"),
        say(app, "/rooms/tea", "last"),
        httpx.get(f"{app.url}/groups/hot/12", timeout=60).json(),
    ]


TALK = [
    ['["tea", 1]', '["tea", 2]'],
    ['["hall", 3]', '["hall", 4]'],
    ['["tea", 5]'],
    {"groups": 1},
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Three conversations and a request; the database is gone then."""
    folder = tmp_path_factory.mktemp("recording")
    files = {
        "app": APP, "site_settings": SETTINGS, "site_urls": URLS, "site_consumers": CONSUMERS,
        "migrated": MIGRATED,
    }  # fmt: skip
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    environment = instrumenting("django", "sqlite3")
    subprocess.run([sys.executable, "-m", "migrated"], cwd=folder, env=environment, check=True)
    command = ["timetracer-otel", "record", "--", "uvicorn", "app:app", "--lifespan", "off"]
    with Server(command, folder, environment) as app:
        assert talk(app) == TALK
    (folder / "site.db").unlink()
    return folder, environment


def test_each_conversation_is_one_cassette_named_by_its_pattern(
    recording: tuple[Path, dict[str, str]],
) -> None:
    loaded = [Cassette.load(path) for path in (recording[0] / "cassettes").glob("*/*.json")]
    found = sorted((cassette.started, cassette) for cassette in loaded)
    assert [
        (cassette.title, cassette.status, sum("INSERT" in call.span.name for call in cassette.calls()))
        for _, cassette in found
    ] == [
        ("WEBSOCKET /rooms/<room>", 101, 2),
        ("WEBSOCKET /hall", 101, 2),
        ("WEBSOCKET /rooms/<room>", 101, 1),
        ("GET /groups/<name>/<number>", 200, 0),
    ]


def test_a_server_in_replay_has_the_conversations_again(
    tmp_path: Path, recording: tuple[Path, dict[str, str]]
) -> None:
    shutil.copytree(recording[0], tmp_path, dirs_exist_ok=True)
    command = ["timetracer-otel", "replay", "cassettes", "--", "uvicorn", "app:app", "--lifespan", "off"]
    with Server(command, tmp_path, recording[1]) as app:
        assert talk(app) == TALK
    assert not (tmp_path / "site.db").exists()
