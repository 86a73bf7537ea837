"""Inbound HTTP over ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html).

FastAPI and Starlette; Litestar, Django and plain applications build on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import websockets
from timetracer_otel.integrations.base import Point, Wrappable
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.messages import WEBSOCKET, HttpRequest, HttpResponse

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_NAMED = frozenset({"scope", "receive", "send"})


class AsgiIntegration(Wrappable):
    """Sees requests where an ASGI application class is called; subclasses name the class."""

    module: ClassVar[str]
    class_name: ClassVar[str]
    serves: ClassVar[frozenset[str]] = frozenset({"http", "websocket", "lifespan"})
    """The types of scopes that are seen here."""

    def points(self) -> Sequence[Point]:
        """The application's ``__call__``."""
        return (Point(self.module, f"{self.class_name}.__call__", wrapper=self.serve),)

    def traced(self, app: Any) -> bool:
        """True when an instrumentation opens the SERVER span of this application's requests."""
        return bool(getattr(app, "_is_instrumented_by_opentelemetry", False))

    def route(self, app: Any, scope: Message) -> str | None:
        """The route template of a request that the app has served, where no span tells it."""
        return None

    def serve(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A wrapt wrapper of the application's ``__call__``: one request, or the lifespan."""
        port = ports.entry_port()
        if kwargs and not args and kwargs.keys() == _NAMED:  # so does daphne
            args, kwargs = (kwargs["scope"], kwargs["receive"], kwargs["send"]), {}
        if port is None or kwargs or len(args) != 3:
            return wrapped(*args, **kwargs)
        scope, receive, send = args
        if scope["type"] not in self.serves:
            return wrapped(*args)
        if scope["type"] == "http":
            return self._http(port, wrapped, instance, scope, receive, send)
        if scope["type"] == "websocket":
            return self._websocket(port, wrapped, instance, scope, receive, send)
        return self._lifespan(port, wrapped, scope, receive, send)

    async def _http(
        self, port: ports.EntryPort, app: App, instance: Any, scope: Message, receive: Receive, send: Send
    ) -> None:
        entry = safely(self._open, port, instance, scope)
        if entry is None:
            await app(scope, receive, send)
            return
        if port.wants_body:
            body, receive = await _read_whole(receive)
            answer = entry.start(body)
            if answer is not None:
                await _send_response(answer, send)
                return
        conversation = _Conversation(entry, receive, send)
        try:
            with activated(entry):
                await app(scope, conversation.receive, conversation.send)
        except BaseException as error:
            safely(entry.failed, error)
            raise
        finally:
            safely(self._name, entry, instance, scope)
            safely(entry.close)

    async def _websocket(
        self, port: ports.EntryPort, app: App, instance: Any, scope: Message, receive: Receive, send: Send
    ) -> None:
        entry = safely(self._open, port, instance, scope)
        if entry is None:
            await app(scope, receive, send)
            return

        over = partial(self._name, entry, instance, scope)
        await websockets.serve(port, entry, app, scope, receive, send, over=over)

    def _name(self, entry: ports.Entry, app: Any, scope: Message) -> None:
        route = self.route(app, scope)
        if route:
            entry.routed(route)

    def _open(self, port: ports.EntryPort, instance: Any, scope: Message) -> ports.Entry | None:
        return port.open(self.name, request_head(scope), None, traced=self.traced(instance))

    async def _lifespan(
        self, port: ports.EntryPort, app: App, scope: Message, receive: Receive, send: Send
    ) -> None:
        startup = safely(port.startup, self.name)

        async def noting_send(message: Message) -> None:
            kind = message["type"]
            if startup is not None and kind.startswith("lifespan.startup."):
                safely(startup.done)
            if kind.startswith("lifespan.shutdown."):
                safely(port.stopping)
            await send(message)

        try:
            with contextlib.nullcontext() if startup is None else activated(startup):
                await app(scope, receive, noting_send)
        finally:
            if startup is not None:
                safely(startup.done)  # an app without lifespan raises instead of answering


class FastApiIntegration(AsgiIntegration):
    """FastAPI, with contrib's instrumentation or with the telemetry of its own (0.142 and later)."""

    name = "fastapi"
    oldest = ("fastapi>=0.110",)
    module = "fastapi.applications"
    class_name = "FastAPI"

    def traced(self, app: Any) -> bool:
        """True with contrib's instrumentation, or with a provider for FastAPI's own."""
        native = getattr(app, "_native_telemetry", None)
        return super().traced(app) or (native is not None and bool(native.enabled()))

    def route(self, app: Any, scope: Message) -> str | None:
        """The path of the route that matched."""
        return matching_route(app, scope) if not self.traced(app) else None


class StarletteIntegration(AsgiIntegration):
    """Starlette without FastAPI."""

    name = "starlette"
    oldest = ("starlette>=0.36.3",)
    module = "starlette.applications"
    class_name = "Starlette"

    def route(self, app: Any, scope: Message) -> str | None:
        """The path of the route that matched; with mounts, the instrumentation knows the outermost only."""
        if self.traced(app) and not any(hasattr(route, "routes") for route in app.routes):
            return None
        return matching_route(app, scope)


def matching_route(app: Any, scope: Message) -> str | None:
    """The path of the route of a Starlette application that matches, with the mounts above it."""
    # a mount that was gone through has left its own root path in the scope
    scope = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
    found = ""
    routes = app.routes
    while routes:
        tried = [(route, *route.matches(scope)) for route in routes]
        # of a partial match only the method is wrong
        best = max(tried, key=lambda one: one[1].value)
        if not best[1].value:
            break
        found += getattr(best[0], "path", "")
        routes, scope = getattr(best[0], "routes", None), {**scope, **best[2]}
    return found or None


class UvicornIntegration(Wrappable):
    """uvicorn raises SIGTERM again when it has shut down, and ends without ``atexit``."""

    name = "uvicorn"

    def points(self) -> Sequence[Point]:
        """The end of the server's shutdown."""
        return (Point("uvicorn.server", "Server.shutdown", wrapper=self._shutdown, optional=True),)

    def _shutdown(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        async def shutdown() -> None:
            await wrapped(*args, **kwargs)
            port = ports.entry_port()
            if port is not None:
                safely(port.stopping)

        return shutdown()


class _Conversation:
    """Passes messages on as they come and tells the entry about each."""

    __slots__ = ("_entry", "_receive", "_send")

    def __init__(self, entry: ports.Entry, receive: Receive, send: Send) -> None:
        self._entry = entry
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            safely(self._entry.request_body, message.get("body", b""))
            if not message.get("more_body", False):
                safely(self._entry.request_ended)
        return message

    async def send(self, message: Message) -> None:
        try:
            self._note(message)
        except ReplayError:
            raise
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("recording a response", error)
        await self._send(message)
        if message["type"] in _LAST and not message.get("more_body", False):
            safely(self._entry.response_ended)

    def _note(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            headers = _headers(message.get("headers", ()))
            self._entry.response_started(HttpResponse(message["status"], headers, body=None))
        elif kind == "http.response.body":
            self._entry.response_body(message.get("body", b""))
        elif kind == "http.response.pathsend":
            # the server reads the file itself (an ASGI extension): read it as well
            self._entry.response_body(Path(message["path"]).read_bytes())


_LAST = frozenset({"http.response.body", "http.response.pathsend"})


def request_head(scope: Message) -> HttpRequest:
    """The request of an ``http`` scope, without its body; the handshake of a ``websocket`` scope."""
    headers = _headers(scope["headers"])
    host = next((value for name, value in headers if name.lower() == "host"), "")
    if not host and scope.get("server"):
        address, port = scope["server"]
        host = address if port is None else f"{address}:{port}"
    raw = scope.get("raw_path")
    path = raw.split(b"?", 1)[0].decode("latin-1") if raw else scope["path"]
    query = scope.get("query_string", b"").decode("latin-1")
    url = f"{scope.get('scheme', 'http')}://{host}{path}" + (f"?{query}" if query else "")
    return HttpRequest(scope.get("method", WEBSOCKET), url, headers, body=None)


def _headers(pairs: Iterable[Sequence[bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


async def _read_whole(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and a ``receive`` that gives the same messages again."""
    messages: list[Message] = []
    body = b""
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    messages.reverse()

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return body, again


async def _send_response(response: HttpResponse, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body or b""})
