"""Web frameworks under contract: where they are, who instruments them, how a server calls them.

Nothing is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import io
import json
import types
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from opentelemetry import trace

from timetracer_otel.testing.subjects import Results, Subject, attempt, describe_error


class Framework(Subject):
    """A web framework: each request is an entry, in-process as a server makes it."""

    def use(self, client: Any) -> Results:
        return {path: attempt(functools.partial(self.request, client, path)) for path in self.paths}

    paths: ClassVar[tuple[str, ...]] = ("/async", "/sync", "/thread", "/failing")

    @abstractmethod
    def request(self, app: Any, path: str) -> Any:
        """Send ``POST path?q=1`` with the body ``{"n": 1}``; what the server sees."""


def work(where: str) -> dict[str, str]:
    """What every endpoint does: a span, which belongs to the request."""
    with trace.get_tracer("app").start_as_current_span(f"work {where}"):
        return {"where": where}


def work_in_thread() -> dict[str, str]:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work, "/thread").result()


class Asgi(Framework):
    def request(self, app: Any, path: str) -> Any:
        return asyncio.run(self._request(app, path))

    async def _request(self, app: Any, path: str) -> Any:
        arriving = [{"type": "http.request", "body": b'{"n": 1}', "more_body": False}]
        sent: list[dict[str, Any]] = []

        answered = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if arriving:
                return arriving.pop(0)
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"q=1",
            "root_path": "", "headers": [(b"host", b"shop"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1), "server": ("shop", 80), "state": {},
        }  # fmt: skip
        error = await _error_of(app(scope, receive, send))
        return sent, error


async def _error_of(awaitable: Any) -> str:
    try:
        await awaitable
    except Exception as error:
        return describe_error(error)
    return ""


class FastApi(Asgi):
    module = "fastapi"
    integration = "fastapi"
    scope = "opentelemetry.instrumentation.fastapi"
    instrumentor = "opentelemetry.instrumentation.fastapi:FastAPIInstrumentor"

    def client(self) -> Any:
        app = self.load().FastAPI()

        async def asynchronous(body: dict[str, int]) -> dict[str, str]:
            return work("/async")

        def synchronous(body: dict[str, int]) -> dict[str, str]:
            return work("/sync")

        app.post("/async")(asynchronous)
        app.post("/sync")(synchronous)
        app.post("/thread")(work_in_thread)
        app.post("/failing")(fail)
        return app


class Starlette(Asgi):
    module = "starlette.applications"
    integration = "starlette"
    scope = "opentelemetry.instrumentation.starlette"
    instrumentor = "opentelemetry.instrumentation.starlette:StarletteInstrumentor"

    def client(self) -> Any:
        routing = importlib.import_module("starlette.routing")
        answer = importlib.import_module("starlette.responses").JSONResponse

        async def asynchronous(request: Any) -> Any:
            assert await request.json() == {"n": 1}
            return answer(work("/async"))

        def synchronous(request: Any) -> Any:
            return answer(work("/sync"))

        def thread(request: Any) -> Any:
            return answer(work_in_thread())

        def failing(request: Any) -> Any:
            fail()

        endpoints = {"/async": asynchronous, "/sync": synchronous, "/thread": thread, "/failing": failing}
        routes = [routing.Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]
        return self.load().Starlette(routes=routes)


class Plugged(Framework):
    """The instrumentation is something that an app is made with."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.plugged = False

    def instrumentors(self) -> list[Any]:
        return [self]

    def instrument(self) -> None:
        """Make apps with it."""
        self.plugged = True

    def uninstrument(self) -> None:
        """Make apps without it."""
        self.plugged = False

    def plugin(self) -> Any:
        """What :attr:`instrumentor` names."""
        module, _, name = self.instrumentor.partition(":")
        return getattr(importlib.import_module(module), name)


class Litestar(Plugged, Asgi):
    module = integration = "litestar"
    scope = "opentelemetry.instrumentation.asgi"
    instrumentor = "litestar.plugins.opentelemetry:OpenTelemetryPlugin"

    def client(self) -> Any:
        litestar = self.load()
        plugins = [self.plugin()()] if self.plugged else []

        async def asynchronous(data: Any) -> dict[str, str]:
            assert data == {"n": 1}
            return work("/async")

        def synchronous(data: Any) -> dict[str, str]:
            assert data == {"n": 1}
            return work("/sync")

        def thread() -> dict[str, str]:
            return work_in_thread()

        def failing() -> None:
            fail()

        for function in (asynchronous, synchronous):
            function.__annotations__ = {"data": dict[str, int], "return": dict[str, str]}
        thread.__annotations__ = {"return": dict[str, str]}
        failing.__annotations__ = {"return": None}
        handlers = [
            litestar.post("/async")(asynchronous),
            litestar.post("/sync", sync_to_thread=True)(synchronous),
            litestar.post("/thread", sync_to_thread=True)(thread),
            litestar.post("/failing", sync_to_thread=True)(failing),
        ]
        return litestar.Litestar(handlers, plugins=plugins, openapi_config=None)


