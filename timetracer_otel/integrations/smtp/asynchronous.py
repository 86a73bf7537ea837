"""``aiosmtplib``: what an app asks its client for, and the protocol that speaks for it."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.smtp.conversation import MailLibrary, as_bytes, as_list, of_line
from timetracer_otel.integrations.smtp.talk import Talk, note, talk_here, talk_of, wire
from timetracer_otel.integrations.smtp.transports import ReplayedLoop, ReplayedTransport
from timetracer_otel.messages import Answer, Failure, MailCommand
from timetracer_otel.messages.mail import CONNECT, SEND

Wrapped = Callable[..., Any]
Args = tuple[Any, ...]
Keywords = dict[str, Any]


class AiosmtplibIntegration(MailLibrary):
    """Records and answers what a client is asked, ``send`` among it."""

    name: ClassVar[str] = "aiosmtplib"
    oldest = ("aiosmtplib>=3.0",)

    def __init__(self) -> None:
        super().__init__()
        self._clients: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        """References to the client of each protocol."""

    def points(self) -> Sequence[Point]:
        """The methods that ask, those of the protocol that send and read, and the name of this host."""
        handlers = {
            "SMTP._create_connection": self._connect,
            "SMTP.execute_command": self._command,
            "SMTP.sendmail": self._sendmail,
            "SMTP.data": self._data,
        }
        found = [Point("aiosmtplib.smtp", path, handler, True) for path, handler in handlers.items()]
        found += [
            Point("aiosmtplib.smtp", f"SMTP.auth_{name}", self._auth, True, optional=name == "xoauth2")
            for name in ("crammd5", "plain", "login", "xoauth2")
        ]
        return [
            *found,
            Point("aiosmtplib.protocol", "SMTPProtocol.start_tls", self._start_tls, True),
            Point("aiosmtplib.protocol", "SMTPProtocol.write", wrapper=self._write),
            Point("aiosmtplib.protocol", "SMTPProtocol.read_response", wrapper=self._read_response),
            Point("socket", "getfqdn", wrapper=self.host_name),
        ]

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What the client raises when something goes wrong with its connection."""
        name = "aiosmtplib.errors."
        lost = Failure(f"{name}SMTPServerDisconnected", ["Connection lost"])
        said = "Error connecting to localhost on port 25: [Errno 111] Connection refused"
        refused = Failure(f"{name}SMTPConnectError", [said])
        return {
            "timeout": Failure(f"{name}SMTPReadTimeoutError", ["Timed out waiting for server response"]),
            "connect timeout": Failure(
                f"{name}SMTPConnectTimeoutError", ["Timed out connecting to localhost on port 25"]
            ),
            "refused": refused,
            "connection error": refused,
            "reset": lost,
            "disconnected": lost,
        }

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Those of the library, and of the network."""
        own = exceptions.module_exceptions(sys.modules["aiosmtplib.errors"])
        # what a timeout was made of
        behind = exceptions.by_name(asyncio.CancelledError)
        return {**own, **behind, **super().exception_classes()}

    # the state of clients

    def connected(self, client: Any) -> bool:
        """True where there is a protocol with a transport."""
        return bool(client.is_connected)

    def settle(self, client: Any, *, replayed: bool) -> None:
        """A transport of the kind that is needed here."""
        transport, protocol = client.transport, client.protocol
        if transport is None or protocol is None or isinstance(transport, ReplayedTransport) is replayed:
            return
        if replayed:
            secure = transport.get_extra_info("sslcontext") is not None
            protocol.transport = client.transport = ReplayedTransport(protocol, real=transport, secure=secure)
        else:
            protocol.transport = client.transport = transport.real

    def break_off(self, client: Any, verb: str) -> None:
        """Closed."""
        client.close()

    def secure(self, client: Any) -> bool:
        """True where its transport has TLS."""
        return client.get_transport_info("sslcontext") is not None

    def server(self, client: Any) -> str:
        """Host and port, as the app asked for them."""
        if client.socket_path is not None:
            path = client.socket_path
            return path.decode("utf-8", "replace") if isinstance(path, bytes) else str(path)
        port = client.port or client._get_default_port()
        return f"{client.hostname or 'localhost'}:{port}"

    def extensions(self, client: Any) -> str | None:
        """As ``last_ehlo_response`` has it."""
        said = client.last_ehlo_response
        return None if said is None else str(said.message)

    # what is asked

    def _connect(self, call: Invocation) -> Flow[Any]:
        client = call.instance

        def command() -> MailCommand:
            return MailCommand(CONNECT, server=self.server(client))

        if self.replays() and client.loop is not None:
            loop, client.loop = client.loop, ReplayedLoop(client.loop)
            try:
                result = yield from self.converse(call, client, command, connects=True)
            finally:
                client.loop = loop
        else:
            result = yield from self.converse(call, client, command, connects=True)
        if client.protocol is not None:
            self._clients[client.protocol] = weakref.ref(client)
        return result

    def _command(self, call: Invocation) -> Flow[Any]:
        def line() -> MailCommand:
            return of_line(b" ".join(call.args))

        return (yield from self.converse(call, call.instance, line))

    def _auth(self, call: Invocation) -> Flow[Any]:
        client = call.instance
        mechanism = call.wrapped.__name__.removeprefix("auth_").replace("crammd5", "cram-md5")
        if talk_of(client) is None and self.connected(client):
            yield client._ehlo_or_helo_if_needed
        return (yield from self.converse(call, client, lambda: of_line(f"AUTH {mechanism}")))

    def _start_tls(self, call: Invocation) -> Flow[Any]:
        reference = self._clients.get(call.instance)
        client = None if reference is None else reference()
        if client is None:
            return (yield call.proceed)
        return (yield from self.converse(call, client, lambda: MailCommand("STARTTLS")))

    def _data(self, call: Invocation) -> Flow[Any]:
        client = call.instance

        def command(message: Any, **_named: Any) -> MailCommand:
            return MailCommand("DATA", message=_sent(message))

        if talk_of(client) is None and self.connected(client):
            yield client._ehlo_or_helo_if_needed
        return (yield from self.converse(call, client, lambda: command(*call.args, **call.kwargs)))

    def _sendmail(self, call: Invocation) -> Flow[Any]:
        client = call.instance

        def command(
            sender: Any,
            recipients: Any,
            message: Any,
            *,
            mail_options: Any = None,
            rcpt_options: Any = None,
            **_named: Any,
        ) -> MailCommand:
            return MailCommand(
                SEND,
                sender=str(sender),
                recipients=as_list(recipients),
                options=[str(option) for option in mail_options or ()],
                recipient_options=[str(option) for option in rcpt_options or ()],
                message=_sent(message),
            )

        if talk_of(client) is None and self.connected(client) and client.is_ehlo_or_helo_needed:
            yield client._ehlo_or_helo_if_needed
        call = _read_once(call)
        return (yield from self.converse(call, client, lambda: command(*call.args, **call.kwargs)))

    # what is sent and read

    def _write(self, wrapped: Wrapped, protocol: Any, args: Args, kwargs: Keywords) -> Any:
        talk = talk_here()
        note(_to_the_real_one, protocol, talk)
        try:
            return wrapped(*args, **kwargs)
        except Exception as error:
            if talk is not None and not talk.replayed:
                note(talk.broke, error)
            raise

    async def _read_response(self, wrapped: Wrapped, protocol: Any, args: Args, kwargs: Keywords) -> Any:
        talk = talk_here()
        if talk is None:
            return await wrapped(*args, **kwargs)
        if not talk.replayed:
            try:
                reply = await wrapped(*args, **kwargs)
            except BaseException as error:
                note(talk.broke, error)
                raise
            note(talk.came, *reply)
            return reply
        recorded = talk.next()
        if isinstance(recorded, Failure):
            raise exceptions.rebuild(recorded, self.exception_classes())
        protocol.data_received(wire(*recorded))
        return await wrapped(*args, **kwargs)


def _to_the_real_one(protocol: Any, talk: Talk | None) -> None:
    """A replay is over: its client speaks with a server again."""
    transport = protocol.transport
    live = talk is None or not talk.replayed
    if live and isinstance(transport, ReplayedTransport) and transport.real is not None:
        protocol.transport = transport.real


def _sent(message: Any) -> bytes:
    """The mail with the ends of lines that the protocol gives it."""
    found: bytes = sys.modules["aiosmtplib.protocol"].LINE_ENDINGS_REGEX.sub(b"\r\n", as_bytes(message))
    return found


def _read_once(call: Invocation) -> Invocation:
    """The call with what can be iterated only once read."""
    once = {name: list(given) for name, given in call.kwargs.items() if hasattr(given, "__next__")}
    return Invocation(call.wrapped, call.instance, call.args, {**call.kwargs, **once}) if once else call
