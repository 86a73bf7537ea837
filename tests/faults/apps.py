"""FastAPI, Starlette, Flask and other applications around the jobs, and servers for them in this process."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import fastapi
import flask
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.faults import celery_jobs, frameworks, kafka_jobs, rpcs
from tests.faults.jobs import ASYNC, SYNC
from tests.faults.seen import OwnError, seen_error
from timetracer_otel import AsgiMiddleware, WsgiMiddleware

Serve = Callable[[str], Any]
"""Sends ``POST path`` with a body; gives everything that the server sees, in order."""

BODY = b'{"n": 1}'
told: list[Any] = []
"""What happens in the app and at its server, in order: a stream's pieces, whose turn it was."""


def _health() -> dict[str, bool]:
    return {"well": True}


def _fail() -> None:
    raise OwnError("no such order")


def fastapi_app() -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    @app.post("/body")
    async def body(request: fastapi.Request) -> Any:
        return {"length": len(await request.body())}

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(3):
                told.append(f"made {number}")
                yield b"piece"

        return StreamingResponse(pieces())

    @app.post("/large")
    async def large() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield bytes(1000)

        return StreamingResponse(pieces())

    app.post("/failing")(_fail)
    app.post("/health")(_health)
    for name, job in SYNC.items():
        app.post(f"/sync/{name}")(_noting(job))
    for name, asynchronous in ASYNC.items():
        app.post(f"/async/{name}")(_noting_async(asynchronous))
    return app


def starlette_app() -> Starlette:
    async def body(request: Request) -> Any:
        return JSONResponse({"length": len(await request.body())})

    def failing(request: Request) -> None:
        _fail()

    return Starlette(
        routes=[Route("/body", body, methods=["POST"]), Route("/failing", failing, methods=["POST"])]
    )


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    """An application of no framework."""
    message = await receive()
    if scope["path"].endswith("/failing"):
        _fail()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "order 1"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def plain_wsgi() -> Any:
    """An application of no framework."""

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/failing":
            _fail()
        body = environ["wsgi.input"].read(8)
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return WsgiMiddleware(app)


def flask_app() -> flask.Flask:
    app = flask.Flask("faults")
    app.config["PROPAGATE_EXCEPTIONS"] = True

    def body() -> Any:
        return {"length": len(flask.request.get_data())}

    def lines() -> Any:
        stream = flask.request.environ["wsgi.input"]
        return {"lines": [len(stream.read(2)), len(stream.readline()), len(stream.readlines())]}

    def stream() -> Any:
        def pieces() -> Iterator[bytes]:
            for number in range(3):
                told.append(f"made {number}")
                yield b"piece"

        return flask.Response(pieces())

    endpoints: dict[str, Any] = {"/body": body, "/lines": lines, "/stream": stream, "/failing": _fail}
    endpoints |= {f"/sync/{name}": _noting(job) for name, job in SYNC.items()}
    for path, endpoint in endpoints.items():
        app.add_url_rule(path, path, endpoint, methods=["POST"])
    return app


def _noting(job: Callable[[], Any]) -> Callable[[], Any]:
    def endpoint() -> dict[str, bool]:
        told.append(job())
        return {"done": True}

    return endpoint


def _noting_async(job: Callable[[], Any]) -> Callable[[], Any]:
    async def endpoint() -> dict[str, bool]:
        told.append(await job())
        return {"done": True}

    return endpoint


def asgi(app: Any) -> Serve:
    """A server that speaks ASGI."""

    def serve(path: str) -> Any:
        told.clear()
        error = asyncio.run(_asgi(app, path))
        return [*told, error]

    return serve


