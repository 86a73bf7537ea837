"""The same small service in three frameworks, and a program that records requests of each."""

from __future__ import annotations

SHARED = '''
import datetime
import os
import sqlite3
import uuid

import httpx

URL = os.environ["UPSTREAM"]


def place(order):
    """What each of them does."""
    price = httpx.get(f"{URL}/json/{order['item']}").json()["price"]
    database = sqlite3.connect(os.environ["DATABASE"])
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT, item TEXT)")
        number = str(uuid.uuid4())
        database.execute("INSERT INTO orders VALUES (?, ?)", (number, order["item"]))
    return {
        "id": number,
        "item": order["item"],
        "price": price,
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "said": order.get("note"),
    }
'''

FASTAPI = """
from contextlib import asynccontextmanager
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
import httpx
from shared import URL, place


@asynccontextmanager
async def lifespan(app):
    app.state.greeting = httpx.get(f"{URL}/json/greeting").json()["place"]
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=201)
def orders(order: dict):
    return place(order)


@app.get("/hello/{name:path}")
def hello(name: str, request: Request):
    return PlainTextResponse(f"{request.app.state.greeting}, {name}!")


@app.get("/picture")
def picture():
    return Response(bytes(range(256)) * 40, media_type="image/png")
"""

FLASK = """
from flask import Flask, request
from shared import place

app = Flask("shop")


@app.post("/orders")
def orders():
    return place(request.get_json()), 201


@app.get("/hello/<path:name>")
def hello(name):
    return f"hello, {name}!"


@app.post("/upload")
def upload():
    return {"bytes": len(request.get_data()), "field": request.headers["X-Field"]}
"""

DJANGO = """
import json
from django.http import HttpResponse, JsonResponse
from django.urls import path
from shared import place

SECRET_KEY = "only for tests"
ROOT_URLCONF = "shop_django"
ALLOWED_HOSTS = ["*"]


def orders(request):
    return JsonResponse(place(json.loads(request.body)), status=201)


def hello(request, name):
    return HttpResponse(f"hello, {name}!")


urlpatterns = [path("orders", orders), path("hello/<path:name>", hello)]
"""

RECORD = """
import os
import sys

from opentelemetry.sdk.trace import TracerProvider

import timetracer_otel

timetracer_otel.install()
os.environ["DJANGO_SETTINGS_MODULE"] = "shop_django"
from django.core.wsgi import get_wsgi_application
from fastapi.testclient import TestClient
from werkzeug.test import Client

import shop_fastapi
import shop_flask

ORDER = {"item": "tea", "note": NOTE}
HOSTILE = "/hello/%22%29%3B%20import%20os%3B%20os.abort%28%29%23%7B0%7D?x=%0Aimport"


def recording(name):
    provider = TracerProvider()
    provider.add_span_processor(
        timetracer_otel.CassetteSpanProcessor(f"cassettes/{name}", tracer_provider=provider)
    )
    return provider


provider = recording("fastapi")
with TestClient(shop_fastapi.app) as client:
    assert client.post("/orders", json=ORDER).status_code == 201
    assert client.get(HOSTILE).status_code == 200
    assert client.get("/picture").status_code == 200
provider.shutdown()
provider = recording("flask")
client = Client(shop_flask.app)
assert client.post("/orders", json=ORDER, buffered=True).status_code == 201
assert client.get(HOSTILE, buffered=True).status_code == 200
headers = {"X-Field": NOTE}
assert client.post("/upload", data=bytes(range(256)), headers=headers, buffered=True).status_code == 200
provider.shutdown()
provider = recording("django")
client = Client(get_wsgi_application())
assert client.post("/orders", json=ORDER, buffered=True).status_code == 201
assert client.get(HOSTILE, buffered=True).status_code == 200
provider.shutdown()
""".replace("NOTE", repr('"""\\\'); __import__("os").abort() #{0} é'))
