"""Inbound HTTP over WSGI (PEP 3333): Flask, Django, plain applications."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point, Wrappable
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.messages import HttpRequest, HttpResponse

StartResponse = Callable[..., Callable[[bytes], Any]]


class WsgiIntegration(Wrappable):
    """Sees requests where a WSGI application class is called; subclasses name the class."""

    module: ClassVar[str]
    class_name: ClassVar[str]

    def points(self) -> Sequence[Point]:
        """The application's ``__call__``."""
        return (Point(self.module, f"{self.class_name}.__call__", wrapper=self.serve),)

    def traced(self, app: Any) -> bool:
        """True when an instrumentation opens the SERVER span of this application's requests."""
        return bool(getattr(app, "_is_instrumented_by_opentelemetry", False))

    def route(self, app: Any, environ: dict[str, Any]) -> str | None:
        """The route template of a request that the app has served, where no span tells it."""
        return None

    def serve(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A wrapt wrapper of the application's ``__call__``: one request."""
        port = ports.entry_port()
        if port is None or kwargs or len(args) != 2:
            return wrapped(*args, **kwargs)
        environ, start_response = args
        entry = safely(self._open, port, instance, environ)
        if entry is None:
            return wrapped(*args)
        if port.wants_body:
            body = _read_whole(environ)
            answer = entry.start(body)
            if answer is not None:
                return _send_response(answer, start_response)
        else:
            safely(_watch_input, environ, entry)
        try:
            with activated(entry):
                result = wrapped(environ, self._starting(entry, instance, environ, start_response))
        except BaseException as error:
            safely(entry.failed, error)
            safely(entry.close)
            raise
        safely(self._name, entry, instance, environ)
        return _Body(result, entry)

    def _open(self, port: ports.EntryPort, app: Any, environ: dict[str, Any]) -> ports.Entry | None:
        return port.open(self.name, request_head(environ), None, traced=self.traced(app))

    def _starting(
        self, entry: ports.Entry, app: Any, environ: dict[str, Any], start_response: StartResponse
    ) -> StartResponse:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], Any]:
            safely(_note_start, entry, status, headers)
            safely(self._name, entry, app, environ)  # Flask forgets it before it returns
            write = start_response(status, headers, *rest)

            def noting_write(data: bytes) -> Any:
                safely(entry.response_body, data)
                return write(data)

            return noting_write

        return start

    def _name(self, entry: ports.Entry, app: Any, environ: dict[str, Any]) -> None:
        route = self.route(app, environ)
        if route:
            entry.routed(route)


def request_head(environ: dict[str, Any]) -> HttpRequest:
    """The request of a WSGI environment, without its body."""
    headers = [
        (key[5:].replace("_", "-").lower(), str(value))
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    headers += [
        (key.replace("_", "-").lower(), str(environ[key]))
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        if environ.get(key)
    ]
    host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if not target.startswith("/"):
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING")
        target = quote(path.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~%") + (
            f"?{query}" if query else ""
        )
    url = f"{environ.get('wsgi.url_scheme', 'http')}://{host}{target}"
    return HttpRequest(environ.get("REQUEST_METHOD", "GET"), url, headers, body=None)


def _watch_input(environ: dict[str, Any], entry: ports.Entry) -> None:
    environ["wsgi.input"] = _Input(environ["wsgi.input"], entry, environ.get("CONTENT_LENGTH"))


def _note_start(entry: ports.Entry, status: str, headers: list[tuple[str, str]]) -> None:
    code, _, reason = status.partition(" ")
    entry.response_started(
        HttpResponse(int(code), [(str(n), str(v)) for n, v in headers], body=None, reason=reason)
    )


class _Input:
    """``wsgi.input``, copied as the app reads it."""

    def __init__(self, stream: Any, entry: ports.Entry, length: str | None) -> None:
        self._stream = stream
        self._entry = entry
        self._left = int(length) if length and length.isdecimal() else None

    def read(self, *size: int) -> bytes:
        return self._note(self._stream.read(*size), size)

    def read1(self, *size: int) -> bytes:
        return self._note(self._stream.read1(*size), (*size, 1))

    def readline(self, *size: int) -> bytes:
        return self._note(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        lines = [self._note(line) for line in self._stream.readlines(*hint)]
        if not hint:
            safely(self._entry.request_ended)
        return lines

    def readinto(self, buffer: Any) -> int:
        if hasattr(self._stream, "readinto"):
            count: int = self._stream.readinto(buffer)
            self._note(bytes(memoryview(buffer)[: count or 0]))
            return count
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._note(next(self._stream))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _note(self, data: bytes, size: tuple[int | None, ...] = (1,)) -> bytes:
        """Copy what was read when ``size`` bytes were asked for (none, None and -1: everything)."""
        safely(self._copy, data, size)
        return data

    def _copy(self, data: bytes, size: tuple[int | None, ...]) -> None:
        if data:
            self._entry.request_body(data)
            if self._left is not None:
                self._left -= len(data)
        everything = not size or size[0] is None or size[0] < 0
        if self._left == 0 or everything or (not data and size[0] != 0):
            self._entry.request_ended()


class _Body:
    """The response's iterable, passed on piece by piece. Its work belongs to the request."""

    def __init__(self, result: Iterable[bytes], entry: ports.Entry) -> None:
        self._result = result
        self._iterator: Iterator[bytes] | None = None
        self._entry = entry
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with activated(self._entry):
                if self._iterator is None:
                    self._iterator = iter(self._result)
                piece = next(self._iterator)
        except StopIteration:
            safely(self._entry.response_ended)
            raise
        except BaseException as error:
            safely(self._entry.failed, error)
            raise
        safely(self._entry.response_body, piece)
        return piece

    def __len__(self) -> int:
        # servers ask, and take a TypeError for no
        return len(self._result)  # type: ignore[arg-type]  # raises just that where it has none

    def close(self) -> None:
        """End of the request (PEP 3333: servers call it whatever happened)."""
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                with activated(self._entry):
                    close()
        finally:
            self._end()

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            safely(self._entry.close)

    def __del__(self) -> None:
        self._end()


def _read_whole(environ: dict[str, Any]) -> bytes:
    """The whole body; the environment gets a copy to read again."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        body = stream.read(int(length))
    elif environ.get("wsgi.input_terminated"):
        body = stream.read()
    else:
        body = b""
    environ["wsgi.input"] = io.BytesIO(body)
    return bytes(body)


def _send_response(response: HttpResponse, start_response: StartResponse) -> list[bytes]:
    phrase = response.reason or HTTPStatus(response.status).phrase
    start_response(f"{response.status} {phrase}", list(response.headers))
    return [response.body or b""]