async def _asgi(app: Any, path: str) -> Any:
    connecting = path.startswith("/websocket")
    arriving: list[dict[str, Any]] = [
        {"type": "websocket.connect"}
        if connecting
        else {"type": "http.request", "body": BODY, "more_body": False}
    ]
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not arriving:
            await over.wait()
            return {"type": "http.disconnect"}
        return arriving.pop(0)

    async def send(message: dict[str, Any]) -> None:
        told.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": "POST", "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"q=1",
        "root_path": "", "headers": [(b"host", b"shop"), (b"content-length", b"8")],
        "client": ("127.0.0.1", 1), "server": ("shop", 80), "state": {},
    }  # fmt: skip
    if connecting:
        scope |= {"type": "websocket", "scheme": "ws", "subprotocols": []}
        del scope["method"]
    try:
        await app(scope, receive, send)
    except Exception as error:
        return seen_error(error)
    finally:
        over.set()
    return None


def start_up(app: Any) -> Any:
    """An ASGI application starts up and shuts down."""
    sent: list[Any] = []

    async def run() -> None:
        arriving = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> dict[str, Any]:
            return arriving.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    try:
        asyncio.run(run())
    except Exception as error:
        sent.append(seen_error(error))
    return sent


def wsgi(app: Any) -> Serve:
    """A server that speaks WSGI."""

    def serve(path: str) -> Any:
        told.clear()
        environ = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "q=1",
            "SERVER_NAME": "shop", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "shop",
            "CONTENT_LENGTH": "8", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(BODY), "wsgi.errors": io.StringIO(), "wsgi.multithread": False,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
            told.append([status, list(headers)])
            return told.append

        try:
            result = app(environ, start_response)
            told.extend(result)
            if hasattr(result, "close"):
                result.close()
        except Exception as error:
            told.append(seen_error(error))
        return list(told)

    return serve


def requests() -> dict[str, Callable[[], Any]]:
    """Every request there is, by a name."""
    fast, star, flasks = fastapi_app(), starlette_app(), flask_app()
    frameworks.set_django_up()
    _instrument(fast, star, flasks)
    traced, untraced = (frameworks.litestar_app(traced=traced) for traced in (True, False))
    found: dict[str, Callable[[], Any]] = {
        "fastapi start-up": lambda: start_up(fast),
        "litestar start-up": lambda: start_up(untraced),
        "django set-up": frameworks.instrument_django,
        **rpcs.requests(),
        **celery_jobs.requests(),
        **kafka_jobs.requests(),
    }
    for name, serve, paths in (
        (
            "fastapi",
            asgi(fast),
            ["/health", "/body", "/stream", "/large", "/failing", *(f"/async/{job}" for job in ASYNC)],
        ),
        ("fastapi", asgi(fast), [f"/sync/{job}" for job in SYNC]),
        ("starlette", asgi(star), ["/body", "/failing"]),
        ("asgi", asgi(AsgiMiddleware(plain_asgi)), ["/body", "/failing", "/websocket", "/websocket/failing"]),
        ("wsgi", wsgi(plain_wsgi()), ["/body", "/failing"]),
        (
            "flask",
            wsgi(flasks),
            ["/body", "/lines", "/stream", "/failing", *(f"/sync/{job}" for job in SYNC)],
        ),
        ("litestar", asgi(untraced), ["/body", "/stream", "/failing"]),
        ("litestar with its plugin", asgi(traced), ["/body", "/stream", "/failing"]),
        ("django wsgi", wsgi(frameworks.django_wsgi()), ["/body", "/stream", "/failing", "/database"]),
        ("django asgi", asgi(frameworks.django_asgi()), ["/body", "/stream-async", "/failing", "/database"]),
        (
            "django channels",
            asgi(frameworks.django_channels(plain_asgi)),
            ["/websocket", "/websocket/failing"],
        ),
    ):
        for path in paths:
            found[f"{name} {path}"] = lambda serve=serve, path=path: serve(path)  # type: ignore[misc]  # bound now
    return found


def _instrument(fast: Any, star: Any, flasks: Any) -> None:
    """As the launcher does; Flask is left without, so that its span is ours."""
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.grpc import GrpcInstrumentorServer
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    FastAPIInstrumentor.instrument_app(fast)
    DjangoInstrumentor().instrument()
    GrpcInstrumentorServer().instrument()
    HTTPXClientInstrumentor().instrument()
    RedisInstrumentor().instrument()
