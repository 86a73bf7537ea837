"""``http.client``: requests at the connection, whoever makes them."""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.httpclient import sockets
from timetracer_otel.integrations.httpclient.callers import Attempt, HttpLibrary, layer, replaying
from timetracer_otel.integrations.httpclient.failures import CONNECTING, PHASE, SENDING, UNASKED, rebuilt
from timetracer_otel.integrations.httpclient.talk import Talk, asked_early, not_connected
from timetracer_otel.integrations.wire import framing, reading
from timetracer_otel.messages import Failure

Wrapped = Callable[..., Any]
Args = tuple[Any, ...]
Keywords = dict[str, Any]

_TALK = "_timetracer_talk"


class HttpClientIntegration(HttpLibrary):
    """Records and answers what an ``HTTPConnection`` is asked, however: ``request``, or step by step."""

    name: ClassVar[str] = "http.client"

    def points(self) -> Sequence[Point]:
        """The steps of a request, and where connections are made."""
        connections = ("http.client:HTTPConnection", "http.client:HTTPSConnection")
        above = ("urllib3.connection:HTTPConnection", "urllib3.connection:HTTPSConnection")
        steps = {
            "putrequest": self._put_request,
            "send": self._send,
            "getresponse": self._get_response,
            "close": self._close,
        }
        found = [
            Point("http.client", f"HTTPConnection.{name}", wrapper=wrapper) for name, wrapper in steps.items()
        ]
        for place in (connections[0], above[0]):
            module, _, name = place.partition(":")
            found.append(Point(module, f"{name}.request", wrapper=self._request))
        for place in (*connections, *above):
            module, _, name = place.partition(":")
            found.append(Point(module, f"{name}.connect", wrapper=self._connect))
        return found

    def _caller(self) -> ports.Caller:
        above = layer.get()
        return self if above is None else above.caller

    def _put_request(self, wrapped: Wrapped, connection: Any, args: Args, kwargs: Keywords) -> Any:
        result = wrapped(*args, **kwargs)
        try:
            self._open_talk(connection, *_method_and_target(*args, **kwargs))
        except Exception as error:
            if replaying(self._caller()):
                raise
            ports.report(f"{self.name}: reading a request", error)
        return result

    def _open_talk(self, connection: Any, method: str, target: str) -> None:
        before = vars(connection).pop(_TALK, None)
        if before is not None:
            before.left()
        port = ports.current()
        answered = False
        if port is not None and is_instrumentation_enabled():
            caller = self._caller()
            above = layer.get()
            attempt = None if above is None else above.attempt
            talk = Talk(connection, port, caller, method, _url(connection, target), attempt)
            setattr(connection, _TALK, talk)
            answered = talk.answered
            if answered:
                talk.socket = _replayed_socket(connection)
                talk.socket.on_sent = talk.sent
        if not answered and isinstance(connection.sock, sockets.ReplayedSocket):
            connection.sock = None  # of a replay before: it connects for itself now

    def _send(self, wrapped: Wrapped, connection: Any, args: Args, kwargs: Keywords) -> Any:
        talk: Talk | None = vars(connection).get(_TALK)
        if talk is None or talk.answered or talk.connecting or talk.over:
            return wrapped(*args, **kwargs)
        data = args[0] if args else kwargs["data"]
        try:
            pieces: Iterable[Any] | None = _pieces(data, connection.blocksize)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading a request", error)
            pieces = None
        if pieces is None:  # not in the handler, where the app's exceptions would get its as their context
            return wrapped(*args, **kwargs)
        for piece in pieces:
            try:
                if not talk.sent(piece):
                    talk.begin()
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report(f"{self.name}: reading a request", error)
            try:
                wrapped(piece)
            except BaseException as error:
                talk.not_sent(error)
                raise
        return None

    def _request(self, wrapped: Wrapped, connection: Any, args: Args, kwargs: Keywords) -> Any:
        before = vars(connection).get(_TALK)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            broken: Talk | None = vars(connection).get(_TALK)
            fresh = broken is not None and broken is not before and not broken.over
            if broken is not None and fresh and not isinstance(error, OSError):
                broken.broken_off(error)  # after an OSError an answer may still be asked for
            raise
        talk: Talk | None = vars(connection).get(_TALK)
        if talk is not None and talk.answered:
            failure = talk.ask()
            if isinstance(failure, Failure) and failure.fields.get(PHASE) in (CONNECTING, SENDING):
                talk.over = True
                raise rebuilt(failure, connection)
        return result

    def _get_response(self, wrapped: Wrapped, connection: Any, args: Args, kwargs: Keywords) -> Any:
        talk: Talk | None = vars(connection).get(_TALK)
        if talk is None or talk.over or args or kwargs:  # urllib3 1.26 asks with one of Python 2's first
            return wrapped(*args, **kwargs)
        if talk.answered:
            recorded = talk.ask()
            talk.over = talk.answered
            if isinstance(recorded, Failure):
                if recorded.type_name == UNASKED:
                    raise ReplayError(
                        f"{talk.message.title()}: when it was recorded nobody asked for its answer;"
                        " record again"
                    )
                raise rebuilt(recorded, connection)
            if talk.answered:
                return wrapped(*args, **kwargs)
        talk.over = True
        had = vars(connection).get("response_class")
        reader: reading.ResponseReader | None = None
        try:
            reader = reading.ResponseReader(talk.message.method)
            connection.response_class = self._watching(connection.response_class, reader)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading a response", error)
        try:
            with talk.exchange:
                response = wrapped(*args, **kwargs)
        except BaseException as error:
            talk.failed(error)
            raise
        finally:
            if had is None:
                vars(connection).pop("response_class", None)
            else:
                connection.response_class = had
        talk.came(reader, response)
        return response

    def _watching(self, make: Wrapped, reader: reading.ResponseReader) -> Wrapped:
        def watched(sock: Any, *arguments: Any, **keywords: Any) -> Any:
            response = make(sock, *arguments, **keywords)
            try:
                sockets.watch(response.fp, reader)
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report(f"{self.name}: reading a response", error)
            return response

        return watched

    def _close(self, wrapped: Wrapped, connection: Any, args: Args, kwargs: Keywords) -> Any:
        talk: Talk | None = vars(connection).get(_TALK)
        if talk is not None and not talk.over:
            try:
                talk.left()
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report(f"{self.name}: the end of a request", error)
        return wrapped(*args, **kwargs)

    def _connect(self, wrapped: Wrapped, connection: Any, args: Args, kwargs: Keywords) -> Any:
        caller = self._caller()
        above = layer.get()
        attempt = None if above is None else above.attempt
        if replaying(caller) and is_instrumentation_enabled():
            exchange = None if attempt is None else asked_early(caller, attempt)
            if exchange is None or exchange.recorded is not None:
                _replayed_socket(connection)
                failure = None if exchange is None else exchange.recorded
                if isinstance(failure, Failure) and failure.fields.get(PHASE) == CONNECTING:
                    raise rebuilt(failure, connection)
                return None
            with exchange:
                return wrapped(*args, **kwargs)
        port = ports.current()
        if port is not None and port.replaying:
            # live in a hybrid replay: it connects before its request is seen
            with ports.inside():
                return self._connect_live(wrapped, connection, args, kwargs, attempt, caller)
        return self._connect_live(wrapped, connection, args, kwargs, attempt, caller)

    def _connect_live(
        self,
        wrapped: Wrapped,
        connection: Any,
        args: Args,
        kwargs: Keywords,
        attempt: Attempt | None,
        caller: ports.Caller,
    ) -> Any:
        talk: Talk | None = vars(connection).get(_TALK)
        if talk is not None and talk.connecting:
            return wrapped(*args, **kwargs)
        if talk is not None and not talk.over:
            talk.connecting = True
            try:
                return wrapped(*args, **kwargs)
            except BaseException:
                talk.phase = CONNECTING
                raise
            finally:
                talk.connecting = False
        try:
            return wrapped(*args, **kwargs)
        except BaseException as error:
            if attempt is not None:
                not_connected(caller, attempt, connection, error)
            raise


