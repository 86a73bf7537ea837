"""httpx: requests at its own transports, below clients, redirects, cookies, auth and hooks.

In-process transports (ASGI, WSGI, mock) are the app's own code and pass untouched.
"""

from __future__ import annotations

import functools
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

from timetracer_otel import ports
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point
from timetracer_otel.integrations.bodies import RecordedBody, RequestBody, ResponseBody
from timetracer_otel.integrations.httpx_streams import Cancelled, Streams, stream_classes
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse, Request


class HttpxIntegration(Integration):
    """Records and answers what ``HTTPTransport`` and ``AsyncHTTPTransport`` send.

    A replayed response has no ``network_stream`` extension: there is no network.
    """

    name: ClassVar[str] = "httpx"
    oldest = ("httpx>=0.26",)
    family: ClassVar[str] = "http"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.httpx",)
    module: ClassVar[str] = "httpx"
    """Where the classes are: its successor has the same ones under another name."""
    below: ClassVar[tuple[str, ...]] = ("httpcore", "anyio", "h11")
    """Modules below it, whose exceptions are among the causes of its own."""

    def points(self) -> Sequence[Point]:
        """The two transports, and the reading of certificates, which replay does without."""
        return (
            Point(
                self.module, "HTTPTransport.handle_request", self._send,
                direct=functools.partial(self._at_once, asynchronous=False),
            ),
            Point(
                self.module, "AsyncHTTPTransport.handle_async_request", self._send_async, asynchronous=True,
                direct=functools.partial(self._at_once, asynchronous=True),
            ),
            Point(
                f"{self.module}._transports.default", "create_ssl_context", self._tls_context, optional=True
            ),
        )  # fmt: skip

    def request(self, call: Invocation) -> Request | Flow[Request]:
        """Method, URL and headers; the body now where it is bytes, else as the transport reads it.

        In replay there is no transport to read it: a streamed body is read here.
        """
        sending, request = cast("_Call", call), cast("_Call", call).request
        port, message, body = sending.port, sending.message, sending.body
        if isinstance(request.stream, self._httpx().ByteStream):
            body.whole(b"".join(request.stream))
            return message
        streams = self._streams(sending)
        tee = streams.tee(request.stream, body)
        if port.live(self):
            request.stream = tee
            return message
        return self._read(sending, tee)

    def _read(self, sending: _Call, tee: Any) -> Flow[Request]:
        streams, pieces = self._streams(sending), list[bytes]()
        yield lambda: streams.read(tee, pieces)
        sending.request.stream = streams.pieces(functools.partial(_again, pieces, sending.body))
        return sending.message

    def answer(self, result: Any, call: Invocation) -> HttpResponse:
        """Status and headers; the body is only known once the app has read it."""
        reason, version = result.extensions.get("reason_phrase"), result.extensions.get("http_version")
        return HttpResponse(
            status=result.status_code,
            headers=_headers(result),
            reason=None if reason is None else reason.decode("latin-1"),
            http_version=None if version is None else version.decode("latin-1"),
        )

    def observe(self, result: Any, call: Invocation, exchange: ports.Exchange) -> Any:
        """The response, its stream passed on piece by piece while a copy is kept."""
        sending = cast("_Call", call)
        try:
            sending.body.note_gap(exchange)
            if result.status_code == 101:
                exchange.gap("upgraded connection", f"what follows {sending.message.title()} is not recorded")
            body = ResponseBody(
                exchange,
                self.answer(result, call),
                sending.message,
                sending.port.body_limit,
                sending.start,
                functools.partial(self.failure, call=call),
            )
            result.stream = self._streams(sending).tee(result.stream, body)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading a response", error)
            exchange.finish(None)
        return result

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """An ``httpx.Response`` that is read as the recorded one was."""
        sending = cast("_Call", call)
        response = cast("HttpResponse", answer)
        failure = None if response.failure is None else self.rebuild_failure(response.failure, call)
        recorded = RecordedBody(response, sending.message.title(), failure, paced=sending.port.pace)
        extensions = {}
        if response.http_version is not None:
            extensions["http_version"] = response.http_version.encode("latin-1")
        if response.reason is not None:
            extensions["reason_phrase"] = response.reason.encode("latin-1")
        return self._httpx().Response(
            response.status,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers],
            stream=self._streams(sending).pieces(recorded.pieces),
            extensions=extensions,
        )

    def own_error(self, call: Invocation) -> BaseException | None:
        """What the app's request body raised when it was read."""
        return cast("_Call", call).body.error

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What the transport raises; the client tells the app."""
        return {
            "timeout": Failure(f"{self.name}.ReadTimeout", ["timed out"]),
            "connect timeout": Failure(f"{self.name}.ConnectTimeout", ["timed out"]),
            "write timeout": Failure(f"{self.name}.WriteTimeout", ["timed out"]),
            "pool timeout": Failure(f"{self.name}.PoolTimeout", [""]),
            "refused": Failure(f"{self.name}.ConnectError", ["[Errno 111] Connection refused"]),
            "connection error": Failure(f"{self.name}.ConnectError", ["[Errno 111] Connection refused"]),
            "reset": Failure(f"{self.name}.ReadError", ["[Errno 104] Connection reset by peer"]),
            "disconnected": Failure(
                f"{self.name}.RemoteProtocolError", ["Server disconnected without sending a response."]
            ),
        }

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """What httpx raises, and what is below it."""
        below = [sys.modules[name] for name in self.below if name in sys.modules]
        return exceptions.module_exceptions(self._httpx(), *below, ssl) | _SOCKET_ERRORS

    def failure(self, error: BaseException, call: Invocation) -> Failure:
        """The exception without the request, which the client puts there itself."""
        return _describe(error)

    def rebuild_failure(self, failure: Failure, call: Invocation) -> BaseException:
        """The exception as the transport raised it."""
        if failure.type_name in exceptions.CANCELLED:
            return Cancelled(cast("_Call", call).message.title())
        error = super().rebuild_failure(failure, call)
        if isinstance(error, self._httpx().RequestError):
            error._request = None  # the client sets it on the way up
        link: BaseException | None = error
        described: Failure | None = failure
        while link is not None and described is not None:
            link.args = tuple(self._rebuild_argument(arg, call) for arg in link.args)
            link, described = link.__cause__ or link.__context__, described.cause or described.context
        return error

    def _rebuild_argument(self, argument: Any, call: Invocation) -> Any:
        if isinstance(argument, dict) and argument.keys() == {_WRAPPED}:
            return self.rebuild_failure(Failure.from_plain(argument[_WRAPPED]), call)
        return argument

    def _report_failure(self, error: BaseException, call: Invocation, exchange: ports.Exchange) -> None:
        cast("_Call", call).body.note_gap(exchange)
        super()._report_failure(error, call, exchange)

    def _send(self, call: Invocation) -> Flow[Any]:
        return self._exchange(call, asynchronous=False)

    def _send_async(self, call: Invocation) -> Flow[Any]:
        return self._exchange(call, asynchronous=True)

    def _exchange(self, call: Invocation, *, asynchronous: bool) -> Flow[Any]:
        port = ports.current()
        request = _request_of(call)
        if port is None or not isinstance(request, self._httpx().Request):
            return (yield call.proceed)
        stream = request.stream
        try:
            return (yield from self.exchange(_sending(port, call, request, asynchronous=asynchronous)))
        finally:
            request.stream = stream

    def _at_once(self, port: ports.Port, call: Invocation, *, asynchronous: bool) -> _Call | None:
        """The call, where nothing has to be read from the app."""
        request, httpx = _request_of(call), self._httpx()
        plain = isinstance(request, httpx.Request) and isinstance(request.stream, httpx.ByteStream)
        return _sending(port, call, request, asynchronous=asynchronous) if plain else None

    def _tls_context(self, call: Invocation) -> Flow[Any]:
        """Certificates may be missing where a recording is replayed."""
        try:
            return (yield call.proceed)
        except OSError:
            port = ports.current()
            if port is None or port.live(self):
                raise
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _httpx(self) -> Any:
        return sys.modules[self.module]

    def _streams(self, call: _Call) -> Streams:
        return stream_classes(self._httpx(), call.asynchronous)


class Httpx2Integration(HttpxIntegration):
    """httpx's successor: the same, under another name."""

    name: ClassVar[str] = "httpx2"
    oldest = ("httpx2>=2",)
    scopes: ClassVar[tuple[str, ...]] = ()
    module: ClassVar[str] = "httpx2"
    below: ClassVar[tuple[str, ...]] = ("httpcore2", "anyio", "h11")


