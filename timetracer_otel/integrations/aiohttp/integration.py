"""Where aiohttp's client is wrapped."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError, TimetracerError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.aiohttp.failures import CONNECTING, connection_faults, described, rebuilt
from timetracer_otel.integrations.aiohttp.transport import ReplayedTransport, Silence
from timetracer_otel.integrations.base import Point, Wrappable
from timetracer_otel.integrations.bodies import RequestBody
from timetracer_otel.integrations.wire import framing, reading, writing
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse

Wrapped = Callable[..., Any]
Args = tuple[Any, ...]
Keywords = dict[str, Any]

_TALK = "_timetracer_talk"
_FAILED = "_timetracer_failed"


class AiohttpIntegration(Wrappable):
    """Records and answers what a ``ClientSession``'s connector connects to.

    In replay a connection's protocol is aiohttp's own, and reads the recorded bytes. Websockets are
    not recorded beyond their handshake, and refused in replay.
    """

    name: ClassVar[str] = "aiohttp"
    oldest = ("aiohttp>=3.10",)
    family: ClassVar[str] = "http"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.aiohttp_client",)

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What a connection raises; the exceptions by their names as well."""
        found = connection_faults()
        renamed = {
            "ServerTimeoutError": "timeout",
            "SocketTimeoutError": "timeout",
            "ConnectionTimeoutError": "connect timeout",
            "ClientConnectorError": "refused",
            "ClientOSError": "reset",
            "ServerDisconnectedError": "disconnected",
        }
        return {**found, **{name: found[kind] for name, kind in renamed.items()}}

    def points(self) -> Sequence[Point]:
        """Connecting, sending, and what comes in."""
        return (
            Point("aiohttp.connector", "BaseConnector.connect", wrapper=self._connect),
            Point("aiohttp.connector", "TCPConnector._create_connection", wrapper=self._create),
            Point("aiohttp.connector", "UnixConnector._create_connection", wrapper=self._create),
            Point("aiohttp.client_reqrep", "ClientResponse.start", wrapper=self._start),
            Point("aiohttp.http_writer", "StreamWriter._write", wrapper=_write),
            Point("aiohttp.http_writer", "StreamWriter._writelines", wrapper=_write_lines, optional=True),
            Point("aiohttp.client_proto", "ResponseHandler.data_received", wrapper=_received),
            Point("aiohttp.client_proto", "ResponseHandler.connection_lost", wrapper=_lost),
            Point("aiohttp.client_proto", "ResponseHandler.close", wrapper=_closed),
            Point("aiohttp.client_proto", "ResponseHandler.abort", wrapper=_closed, optional=True),
            Point("aiohttp.streams", "StreamReader._wait", wrapper=_waited),
        )

    async def _connect(self, wrapped: Wrapped, connector: Any, args: Args, kwargs: Keywords) -> Any:
        port = ports.current() if is_instrumentation_enabled() else None
        if port is None:
            return await _connection(wrapped, args, kwargs, replayed=False)
        talk = self._begin(port, args[0] if args else kwargs["req"])
        if talk is None:
            return await _connection(wrapped, args, kwargs, replayed=False)
        if talk.answered:
            talk.fail_once_more()
        try:
            connection = await _connection(wrapped, args, kwargs, replayed=talk.answered)
        except BaseException as error:
            with talk.exchange:
                pass
            talk.failed(error, connecting=True)
            raise
        setattr(connection.protocol, _TALK, talk)
        if talk.answered:
            connection.transport.on_written = talk.sent
            talk.connect = lambda: connector._create_connection(*args, **kwargs)
        return connection

    def _begin(self, port: ports.Port, request: Any) -> Talk | None:
        """The talk about a request; ``None`` where it cannot be read."""
        try:
            talk = Talk(port, self, request)
            if not talk.answered:
                talk.begin()
        except Exception as error:
            if port.replaying and not port.live(self):
                raise
            ports.report(f"{self.name}: reading a request", error)
            return None
        return talk

    async def _create(self, wrapped: Wrapped, connector: Any, args: Args, kwargs: Keywords) -> Any:
        port = ports.current()
        if port is None or not port.replaying or port.live(self) or not is_instrumentation_enabled():
            return await wrapped(*args, **kwargs)
        protocol = connector._factory()
        protocol.connection_made(ReplayedTransport(protocol, asyncio.get_running_loop()))
        return protocol

    async def _start(self, wrapped: Wrapped, response: Any, args: Args, kwargs: Keywords) -> Any:
        connection = args[0] if args else kwargs["connection"]
        talk: Talk | None = getattr(connection.protocol, _TALK, None)
        if talk is None:
            return await wrapped(*args, **kwargs)
        if talk.answered:
            await _all_written(response)
            if connection.protocol.exception() is not None:
                with contextlib.suppress(TimetracerError):  # the app gets its own error
                    talk.ask()
                return await wrapped(*args, **kwargs)
            recorded = talk.ask()
            if seconds := ports.delay_of(talk.exchange):
                await asyncio.sleep(seconds)
            if isinstance(recorded, Failure):
                await talk.fail_again(recorded)
            if isinstance(recorded, HttpResponse):
                talk.feed(connection.transport, recorded)
                return await wrapped(*args, **kwargs)
            await talk.go_out(connection.protocol)
        try:
            with talk.exchange:
                result = await wrapped(*args, **kwargs)
        except BaseException as error:
            talk.failed(error)
            raise
        talk.came()
        return result


class Talk:
    """One request on a connection, and its answer.

    Args:
        port: records or answers it.
        caller: the integration.
        request: aiohttp's ``ClientRequest``.
    """

    def __init__(self, port: ports.Port, caller: AiohttpIntegration, request: Any) -> None:
        url = request.url
        host = framing.address(str(url.raw_host), url.port, url.scheme)
        headers = [(str(name), str(value)) for name, value in request.headers.items()]
        self.message = HttpRequest(request.method, f"{host}{url.raw_path_qs}", headers, body=None)
        self.answered = port.replaying and not port.live(caller)
        """The recording answers; nothing is sent."""
        self.reader = reading.ResponseReader(request.method)
        self.connect: Callable[[], Any] | None = None
        """Makes a connection, for a call that goes out after all."""
        self.exchange: Any = contextlib.nullcontext()
        self._port = port
        self._caller = caller
        self._request = request
        self._body = RequestBody(self.message, port.body_limit)
        self._sending = reading.RequestReader(self.message, self._body)
        self._start = reading.now()
        self._over = False

    def begin(self) -> None:
        """Ask who is there."""
        self.exchange = self._port.begin(self._caller, self.message)

    def sent(self, data: bytes) -> None:
        """These bytes are sent."""
        self._sending.feed(data)

    def ask(self) -> HttpResponse | Failure | None:
        """All of it is sent: the recorded answer.

        Raises:
            MissError: nothing recorded answers it.
            ReplayError: what was recorded cannot be given again.
        """
        self._sending.ended()
        self.begin()
        recorded: HttpResponse | Failure | None = self.exchange.recorded
        if isinstance(recorded, HttpResponse) and recorded.status == 101:
            raise ReplayError(
                f"{self.message.title()}: a websocket's messages were not recorded; let it go live with"
                f" TIMETRACER_LIVE_PLUGINS={self._caller.name}"
            )
        return recorded

    def feed(self, transport: ReplayedTransport, recorded: HttpResponse) -> None:
        """Have the recorded answer come in."""
        method, failure = self.message.method, recorded.failure
        pieces = writing.written(
            recorded, method, self.message.title(), paced=self._port.pace, failure=self._rebuilt_in_body
        )
        hung_up = failure is not None and failure.type_name == writing.HUNG_UP
        transport.feed(pieces, then_ends=hung_up or not framing.ends_itself(method, recorded))

    def _rebuilt_in_body(self, failure: Failure) -> BaseException:
        if failure.type_name in exceptions.CANCELLED:
            return Silence(self.message.title())
        return rebuilt(failure, self._request)

    async def fail_again(self, failure: Failure) -> None:
        """Raise what was raised; where the call was given up, wait for that."""
        if failure.type_name in exceptions.CANCELLED:
            await exceptions.wait_for_cancellation(self.message.title())
        error = rebuilt(failure, self._request)
        if failure.fields.get(CONNECTING):
            with contextlib.suppress(AttributeError):  # newer ones have slots, and try nothing again
                setattr(self._request._timer, _FAILED, failure)
        kinds: Any = sys.modules["aiohttp.client_exceptions"]
        if failure.fields.get(CONNECTING) and type(error) is TimeoutError:
            # the session makes this of it, above
            timeout: type[Exception] = getattr(kinds, "ConnectionTimeoutError", kinds.ServerTimeoutError)
            raise timeout(f"Connection timeout to host {self._request.url}") from error
        raise error

    def fail_once_more(self) -> None:
        """Raise the failure to connect that this call has had already.

        Older sessions try again what failed once they were connected, as they are in a replay; what fails
        here they do not. The timer is the one thing that such tries have in common.
        """
        failure: Failure | None = getattr(self._request._timer, _FAILED, None)
        if failure is not None:
            raise rebuilt(failure, self._request)

    async def go_out(self, protocol: Any) -> None:
        """Send a call that is let through over a connection of its own."""
        self.answered = False
        replayed = protocol.transport
        assert self.connect is not None
        try:
            with ports.inside():
                made = await self.connect()
            made.transport.set_protocol(protocol)
            protocol.transport = made.transport
            made.transport.write(bytes(replayed.written))
        except BaseException as error:
            self.failed(error)
            raise

    def came(self) -> None:
        """Aiohttp has status and headers."""
        try:
            self._over = True
            self._sending.ended()
            self._body.note_gap(self.exchange)
            if self.reader.response is None:
                self.exchange.gap("unreadable answer", f"the head of the answer to {self.message.title()}")
                self.exchange.finish(None)
                return
            self.reader.describe_as = lambda error: described(error, self._request)
            reading.watch_body(self.reader, self.exchange, self.message, self._port.body_limit, self._start)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._caller.name}: reading a response", error)
            self.exchange.finish(None)

    def failed(self, error: BaseException, *, connecting: bool = False) -> None:
        """The call raised."""
        try:
            if self._over or self.answered:
                return
            self._over = True
            if connecting:
                self.message.body = _whole_body(self._request)
            else:
                self._sending.ended()
            self._body.note_gap(self.exchange)
            self.exchange.finish(described(error, self._request, connecting=connecting))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._caller.name}: reading an exception", problem)
            self.exchange.finish(None)


