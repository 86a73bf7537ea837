"""``smtplib``: what an app asks its clients for, and the two functions that speak for all of them."""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.smtp.conversation import MailLibrary, as_bytes, as_list, of_line
from timetracer_otel.integrations.smtp.sockets import ReplayedContext, ReplayedSocket, is_secure
from timetracer_otel.integrations.smtp.talk import note, speaking, talk_of, wire
from timetracer_otel.messages import Answer, Failure, MailCommand
from timetracer_otel.messages.mail import CONNECT, SEND

Wrapped = Callable[..., Any]
Args = tuple[Any, ...]
Keywords = dict[str, Any]

_LATE = Failure("TimeoutError", ["timed out"])
_MAX_SAID = 100
"""Lines sent by hand whose replies nobody has read."""
_servers: weakref.WeakKeyDictionary[Any, tuple[str, int]] = weakref.WeakKeyDictionary()
"""Host and port of clients, as the app asked for them."""


class SmtplibIntegration(MailLibrary):
    """Records and answers what ``SMTP``, ``SMTP_SSL`` and ``LMTP`` are asked."""

    name: ClassVar[str] = "smtplib"

    def __init__(self) -> None:
        super().__init__()
        self._said: weakref.WeakKeyDictionary[Any, deque[Any]] = weakref.WeakKeyDictionary()
        """What was sent by hand: ``putcmd``, and ``getreply`` later."""

    def points(self) -> Sequence[Point]:
        """The methods that ask, those that send and read, and the name of this host."""
        handlers = {
            "SMTP.connect": self._connect,
            "LMTP.connect": self._connect,
            "SMTP.sendmail": self._sendmail,
            "SMTP.data": self._data,
            "SMTP.auth": self._auth,
            "SMTP.starttls": self._starttls,
        }
        found = [Point("smtplib", path, handler) for path, handler in handlers.items()]
        lines: dict[str, Callable[..., str]] = {
            "docmd": lambda _client, cmd, args="": f"{cmd} {args}",
            "helo": lambda client, name="": f"HELO {name or client.local_hostname}",
            "ehlo": lambda client, name="": f"{client.ehlo_msg} {name or client.local_hostname}",
            "help": lambda _client, args="": f"HELP {args}",
            "mail": lambda _client, sender, options=(): _with("MAIL FROM:", sender, options),
            "rcpt": lambda _client, recip, options=(): _with("RCPT TO:", recip, options),
            "verify": lambda _client, address: f"VRFY {_smtplib()._addr_only(address)}",
            "vrfy": lambda _client, address: f"VRFY {_smtplib()._addr_only(address)}",
            "expn": lambda _client, address: f"EXPN {_smtplib()._addr_only(address)}",
        }
        found += [
            Point("smtplib", f"SMTP.{name}", partial(self._command, line)) for name, line in lines.items()
        ]
        found += [
            Point("smtplib", "SMTP.send", wrapper=self._send),
            Point("smtplib", "SMTP.getreply", wrapper=self._getreply),
            Point("socket", "getfqdn", wrapper=self.host_name),
        ]
        return found

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What the client raises when something goes wrong with its connection."""
        lost = Failure("smtplib.SMTPServerDisconnected", ["Connection unexpectedly closed"])
        refused = Failure("ConnectionRefusedError", [111, "Connection refused"])
        late = Failure(
            "smtplib.SMTPServerDisconnected", ["Connection unexpectedly closed: timed out"], context=_LATE
        )
        return {
            "timeout": late,
            "connect timeout": _LATE,
            "refused": refused,
            "connection error": refused,
            "reset": lost,
            "disconnected": lost,
        }

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Those of the module, and of the network."""
        return {**exceptions.module_exceptions(_smtplib()), **super().exception_classes()}

    # the state of clients

    def connected(self, client: Any) -> bool:
        """True where there is a socket."""
        return client.sock is not None

    def settle(self, client: Any, *, replayed: bool) -> None:
        """A socket of the kind that is needed here."""
        sock = client.sock
        if sock is None or isinstance(sock, ReplayedSocket) is replayed:
            return
        client.file = None
        if replayed:
            client.sock = ReplayedSocket(
                _address(client), client.timeout, real=sock, secure=is_secure(client)
            )
        else:
            client.sock = sock.real

    def break_off(self, client: Any, verb: str) -> None:
        """Closed; after a handshake that failed there is a socket that cannot be used."""
        if verb == "STARTTLS" and isinstance(client.sock, ReplayedSocket):
            client.sock.broken = True
        else:
            client.close()

    def secure(self, client: Any) -> bool:
        """True where its socket has TLS."""
        return is_secure(client)

    def server(self, client: Any) -> str:
        """Host and port of the socket, as the app asked for them."""
        host, port = _address(client)
        return f"{host}:{port}" if port else host

    def extensions(self, client: Any) -> str | None:
        """As ``ehlo_resp`` has it."""
        said = client.ehlo_resp
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else None

    # what is asked

    def _connect(self, call: Invocation) -> Flow[Any]:
        client = call.instance
        host, port = _asked_address(client, *call.args, **call.kwargs)

        def command() -> MailCommand:
            _servers[client] = host, port
            return MailCommand(CONNECT, server=f"{host}:{port}" if port else host)

        if not self.replays() or talk_of(client) is not None:
            return (yield from self.converse(call, client, command, connects=True))
        sock = ReplayedSocket((host, port), client.timeout, secure=hasattr(client, "context"))

        def connect(*args: Any, **kwargs: Any) -> Any:
            if not port:  # a Unix socket of LMTP's
                client.sock, client.file = sock, None
                return client.getreply()
            client._get_socket = lambda *_address: sock
            try:
                return call.wrapped(*args, **kwargs)
            finally:
                del client._get_socket

        replayed = Invocation(connect, client, call.args, call.kwargs)
        return (yield from self.converse(replayed, client, command, connects=True))

    def _command(self, line: Callable[..., str], call: Invocation) -> Flow[Any]:
        return (
            yield from self.converse(
                call, call.instance, lambda: of_line(line(call.instance, *call.args, **call.kwargs))
            )
        )

    def _sendmail(self, call: Invocation) -> Flow[Any]:
        call = _read_once(call)
        if talk_of(call.instance) is None and self.connected(call.instance):
            yield call.instance.ehlo_or_helo_if_needed

        def command(
            from_addr: str, to_addrs: Any, msg: Any, mail_options: Any = (), rcpt_options: Any = ()
        ) -> MailCommand:
            return MailCommand(
                SEND,
                sender=str(from_addr),
                recipients=as_list(to_addrs),
                options=[str(option) for option in mail_options],
                recipient_options=[str(option) for option in rcpt_options],
                message=_sent(msg),
            )

        return (yield from self.converse(call, call.instance, lambda: command(*call.args, **call.kwargs)))

    def _data(self, call: Invocation) -> Flow[Any]:
        def command(msg: Any) -> MailCommand:
            return MailCommand("DATA", message=_sent(msg))

        return (yield from self.converse(call, call.instance, lambda: command(*call.args, **call.kwargs)))

    def _auth(self, call: Invocation) -> Flow[Any]:
        def seen_by_app(
            mechanism: Any, authobject: Callable[..., Any], **named: Any
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            def answered(*challenge: Any) -> Any:
                with ports.outside(), speaking(None):  # it may ask somebody else for a token
                    return authobject(*challenge)

            return (mechanism, answered), named

        args, kwargs = seen_by_app(*call.args, **call.kwargs)
        asked = Invocation(call.wrapped, call.instance, args, kwargs)
        return (yield from self.converse(asked, call.instance, lambda: of_line(f"AUTH {args[0]}")))

    def _starttls(self, call: Invocation) -> Flow[Any]:
        client = call.instance
        if talk_of(client) is None and self.connected(client):
            yield client.ehlo_or_helo_if_needed
        if not client.has_extn("starttls"):
            return (yield call.proceed)  # nothing is asked
        if self.replays() and talk_of(client) is None:
            call = Invocation(call.wrapped, client, (), {"context": ReplayedContext()})
        return (yield from self.converse(call, client, lambda: MailCommand("STARTTLS")))

    # what is sent and read

    def _send(self, wrapped: Wrapped, client: Any, args: Args, kwargs: Keywords) -> Any:
        talk = talk_of(client)
        if talk is None:
            note(self._by_hand, client, args, kwargs)
            return wrapped(*args, **kwargs)
        try:
            return wrapped(*args, **kwargs)
        except OSError as error:
            if not talk.replayed:
                note(talk.broke, error)
            raise

    def _by_hand(self, client: Any, args: Args, kwargs: Keywords) -> None:
        self.settle(client, replayed=self.replays())
        if ports.current() is None:
            return
        said = self._said.setdefault(client, deque(maxlen=_MAX_SAID))
        said.append(args[0] if args else kwargs["s"])

    def _getreply(self, wrapped: Wrapped, client: Any, args: Args, kwargs: Keywords) -> Any:
        talk = talk_of(client)
        if talk is None:
            said = self._said.get(client)
            if not said or ports.current() is None:
                return wrapped(*args, **kwargs)
            line = said.popleft()
            call = Invocation(partial(self._getreply, wrapped, client, (), {}), client, (), {})
            return run(self.converse(call, client, lambda: _of_data(line)), None if self.replays() else call)
        if not talk.replayed:
            try:
                reply = wrapped(*args, **kwargs)
            except BaseException as error:
                note(talk.broke, error)
                raise
            note(talk.came, *reply)
            return reply
        reply = talk.next()
        if isinstance(reply, Failure):
            client.close()
            raise exceptions.rebuild(reply, self.exception_classes())
        client.sock.feed(wire(*reply))
        return wrapped(*args, **kwargs)


def _smtplib() -> Any:
    return sys.modules["smtplib"]


def _with(verb: str, address: str, options: Any) -> str:
    return " ".join([verb + str(_smtplib().quoteaddr(address)), *map(str, options)])


def _sent(message: Any) -> bytes:
    """The mail with the ends of lines that smtplib gives it."""
    if isinstance(message, str):
        return as_bytes(_smtplib()._fix_eols(message))
    return as_bytes(message)


def _read_once(call: Invocation) -> Invocation:
    """The call with what can be iterated only once read."""
    if not any(hasattr(given, "__next__") for given in (*call.args, *call.kwargs.values())):
        return call
    args = tuple(list(given) if hasattr(given, "__next__") else given for given in call.args)
    kwargs = {
        name: list(given) if hasattr(given, "__next__") else given for name, given in call.kwargs.items()
    }
    return Invocation(call.wrapped, call.instance, args, kwargs)


def _of_data(line: Any) -> MailCommand:
    """What was sent by hand: a command, or a whole mail."""
    data = as_bytes(line)
    if data.endswith(b"\r\n.\r\n"):
        return MailCommand("DATA", message=data[:-3].replace(b"\r\n..", b"\r\n."))
    return of_line(data)


def _address(client: Any) -> tuple[str, int]:
    known = _servers.get(client)
    if known is not None:
        return known
    try:
        host, port = client.sock.getpeername()[:2]
    except (AttributeError, OSError, ValueError):
        return str(getattr(client, "_host", "") or ""), 0
    return str(host), int(port)


def _asked_address(
    client: Any, host: Any = "localhost", port: Any = 0, *_more: Any, **_named: Any
) -> tuple[str, int]:
    """Host and port as ``connect`` reads its arguments; the path of a socket has no port."""
    host = str(host)
    if host.startswith("/"):
        return host, 0
    if not port and host.count(":") == 1:
        name, _, digits = host.partition(":")
        if digits.isdigit():
            host, port = name, int(digits)
    return host, int(port or client.default_port)