class _Call(Invocation, frozen=True):
    """One request at a transport."""

    request: Any
    message: HttpRequest
    body: RequestBody
    port: ports.Port
    start: int
    asynchronous: bool


def _request_of(call: Invocation) -> Any:
    return call.args[0] if call.args else call.kwargs.get("request")


def _sending(port: ports.Port, call: Invocation, request: Any, *, asynchronous: bool) -> _Call:
    message = HttpRequest(request.method, _url(request), _headers(request), body=None)
    return _Call(
        call.wrapped, call.instance, call.args, call.kwargs,
        request, message, RequestBody(message, port.body_limit), port, time.monotonic_ns(), asynchronous,
    )  # fmt: skip


_SOCKET_ERRORS = exceptions.by_name(socket.gaierror, socket.herror)


_WRAPPED = "timetracer.exception"
"""httpcore's way to wrap what is below it: the exception is the argument."""


def _describe(error: BaseException) -> Failure:
    failure = exceptions.describe(error, skip=frozenset({"_request"}))
    link: BaseException | None = error
    described: Failure | None = failure
    while link is not None and described is not None:
        for index, argument in enumerate(link.args):
            if isinstance(argument, BaseException):
                described.args[index] = {_WRAPPED: _describe(argument).plain()}
        link, described = link.__cause__ or link.__context__, described.cause or described.context
    return failure


def _url(request: Any) -> str:
    """The URL as it goes over the wire: neither credentials nor fragment do."""
    url = request.url
    netloc, path = url.netloc.decode("ascii"), url.raw_path.decode("ascii")
    return f"{url.scheme}://{netloc}{path}"


def _headers(message: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.raw]


def _again(pieces: list[bytes], body: RequestBody) -> Iterator[tuple[bytes, float]]:
    """A request body that was read for matching, for a call that goes out after all."""
    for piece in pieces:
        yield piece, 0.0
    if body.error is not None:
        raise body.error
