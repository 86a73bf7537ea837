"""Sending a recorded request to an application in this process, with no server between."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import sys
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote_to_bytes

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ApplicationError, MissError, ReplayError
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse
from timetracer_otel.messages.http import split_url
from timetracer_otel.nondeterminism import drawing_from
from timetracer_otel.replayers.hanging_up import HangUp
from timetracer_otel.replayers.pace import CANCELLATION_SECONDS
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import wait, wait_in_loop

STARTUP_SECONDS = 60.0


class AppResponse(msgspec.Struct):
    """What an application answered; ``None`` when it raised before it did, or answered nothing.

    ``raised`` may stand beside an answer: Starlette answers a 500 and raises. ``waited`` is how many seconds
    were spent on calls that came after the app had ended.
    """

    response: Answer | Failure | None
    raised: BaseException | None = None
    waited: float = 0.0


class AsgiClient:
    """Runs an ASGI application: its lifespan once, then one request at a time.

    Use it as a context manager; the lifespan runs within.
    """

    family = "http"

    def __init__(self, app: Any) -> None:
        self._app = app
        self._runner = asyncio.Runner()
        self._events: asyncio.Queue[dict[str, Any]]
        self._lifespan: asyncio.Task[None] | None = None
        self._state: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self._runner.run(self._start())
        except BaseException:
            self._runner.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._stop())
        finally:
            self._runner.__exit__(kind, error, trace)

    async def _start(self) -> None:
        self._events = asyncio.Queue()
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await self._events.put({"type": "lifespan.startup"})

        async def send(message: dict[str, Any]) -> None:
            if not outcome.done() and message["type"] == "lifespan.startup.complete":
                outcome.set_result("")
            elif not outcome.done() and message["type"] == "lifespan.startup.failed":
                outcome.set_result(message.get("message") or "start-up failed")

        async def run() -> None:
            scope = {
                "type": "lifespan",
                "asgi": {"version": "3.0", "spec_version": "2.0"},
                "state": self._state,
            }
            process = ports.process_port()
            drawn = process.starting() if isinstance(process, Session) else None
            try:
                with drawing_from(drawn):
                    await self._app(scope, self._events.get, send)
            except Exception as error:  # noqa: BLE001  # an app without lifespan support raises (ASGI, lifespan)
                if not outcome.done():
                    outcome.set_result(f"unsupported: {type(error).__name__}: {error}")
            if not outcome.done():
                outcome.set_result("unsupported")

        self._lifespan = asyncio.ensure_future(run())
        try:
            failure = await asyncio.wait_for(asyncio.shield(outcome), STARTUP_SECONDS)
        except TimeoutError:
            raise ApplicationError(f"the app did not start up within {STARTUP_SECONDS:.0f} seconds") from None
        if failure and not failure.startswith("unsupported"):
            why = failure.strip().splitlines()[-1]
            advice = "; when that is right, record its start-up again" if MissError.__name__ in why else ""
            raise ApplicationError(f"the app failed to start up: {why}{advice}")

    async def _stop(self) -> None:
        if self._lifespan is not None and not self._lifespan.done():
            await self._events.put({"type": "lifespan.shutdown"})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lifespan, 10)

    def send(self, request: HttpRequest, session: Session) -> AppResponse:
        """The app's response, and what it raised.

        Args:
            request: what to send.
            session: answers the calls the app makes meanwhile.
        """

        async def run() -> AppResponse:
            with session.activate():
                return await self._request(request, session)

        return self._runner.run(run(), context=contextvars.copy_context())

    async def _request(self, request: HttpRequest, session: Session) -> AppResponse:
        hang_up = HangUp(session)
        gone = asyncio.Event()
        sent: list[dict[str, Any]] = [
            {"type": "http.request", "body": request.body or b"", "more_body": not request.complete}
        ]
        response = HttpResponse(0, [], b"")
        body: list[bytes] = []

        async def receive() -> dict[str, Any]:
            if sent:
                return sent.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if gone.is_set() and not hang_up.within_request:
                return  # as servers do; what an app answers to nobody, its body unread, was recorded
            if message["type"] == "http.response.start":
                response.status = message["status"]
                response.headers = [
                    (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                    for name, value in message.get("headers", ())
                ]
            elif message["type"] == "http.response.body":
                body.append(bytes(message.get("body", b"")))
                if not message.get("more_body", False) or hang_up.over(sum(map(len, body))):
                    gone.set()

        before = asyncio.all_tasks()
        if hang_up.possible:
            loop = asyncio.get_running_loop()
            session.on_cancellation = lambda: loop.call_soon_threadsafe(gone.set)
        raised = await _ended(self._app(asgi_scope(request, self._state), receive, send), gone, hang_up)
        response.body = b"".join(body)
        waited = await wait_in_loop(session, before)
        return AppResponse(response if response.status else None, raised, waited)


async def _ended(
    running: Coroutine[Any, Any, None], gone: asyncio.Event, hang_up: HangUp
) -> BaseException | None:
    """Wait until the app ended; what it raised. Hangs up where the recorded client did."""
    task = asyncio.create_task(running)
    try:
        done, _ = await asyncio.wait([task], timeout=hang_up.after)
        if not done:
            gone.set()
            done, _ = await asyncio.wait([task], timeout=hang_up.patience)
        if not done:
            return ReplayError(
                "the app goes on after the client hung up, where it ended when it was recorded;"
                " it was stopped"
            )
    finally:
        if task.cancel():
            await asyncio.wait([task], timeout=CANCELLATION_SECONDS)
    return asyncio.CancelledError() if task.cancelled() else task.exception()


class WsgiClient:
    """Calls a WSGI application, one request at a time, as a server would."""

    family = "http"

    def __init__(self, app: Any) -> None:
        self._app = app

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def send(self, request: HttpRequest, session: Session) -> AppResponse:
        """The app's response, and what it raised.

        Args:
            request: what to send.
            session: answers the calls the app makes meanwhile.
        """

        def run() -> AppResponse:
            with session.activate():
                before = threading.enumerate()
                answer = self._request(request, HangUp(session))
                return msgspec.structs.replace(answer, waited=wait(session, before))

        return contextvars.copy_context().run(run)

    def _request(self, request: HttpRequest, hang_up: HangUp) -> AppResponse:
        response = HttpResponse(0, [], b"")
        body: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            code, _, reason = status.partition(" ")
            response.status, response.reason, response.headers = int(code), reason, list(headers)
            return body.append

        raised = None
        try:
            with contextlib.closing(_Closable(self._app(wsgi_environ(request), start_response))) as result:
                size = 0
                pieces = iter(result.pieces)
                while not hang_up.reached(size) and (piece := next(pieces, None)) is not None:
                    body.append(piece)
                    size += len(piece)
        except Exception as error:  # noqa: BLE001  # the app's own exception is part of the verdict
            raised = error
        response.body = b"".join(body)
        return AppResponse(response if response.status else None, raised)


class _Closable:
    """A WSGI response iterable, which may have a ``close``."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces

    def close(self) -> None:
        close = getattr(self.pieces, "close", None)
        if close is not None:
            close()


def asgi_scope(request: HttpRequest, state: dict[str, Any]) -> dict[str, Any]:
    """The ``http`` scope of a recorded request (ASGI HTTP specification 2.3)."""
    parts = split_url(request.url)
    host, port = parts.hostname or "localhost", parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": parts.scheme or "http",
        "path": unquote_to_bytes(parts.path or "/").decode("utf-8", "replace"),
        "raw_path": (parts.path or "/").encode("latin-1", "replace"),
        "query_string": parts.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in request.headers
        ],
        "server": (host, port),
        "client": ("127.0.0.1", 0),
        "state": dict(state),
        "extensions": {},
    }


def wsgi_environ(request: HttpRequest) -> dict[str, Any]:
    """The environment of a recorded request (PEP 3333)."""
    parts = split_url(request.url)
    body = request.body or b""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "REQUEST_URI": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme or "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            environ[key] = value
        elif key != "TRANSFER_ENCODING":
            known = environ.get(f"HTTP_{key}")
            environ[f"HTTP_{key}"] = value if known is None else f"{known},{value}"
    if body and "CONTENT_LENGTH" not in environ:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ
