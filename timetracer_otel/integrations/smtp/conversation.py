"""What the clients of SMTP have in common: how a call is recorded, and answered.

**What is a call.** The outermost thing that the app asks for. ``sendmail`` is one call, whatever it says to
the server: who reads a recording wants to see a mail with its recipients, not six lines of a protocol; a
changed recipient is one difference, not three. So is signing in, whose challenges and responses are secret.
An app that gives the commands itself (``mail``, ``rcpt``, ``data``, ``docmd``) made each of them a decision,
and gets a call for each. ``EHLO`` is always one of its own, though libraries say it within others when nobody
had: else the same mail would be another call on a connection that is new.

What is kept of a call is what the server replied; in a replay the library reads those replies, and draws its
own conclusions: what ``sendmail`` returns or raises, ``esmtp_features``, whether the connection is closed.
"""

from __future__ import annotations

import functools
import socket
import ssl
import weakref
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation
from timetracer_otel.integrations.smtp.talk import Talk, speaking, talk_of
from timetracer_otel.messages import Answer, Failure, MailCommand, MailReply, Request
from timetracer_otel.messages.mail import CONNECT, HANDSHAKES, HELLOS

_BELOW: Final = exceptions.by_name(
    socket.gaierror,
    socket.herror,
    ssl.SSLError,
    ssl.SSLCertVerificationError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
)
"""What connecting raises."""
_MADE_UP: Final[Mapping[str, tuple[int, str]]] = {
    CONNECT: (220, "ready"),
    "STARTTLS": (220, "go ahead"),
    "AUTH": (235, "accepted"),
    "QUIT": (221, "bye"),
    "NOOP": (250, "OK"),
    "RSET": (250, "OK"),
}
_RESPONSE: Final = "(response)"
"""Stands for what answers a challenge."""
_READY: Final = 220


