"""A test's own requests to its app are no dependency calls, however it sends them; the app's are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pytest_plugin.conftest import Suite
from tests.services.valkey import Valkey

SHOP = """
import os
import sqlite3
import uuid
import httpx
import redis

URL = os.environ["UPSTREAM"]

def order():
    with sqlite3.connect(os.environ["DATABASE"]) as database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT)")
        database.execute("INSERT INTO orders VALUES (?)", (str(uuid.uuid4()),))
        count = database.execute("SELECT count(*) FROM orders").fetchone()[0]
    turn = httpx.get(URL + "/counter").json()["turn"]
    return {"orders": count, "turn": turn, "visits": redis.Redis.from_url(os.environ["REDIS"]).incr("visits")}

import fastapi
api = fastapi.FastAPI()

@api.get("/order")
def api_order():
    return order()

import flask
site = flask.Flask("shop")

@site.get("/order")
def site_order():
    return order()

from django.http import JsonResponse
from django.urls import path
SECRET_KEY = "only for tests"
ROOT_URLCONF = "shop"
ALLOWED_HOSTS = ["*"]
urlpatterns = [path("order", lambda request: JsonResponse(order()))]
"""

TESTS = """
import os
import threading
import urllib.request
import httpx
import pytest
import shop
import uvicorn
from fastapi.testclient import TestClient
from werkzeug.serving import make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "shop"
import django
django.setup()
from django.core.wsgi import get_wsgi_application
from django.test import Client

def tell(answer):
    print("told", os.environ["PYTEST_CURRENT_TEST"].split()[0].split("::")[1], sorted(answer.items()))
    assert sorted(answer) == ["orders", "turn", "visits"]

pytestmark = pytest.mark.cassette

def test_fastapi_client():
    with TestClient(shop.api) as client:
        tell(client.get("/order").json())

@pytest.mark.asyncio
async def test_asgi_transport():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.api), base_url="http://shop") as client:
        tell((await client.get("/order")).json())

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(anyio_backend):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.api), base_url="http://shop") as client:
        tell((await client.get("/order")).json())

def test_flask_client():
    tell(shop.site.test_client().get("/order").json)

def test_django_client():
    tell(Client().get("/order").json())

@pytest.fixture(scope="module")
def flask_server():
    server = make_server("127.0.0.1", 0, shop.site, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()

def test_live_flask(flask_server):
    tell(httpx.get(flask_server + "/order").json())

def test_live_by_another_library(flask_server):
    import json
    tell(json.load(urllib.request.urlopen(flask_server + "/order")))

def test_live_django():
    with make_server("127.0.0.1", 0, get_wsgi_application(), threaded=True) as server:
        threading.Thread(target=server.serve_forever).start()
        tell(httpx.get(f"http://127.0.0.1:{server.server_port}/order").json())
        server.shutdown()

@pytest.fixture(scope="module")
def uvicorn_server():
    server = uvicorn.Server(uvicorn.Config(shop.api, port=0, log_level="error"))
    ready = threading.Event()
    startup = server.startup
    async def started(sockets=None):
        await startup(sockets)
        ready.set()
    server.startup = started
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(60)
    yield "http://127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()

@pytest.mark.asyncio
async def test_live_uvicorn(uvicorn_server):
    async with httpx.AsyncClient() as client:
        tell((await client.get(uvicorn_server + "/order")).json())
"""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.remove()


def test_every_client_and_server(suite: Suite, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS", valkey.url)
    monkeypatch.setenv("DATABASE", str(suite.path / "shop.db"))
    suite.write(shop=SHOP, test_shop=TESTS)
    first = suite.run("-s", "-v", apart=True)
    assert first.parseoutcomes() == {"passed": 9}
    assert {name: len(calls) for name, calls in suite.cassettes().items()} == {
        f"test_shop/{name}.json": 6
        for name in (
            "test_anyio-asyncio", "test_asgi_transport", "test_django_client", "test_fastapi_client",
            "test_flask_client", "test_live_by_another_library", "test_live_django", "test_live_flask",
            "test_live_uvicorn",
        )
    }  # fmt: skip

    suite.upstream.stop()
    valkey.door.shut()
    (suite.path / "shop.db").unlink()
    again = suite.run("-s", "-v", "--timetracer-mode=replay", "--block-network", apart=True)
    assert again.parseoutcomes() == {"passed": 9}
    assert told(again) == told(first)
    assert not (suite.path / "shop.db").exists()


def told(result: pytest.RunResult) -> list[str]:
    """What the app answered in each test."""
    return [line[line.index("told ") :] for line in result.outlines if "told " in line]