def _method_and_target(method: str, url: str, *_more: Any, **_named: Any) -> tuple[str, str]:
    return method, url or "/"


def _url(connection: Any, target: str) -> str:
    """The URL as it goes over the wire; through a proxy, the one that is asked for."""
    if "://" in target.split("?", 1)[0]:
        return target
    tunnel = getattr(connection, "_tunnel_host", None)
    host = str(tunnel or connection.host)
    port = connection._tunnel_port if tunnel else connection.port
    secure = connection.default_port == 443
    return framing.address(host, port, "https" if secure else "http") + target


def _replayed_socket(connection: Any) -> sockets.ReplayedSocket:
    """The connection's socket in a replay; what urllib3 learns by connecting is set as well."""
    if isinstance(connection.sock, sockets.ReplayedSocket):
        return connection.sock
    if connection.sock is not None:
        connection.sock.close()
    made = sockets.ReplayedSocket((connection.host, connection.port), connection.timeout)
    connection.sock = made
    if hasattr(connection, "_has_connected_to_proxy"):
        proxy = getattr(connection, "proxy", None)
        connection._has_connected_to_proxy = bool(proxy)
        context, required = getattr(connection, "ssl_context", None), getattr(connection, "cert_reqs", None)
        mode = getattr(context, "verify_mode", required)
        connection.is_verified = mode not in (None, ssl.CERT_NONE, "CERT_NONE", "NONE")
        if proxy and connection.proxy_is_verified is None:
            connection.proxy_is_verified = False
    return made


def _pieces(data: Any, size: int) -> Iterable[Any]:
    """What ``send`` makes of its argument, one piece at a time."""
    if hasattr(data, "read"):
        text = isinstance(data, io.TextIOBase)
        return _blocks(data, size, text=text)
    if isinstance(data, bytes | bytearray | memoryview):
        return (data,)
    try:
        memoryview(data)
    except TypeError:
        if isinstance(data, Iterable) and not isinstance(data, str):
            return data
    return (data,)


def _blocks(file: Any, size: int, *, text: bool) -> Iterable[bytes]:
    while block := file.read(size):
        yield block.encode("iso-8859-1") if text else block
