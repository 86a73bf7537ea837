"""Small services, one a framework, that start timetracer-otel from their own code."""

from __future__ import annotations

_ASK = """\
import os

import httpx
import timetracer_otel


def ask(number):
    return httpx.get(f"{os.environ['UPSTREAM_URL']}/json/{number}").json()["place"]


"""

FASTAPI = (
    _ASK
    + """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/ask/{number}")
def answer(number: int) -> str:
    return ask(number)


timetracer_otel.auto_setup(app)
timetracer_otel.auto_setup(app)
"""
)

STARLETTE = (
    _ASK
    + """\
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


def answer(request):
    return JSONResponse(ask(request.path_params["number"]))


app = Starlette(routes=[Route("/ask/{number}", answer)])
timetracer_otel.auto_setup(app)
"""
)

LITESTAR = (
    _ASK
    + """\
from litestar import Litestar, get


@get("/ask/{number:int}", sync_to_thread=True, media_type="application/json")
def answer(number: int) -> str:
    return f'"{ask(number)}"'


app = Litestar([answer], openapi_config=None)
timetracer_otel.auto_setup(app)
"""
)

FLASK = (
    _ASK
    + """\
from flask import Flask, jsonify

app = Flask("service")


@app.get("/ask/<int:number>")
def answer(number):
    return jsonify(ask(number))


timetracer_otel.auto_setup(app)
"""
)

FLASK_FACTORY = (
    _ASK
    + """\
from flask import Blueprint, Flask, g, jsonify

parts = Blueprint("parts", __name__, url_prefix="/parts")


@parts.get("/ask/<int:number>")
def answer(number):
    return jsonify([g.who, ask(number)])


def create():
    app = Flask("service")

    @app.before_request
    def who():
        g.who = ask(1)

    app.register_blueprint(parts)
    INSTRUMENT
    return app


app = create()
"""
)

STARLETTE_MOUNTED = (
    _ASK
    + """\
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route


def answer(request):
    return JSONResponse([ask(1), ask(request.path_params["number"])])


app = Starlette(routes=[Mount("/parts", routes=[Route("/ask/{number}", answer)])])
timetracer_otel.auto_setup(app)
"""
)

_DJANGO = """\
from django.conf import settings
from django.http import JsonResponse
from django.urls import path

urlpatterns = [path("ask/<int:number>", lambda request, number: JsonResponse(ask(number), safe=False))]
"""

DJANGO = (
    _ASK
    + _DJANGO
    + """\
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[])

from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()
timetracer_otel.auto_setup(app)
"""
)

DJANGO_SETTINGS = (
    _ASK
    + """\
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "views"
MIDDLEWARE = []
timetracer_otel.auto_setup()
"""
)

DJANGO_VIEWS = _ASK + _DJANGO

DJANGO_ASGI = """\
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")

from django.core.asgi import get_asgi_application

app = get_asgi_application()
"""

PLAIN_ASGI = (
    _ASK
    + """\
import asyncio
import json


async def application(scope, receive, send):
    assert scope["type"] == "http"
    body = json.dumps(await asyncio.to_thread(ask, scope["path"].rpartition("/")[2])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


app = timetracer_otel.AsgiMiddleware(application)
timetracer_otel.auto_setup(app)
"""
)

PLAIN_WSGI = (
    _ASK
    + """\
import json


def application(environ, start_response):
    body = json.dumps(ask(environ["PATH_INFO"].rpartition("/")[2])).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    yield body


app = timetracer_otel.WsgiMiddleware(application)
timetracer_otel.auto_setup(app)
"""
)

INSTRUMENTED_ASGI = PLAIN_ASGI.replace(
    "app = timetracer_otel.AsgiMiddleware(application)",
    "from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware\n"
    "app = OpenTelemetryMiddleware(application)",
)