class PlainAsgi(Plugged, Asgi):
    """An application of no framework: what is around it is all that can be seen."""

    module = "opentelemetry.instrumentation.asgi"
    integration = "asgi"
    scope = "opentelemetry.instrumentation.asgi"
    instrumentor = "opentelemetry.instrumentation.asgi:OpenTelemetryMiddleware"

    def client(self) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert (await receive())["body"] == b'{"n": 1}'
            body = json.dumps(await done(scope["path"])).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-shop", b"7")]})
            await send({"type": "http.response.body", "body": body})

        async def done(path: str) -> dict[str, str]:
            if path == "/failing":
                fail()
            if path == "/thread":
                return await asyncio.to_thread(work_in_thread)
            return work(path) if path == "/async" else await asyncio.to_thread(work, path)

        return self.plugin()(app) if self.plugged else app


class Wsgi(Framework):
    def request(self, app: Any, path: str) -> Any:
        heads: list[tuple[str, list[tuple[str, str]]]] = []
        environ = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "q=1",
            "SERVER_NAME": "shop", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "shop",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "8", "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(b'{"n": 1}'), "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        result = app(environ, lambda status, headers, *_: heads.append((status, headers)))
        body = b"".join(result)
        if hasattr(result, "close"):
            result.close()
        return heads, body


class PlainWsgi(Plugged, Wsgi):
    """As above."""

    module = "opentelemetry.instrumentation.wsgi"
    integration = "wsgi"
    scope = "opentelemetry.instrumentation.wsgi"
    instrumentor = "opentelemetry.instrumentation.wsgi:OpenTelemetryMiddleware"
    paths = ("/sync", "/thread", "/failing")

    def client(self) -> Any:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            assert environ["wsgi.input"].read() == b'{"n": 1}'
            path = environ["PATH_INFO"]
            if path == "/failing":
                fail()
            body = json.dumps(work_in_thread() if path == "/thread" else work(path)).encode()
            start_response("200 OK", [("x-shop", "7")])
            return [body]

        return self.plugin()(app) if self.plugged else app


class Django(Wsgi):
    module = "django.core.handlers.wsgi"
    integration = "django"
    scope = "opentelemetry.instrumentation.django"
    instrumentor = "opentelemetry.instrumentation.django:DjangoInstrumentor"
    handler = "WSGIHandler"

    def load(self) -> Any:
        self._settings()
        return super().load()

    def instrumentors(self) -> list[Any]:
        self._settings()
        return super().instrumentors()

    def _settings(self) -> None:
        """What ``DJANGO_SETTINGS_MODULE`` names, in an app: there before anything else."""
        settings = importlib.import_module("django.conf").settings
        if not settings.configured:
            settings.configure(
                SECRET_KEY="shop", ALLOWED_HOSTS=["*"], ROOT_URLCONF=types.ModuleType("urls"), MIDDLEWARE=[]
            )

    def client(self) -> Any:
        handler = getattr(self.load(), self.handler)
        answer = importlib.import_module("django.http").JsonResponse
        route = importlib.import_module("django.urls").path

        async def asynchronous(request: Any) -> Any:
            assert json.loads(request.body) == {"n": 1}
            return answer(work("/async"))

        def synchronous(request: Any) -> Any:
            assert json.loads(request.body) == {"n": 1}
            return answer(work("/sync"))

        def thread(request: Any) -> Any:
            return answer(work_in_thread())

        def failing(request: Any) -> Any:
            fail()

        views = {"async": asynchronous, "sync": synchronous, "thread": thread, "failing": failing}
        settings = importlib.import_module("django.conf").settings
        settings.ROOT_URLCONF.urlpatterns = [route(path, view) for path, view in views.items()]
        importlib.import_module("django").setup()
        return handler()


class DjangoOverAsgi(Django, Asgi):
    module = "django.core.handlers.asgi"
    handler = "ASGIHandler"
    request = Asgi.request


class Flask(Wsgi):
    module = integration = "flask"
    scope = "opentelemetry.instrumentation.flask"
    instrumentor = "opentelemetry.instrumentation.flask:FlaskInstrumentor"
    paths = ("/sync", "/thread", "/failing")

    def client(self) -> Any:
        flask = self.load()
        app = flask.Flask("shop")

        def synchronous() -> dict[str, str]:
            assert flask.request.get_json() == {"n": 1}
            return work("/sync")

        app.post("/sync")(synchronous)
        app.post("/thread")(work_in_thread)
        app.post("/failing")(fail)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        return app


def fail() -> None:
    raise LookupError("no such order", 7)
