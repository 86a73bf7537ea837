"""Litestar and Django applications around some of the jobs."""
# no postponed annotations: Litestar reads what a handler wants from them

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import django
import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path
from litestar import Litestar, Request, post
from litestar.plugins.opentelemetry import OpenTelemetryPlugin
from litestar.response import Stream

from tests.faults.seen import OwnError

_BASE = os.environ["UPSTREAM_URL"]


@post("/body", status_code=200)
async def read_body(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What came."""
    return {"length": len(await request.body())}


@post("/failing")
async def fail() -> None:
    """An exception that nobody expected."""
    raise OwnError("no such order")


@post("/stream", status_code=200)
async def stream() -> Stream:
    """An answer in pieces, with a call in it."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"piece"
        async with httpx.AsyncClient() as client:
            yield str((await client.get(f"{_BASE}/json")).status_code).encode()

    return Stream(pieces())


def litestar_app(*, traced: bool) -> Litestar:
    """With Litestar's own plugin or without.

    Args:
        traced: with it.
    """
    plugins = [OpenTelemetryPlugin()] if traced else []
    return Litestar(
        [read_body, fail, stream], plugins=plugins, openapi_config=None, pdb_on_exception=False, debug=False
    )


def _body(request: HttpRequest) -> Any:
    return JsonResponse({"length": len(request.body)})


def _failing(request: HttpRequest) -> Any:
    raise OwnError("no such order")


def _stream(request: HttpRequest) -> Any:
    def pieces() -> Iterator[bytes]:
        yield b"piece"
        yield str(httpx.get(f"{_BASE}/json").status_code).encode()

    return StreamingHttpResponse(pieces())


async def _stream_async(request: HttpRequest) -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"piece"
        async with httpx.AsyncClient() as client:
            yield str((await client.get(f"{_BASE}/json")).status_code).encode()

    return StreamingHttpResponse(pieces())


def _database(request: HttpRequest) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s + 1", [1])
        return JsonResponse({"found": cursor.fetchall()})


urlpatterns = [
    path("body", _body),
    path("failing", _failing),
    path("stream", _stream),
    path("stream-async", _stream_async),
    path("database", _database),
]


def set_django_up() -> None:
    """Its settings, as a project has them."""
    address = httpx.URL(os.environ["DB_PSYCOPG"].replace("+psycopg", ""))
    settings.configure(
        SECRET_KEY="not-a-secret",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        LOGGING_CONFIG=None,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": address.path.strip("/"),
                "USER": address.username,
                "HOST": address.host,
                "PORT": address.port,
            }
        },
    )
    django.setup()


def django_wsgi() -> Callable[..., Any]:
    """What a WSGI server serves."""
    served: Callable[..., Any] = get_wsgi_application()
    return served


def django_asgi() -> Callable[..., Any]:
    """What an ASGI server serves."""
    served: Callable[..., Any] = get_asgi_application()
    return served


def django_channels(consumer: Callable[..., Any]) -> Callable[..., Any]:
    """What an ASGI server serves of a site that has websockets as well.

    Args:
        consumer: an application, for each websocket.
    """
    from channels.routing import ProtocolTypeRouter, URLRouter

    paths = [path(name, consumer) for name in ("websocket", "websocket/failing")]
    served: Callable[..., Any] = ProtocolTypeRouter({"websocket": URLRouter(paths)})
    return served


def instrument_django() -> list[str]:
    """As the launcher does, and back again; the middleware that requests pass through then."""
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    DjangoInstrumentor().uninstrument()
    without = [*settings.MIDDLEWARE]
    DjangoInstrumentor().instrument()
    get_wsgi_application()
    return [*without, *settings.MIDDLEWARE]