class MailLibrary(Integration):
    """A client of SMTP."""

    family: ClassVar[str] = "smtp"

    def __init__(self) -> None:
        self._challenged: weakref.WeakSet[Any] = weakref.WeakSet()
        """Clients whose server waits for a secret."""

    def request(self, call: Invocation) -> Request:
        """What a call asks is known where it is made: see :meth:`converse`."""
        raise ReplayError(f"{self.name}: {call.wrapped} is no call")

    def answer(self, result: Any, call: Invocation) -> MailReply:
        """What the server replied, whatever the library made of it."""
        talk = result if isinstance(result, Talk) else Talk(None)
        return talk.answer()

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The library makes its result itself."""
        raise ReplayError(f"{self.name}: nothing is rebuilt")

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Those of the network; libraries add their own."""
        return _BELOW

    @abstractmethod
    def connected(self, client: Any) -> bool:
        """True where the client has a connection, or what stands for one."""

    @abstractmethod
    def settle(self, client: Any, *, replayed: bool) -> None:
        """Put in the place of the client's connection what gives recorded replies, or the connection back."""

    @abstractmethod
    def break_off(self, client: Any, verb: str) -> None:
        """Leave the client as it is when its connection failed."""

    @abstractmethod
    def secure(self, client: Any) -> bool:
        """True where the connection has TLS."""

    @abstractmethod
    def server(self, client: Any) -> str:
        """Host and port of the client's server."""

    @abstractmethod
    def extensions(self, client: Any) -> str | None:
        """What the server last said to ``EHLO``."""

    def replays(self) -> bool:
        """True where this library's calls are answered from a recording."""
        port = ports.current()
        return port is not None and port.replaying and not port.live(self)

    def converse(
        self, call: Invocation, client: Any, command: Callable[[], MailCommand], *, connects: bool = False
    ) -> Flow[Any]:
        """The flow of a call.

        Args:
            call: the function that speaks with the server.
            client: whose connection it is.
            command: what it asks.
            connects: it needs no connection yet.
        """
        port = ports.current()
        if port is None or talk_of(client) is not None:
            return (yield call.proceed)  # a part of a call that is seen
        replayed = port.replaying and not port.live(self)
        asked: MailCommand | None = None
        try:
            self.settle(client, replayed=replayed)
            if connects or self.connected(client):
                asked = self._asked(client, command, connects=connects)
        except Exception as error:
            if replayed:
                raise ReplayError(
                    f"{self.name}: this call cannot be read, so it is not answered: {error}"
                ) from error
            ports.report(f"{self.name}: reading a request", error)
        if asked is None:
            return (yield call.proceed)  # which says so itself, where it is not connected
        if replayed and (reply := self._made_up(port, asked, client)) is not None:
            return (yield from self._speak(call, Talk(client, [reply])))
        over = _cut(asked, port.body_limit)
        exchange = port.begin(self, asked, None)
        if over:
            exchange.gap("body over limit", over)
        recorded = exchange.recorded
        if recorded is not None:
            if seconds := ports.delay_of(exchange):
                yield self.pause(seconds)
            if isinstance(recorded, Failure):
                if recorded.type_name in exceptions.CANCELLED:
                    yield functools.partial(exceptions.wait_for_cancellation, asked.title())
                self.break_off(client, asked.verb)
                raise self._given_back(self.rebuild_failure, recorded, call)
            replies = recorded.replies if isinstance(recorded, MailReply) else []
            return (yield from self._speak(call, Talk(client, replies)))
        return (yield from self._live(call, Talk(client), exchange, asked.verb))

    def _asked(self, client: Any, command: Callable[[], MailCommand], *, connects: bool) -> MailCommand:
        challenged = client in self._challenged
        self._challenged.discard(client)
        asked = MailCommand("AUTH", _RESPONSE) if challenged and not connects else command()
        asked.server = asked.server or self.server(client)
        if asked.carries:
            asked.extensions = self.extensions(client)
        return asked

    def _speak(self, call: Invocation, talk: Talk) -> Flow[Any]:
        """The library reads the recorded replies."""
        with speaking(talk):
            result = yield call.proceed
        self._take_note(talk)
        return result

    def _live(self, call: Invocation, talk: Talk, exchange: ports.Exchange, verb: str) -> Flow[Any]:
        failed: BaseException | None = None
        try:
            with exchange, speaking(talk):
                try:
                    result = yield call.proceed
                except BaseException as error:
                    failed = error
                    raise
        except BaseException as error:
            if error is failed:  # the call's, and nothing of ours
                if _is_failure(talk, verb, error):
                    self._report_failure(error, call, exchange)
                else:  # the library's, because of a reply; or of what the app gave it
                    self._report(talk, call, exchange)
            raise
        finally:
            failed = None  # no cycle of its traceback and this frame
        self._report(talk, call, exchange)
        return result

    def _report(self, talk: Talk, call: Invocation, exchange: ports.Exchange) -> None:
        try:
            self._take_note(talk)
            exchange.finish(self.answer(talk, call))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading an answer", problem)
            exchange.gap("unreadable answer", f"{type(problem).__name__}: {problem}")
            exchange.finish(None)

    def _take_note(self, talk: Talk) -> None:
        if talk.challenged:
            self._challenged.add(talk.owner)

    def _made_up(self, port: ports.Port, asked: MailCommand, client: Any) -> list[Any] | None:
        """The reply to a command about the connection where the recording has none of its kind, because it
        was opened before: for another request, say. Only where mail was sent: else no server is known.
        """
        if asked.verb not in HANDSHAKES:
            return None
        extensions = None
        carried = False
        for one in port.recorded_requests(self):
            if not isinstance(one, MailCommand):
                continue
            if one.verb == asked.verb or (one.verb in HELLOS and asked.verb in HELLOS):
                return None
            carried = carried or one.verb not in HANDSHAKES
            extensions = one.extensions or extensions
        if not carried:
            return None
        if asked.verb in HELLOS:
            if extensions and "STARTTLS" not in extensions.upper() and not self.secure(client):
                extensions += "\nSTARTTLS"  # what is known was said once there was TLS, perhaps
            return [250, extensions or "ready"]
        return list(_MADE_UP[asked.verb])

    def host_name(
        self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A wrapper of ``socket.getfqdn``: what this host was called when it was recorded. Clients look that
        up, and apps for the ids of their mails.
        """
        if not any(args) and not any(kwargs.values()):
            try:
                host = self._said_host()
            except Exception as error:  # noqa: BLE001  # it is looked up, then
                ports.report(f"{self.name}: the name of this host", error)
            else:
                if host is not None:
                    return host
        return wrapped(*args, **kwargs)

    def _said_host(self) -> str | None:
        port = ports.current()
        if port is None or not port.replaying or port.live(self):
            return None
        for one in port.recorded_requests(self):
            if isinstance(one, MailCommand) and one.verb in HELLOS and one.argument:
                return one.argument
        return None


def of_line(line: str | bytes) -> MailCommand:
    """The command of a line, without what is secret of it."""
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    verb, _, argument = text.strip("\r\n").partition(" ")
    verb = verb.upper()
    if verb == "AUTH":
        argument = argument.partition(" ")[0].upper()  # an initial response is a secret
    return MailCommand(verb, argument.strip())


def as_bytes(message: Any) -> bytes:
    """A mail as it is given to a client."""
    if isinstance(message, str):
        return message.encode("utf-8", "surrogateescape")
    return bytes(message)


def as_list(recipients: Any) -> list[str]:
    """Recipients as they are given: one, or several."""
    return [recipients] if isinstance(recipients, str) else [str(one) for one in recipients]


def _is_failure(talk: Talk, verb: str, error: BaseException) -> bool:
    """True for what no reply explains: the connection failed, or never came to be."""
    if talk.error is error or not isinstance(error, Exception):
        return True
    if verb not in (CONNECT, "STARTTLS") or talk.error is not None:
        return False
    return not talk.replies or talk.replies[-1][0] == _READY


def _cut(asked: MailCommand, limit: int) -> str:
    """Take the message away that is over the limit, and say so."""
    if not asked.message or len(asked.message) <= limit:
        return ""
    said = f"message of {asked.title()[:200]}: {len(asked.message)} bytes"
    asked.message = None
    return said
