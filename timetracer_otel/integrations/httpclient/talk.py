"""One request on a connection, and its answer."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError, TimetracerError
from timetracer_otel.integrations.bodies import RequestBody
from timetracer_otel.integrations.httpclient.callers import Attempt
from timetracer_otel.integrations.httpclient.failures import CONNECTING, SENDING, UNASKED, described, rebuilt
from timetracer_otel.integrations.httpclient.sockets import ReplayedSocket
from timetracer_otel.integrations.wire import reading, writing
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse


class Talk:
    """One request on a connection, and its answer.

    Args:
        connection: the ``HTTPConnection``.
        port: records or answers it.
        caller: whose call it is.
        method: of the request.
        url: with scheme and host.
        attempt: what the pool above was asked, where there is one.
    """

    def __init__(
        self,
        connection: Any,
        port: ports.Port,
        caller: ports.Caller,
        method: str,
        url: str,
        attempt: Attempt | None,
    ) -> None:
        self.message = HttpRequest(method, url, [], body=None)
        self.answered = port.replaying and not port.live(caller)
        """The recording answers; nothing is sent."""
        self.socket: ReplayedSocket | None = None
        self.connecting = False
        self.over = False
        """Its answer came, or never will."""
        self.phase = ""
        self.exchange: ports.Exchange = _NOBODY
        self._asked: HttpResponse | Failure | None = None
        self._connection = connection
        self._port = port
        self._caller = caller
        self._body = RequestBody(self.message, port.body_limit)
        self._reader = reading.RequestReader(self.message, self._body)
        self._start = reading.now()
        self._error: BaseException | None = None
        self._begun = False
        self._attempt = attempt
        early = None if attempt is None else attempt.exchange
        if attempt is not None and early is not None and early.recorded is None:
            # it was let through when it connected
            attempt.exchange = None
            self.exchange, self._begun, self.answered = early, True, False

    def sent(self, piece: bytes) -> bool:
        """The library sends this piece; true when it waits for leave to send the body."""
        self._reader.feed(bytes(piece))
        return self.answered and self._reader.awaits_continue

    def begin(self) -> None:
        """The headers are known, and nothing is sent yet."""
        if not self._begun and self._reader.has_head:
            self._begun = True
            self.exchange = self._port.begin(self._caller, self.message)
            if self._attempt is not None:
                self._attempt.seen = True

    def broken_off(self, error: BaseException) -> None:
        """The library, or the app's own body, raised before all was sent."""
        try:
            if not self.answered:
                self._error = self._error or error
                self.left()
                return
            self.over = True
            with contextlib.suppress(TimetracerError):  # the app gets its own error
                self.ask()
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._caller.name}: reading an exception", problem)

    def not_sent(self, error: BaseException) -> None:
        """Sending raised; the library may still ask for an answer, except of nobody."""
        try:
            self._error = error
            if self.phase == CONNECTING or not isinstance(error, OSError):
                self.left()
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._caller.name}: reading an exception", problem)

    def ask(self) -> HttpResponse | Failure | None:
        """All of it is sent: the recorded answer; where there is none to give, the call goes out.

        Raises:
            MissError: nothing recorded answers it.
            ReplayError: what was recorded cannot be given again.
        """
        if self._begun:
            return self._asked
        self._reader.ended()
        self._begun = True
        attempt = self._attempt
        if attempt is not None and attempt.exchange is not None:
            self.exchange, attempt.exchange = attempt.exchange, None
        else:
            self.exchange = self._port.begin(self._caller, self.message)
        if seconds := ports.delay_of(self.exchange):
            time.sleep(seconds)
        recorded = self.exchange.recorded
        if isinstance(recorded, HttpResponse):
            if recorded.status == 101:
                raise ReplayError(
                    f"{self.message.title()}: what follows an upgrade was not recorded; let it go live with"
                    f" TIMETRACER_LIVE_PLUGINS={self._caller.name}"
                )
            assert self.socket is not None
            self.socket.answer = writing.written(
                recorded,
                self.message.method,
                self.message.title(),
                paced=self._port.pace,
                failure=lambda failure: rebuilt(failure, self._connection),
            )
            self._asked = recorded
        elif isinstance(recorded, Failure):
            self._asked = recorded
        else:
            self._go_out()
        return self._asked

    def _go_out(self) -> None:
        """A call that is let through, sent anew."""
        self.answered = False
        assert self.socket is not None
        connection = self._connection
        connection.sock = None
        self.connecting = True
        try:
            with self.exchange:
                connection.connect()
                connection.sock.sendall(self.socket.sent)
        except BaseException as error:
            self.over = True
            self.failed(error)
            raise
        finally:
            self.connecting = False

    def came(self, reader: reading.ResponseReader | None, response: Any) -> None:
        """The library has status and headers; ``None`` where nothing could read them as well."""
        try:
            self._reader.ended()
            self._body.note_gap(self.exchange)
            if reader is None or reader.response is None:
                self.exchange.gap("unreadable answer", f"the head of the answer to {self.message.title()}")
                self.exchange.finish(None)
                return
            reading.watch_body(reader, self.exchange, self.message, self._port.body_limit, self._start)
            if response.isclosed() and not reader.ended:
                reader.closed()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._caller.name}: reading a response", error)
            self.exchange.finish(None)

    def failed(self, error: BaseException) -> None:
        """The call raised."""
        try:
            if not self.phase:
                self._reader.ended()
            elif self.message.body is None and self._attempt is not None:
                self.message.body = _bytes(self._attempt.body)
            self._body.note_gap(self.exchange)
            self.exchange.finish(described(error, self._connection, self.phase))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._caller.name}: reading an exception", problem)
            self.exchange.finish(None)

    def left(self) -> None:
        """Nobody asks for its answer any more."""
        if self.over or self.answered:
            return
        self.over = True
        if not self._begun:
            return
        error, self._error = self._error, None
        if error is not None:
            self.phase = self.phase or SENDING
            with self.exchange:
                pass
            if self.phase == SENDING and not isinstance(error, OSError):
                self._reader.ended()  # the app's own body raised: what came before is all there is
            self.failed(error)
        else:
            with self.exchange:
                pass
            self._reader.ended()
            self._body.note_gap(self.exchange)
            self.exchange.finish(Failure(UNASKED))