async def _connection(wrapped: Wrapped, args: Args, kwargs: Keywords, *, replayed: bool) -> Any:
    """A connection of the right kind: a session's pool may hold some of before or after a replay."""
    while True:
        connection = await wrapped(*args, **kwargs)
        if isinstance(connection.transport, ReplayedTransport) == replayed:
            setattr(connection.protocol, _TALK, None)
            return connection
        connection.close()


async def _all_written(response: Any) -> None:
    """Wait until aiohttp has written the request's body."""
    leave = getattr(response, "_continue", None)
    if leave is not None and not leave.done():
        leave.set_result(True)
    writer = getattr(response, "_writer", None)
    if writer is not None:
        await asyncio.wait([writer])


def _whole_body(request: Any) -> bytes | None:
    """The body of a request that was not sent, where it is there at once."""
    body = request.body
    value = getattr(body, "_value", body)
    if not value:
        return b""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None


def _talk(protocol: Any) -> Talk | None:
    talk: Talk | None = getattr(protocol, _TALK, None)
    return None if talk is None or talk.answered else talk


def _tell(what: Callable[..., None], *arguments: Any) -> None:
    try:
        what(*arguments)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("aiohttp: following a connection", error)


def _sent(talk: Talk, *pieces: Any) -> None:
    talk.sent(b"".join(pieces))


def _came_in(talk: Talk, piece: Any) -> None:
    talk.reader.feed(bytes(piece))


def _write(wrapped: Wrapped, writer: Any, args: Args, kwargs: Keywords) -> Any:
    talk = _talk(writer._protocol)
    if talk is not None:
        _tell(_sent, talk, args[0])
    return wrapped(*args, **kwargs)


def _write_lines(wrapped: Wrapped, writer: Any, args: Args, kwargs: Keywords) -> Any:
    talk = _talk(writer._protocol)
    if talk is not None:
        pieces = list(args[0])
        _tell(_sent, talk, *pieces)
        return wrapped(pieces, *args[1:], **kwargs)
    return wrapped(*args, **kwargs)


def _received(wrapped: Wrapped, protocol: Any, args: Args, kwargs: Keywords) -> Any:
    talk = _talk(protocol)
    # without a parser it is put aside, to be received again
    if talk is not None and args[0] and protocol._parser is not None:
        _tell(_came_in, talk, args[0])
    return wrapped(*args, **kwargs)


def _lost(wrapped: Wrapped, protocol: Any, args: Args, kwargs: Keywords) -> Any:
    talk = _talk(protocol)
    if talk is not None:
        error = args[0] if args else None
        _tell(talk.reader.eof) if error is None else _tell(talk.reader.failed, error)
    return wrapped(*args, **kwargs)


def _closed(wrapped: Wrapped, protocol: Any, args: Args, kwargs: Keywords) -> Any:
    talk = _talk(protocol)
    if talk is not None:
        _tell(talk.reader.closed)
    return wrapped(*args, **kwargs)


async def _waited(wrapped: Wrapped, stream: Any, args: Args, kwargs: Keywords) -> Any:
    transport = getattr(stream._protocol, "transport", None)
    if isinstance(transport, ReplayedTransport) and transport.next_wait is not None:
        raise transport.next_wait
    try:
        return await wrapped(*args, **kwargs)
    except BaseException as error:
        talk = _talk(stream._protocol)
        if talk is not None:
            _tell(talk.reader.failed, error)
        raise