class _Nobody:
    """An exchange that was never begun."""

    recorded: Answer | Failure | None = None

    def __enter__(self) -> ports.Exchange:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        return None

    def finish(self, answer: Any) -> None:
        """Nobody hears it."""

    def reading(self, so_far: Any) -> None:
        """Nobody hears it."""

    def gap(self, kind: str, detail: str) -> None:
        """Nobody hears it."""


_NOBODY = _Nobody()


def not_connected(caller: ports.Caller, attempt: Attempt, connection: Any, error: BaseException) -> None:
    """Record a call that got no connection, so that there is no request on one."""
    try:
        port = ports.current()
        if port is None or attempt.seen or not is_instrumentation_enabled():
            return
        attempt.seen = True
        message = _message(attempt)
        exchange = port.begin(caller, message)
        with exchange:
            pass
        if message.body is None:
            exchange.gap("body not read", f"request body of {message.title()} was not sent to its end")
        exchange.finish(described(error, connection, CONNECTING))
    except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report(f"{caller.name}: reading an exception", problem)


def asked_early(caller: ports.Caller, attempt: Attempt) -> ports.Exchange | None:
    """In a replay, the recorded call for what the pool was asked; ``None`` where that is not known yet.

    Where it failed to connect, the same step must fail.
    """
    port = ports.current()
    message = _message(attempt)
    if port is None or attempt.seen or message.body is None:
        return attempt.exchange
    attempt.seen = True
    attempt.exchange = port.begin(caller, message)
    return attempt.exchange


def _message(attempt: Attempt) -> HttpRequest:
    headers = [(_text(name), _text(value)) for name, value in attempt.headers.items()]
    return HttpRequest(attempt.method, attempt.url, headers, _bytes(attempt.body))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes | None:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else None
