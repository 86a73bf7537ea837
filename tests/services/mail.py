"""A mail server of our own: what it is told of an address or a mail says what goes wrong."""

from __future__ import annotations

import asyncio
import hmac
import ssl
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.services.certificates import write_certificate
from tests.services.ports import free_port

USER, PASSWORD = "ada", "correct-Horse-7battery"  # the server's own


class MailServer:
    """The server: runs in a thread of the tests' process.

    Addresses that begin with ``refused`` are, with 550, those with ``later`` with 451, and with ``closing``
    the server says 421. Mails that say ``spam`` are refused, at ``hang up`` the server does, and at ``never``
    it says nothing. Signing in needs :data:`USER` and :data:`PASSWORD`.

    Attributes:
        mails: what arrived: sender, recipients, content.
        connections: how many clients connected.
        held: set when a mail is left without an answer.
    """

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="mail-")
        self.certificate, key = write_certificate(Path(self._directory.name))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self.port, self.tls_port = free_port(), free_port()
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.connections = 0
        self.held = threading.Event()
        self._servers: list[asyncio.Server] = []
        self._open: set[_Protocol] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.start()

    @property
    def url(self) -> str:
        """Where it listens, with and without TLS, and the file with its certificate."""
        return f"127.0.0.1:{self.port},{self.tls_port},{self.certificate}"

    def fresh(self) -> None:
        """Forget what arrived."""
        self.mails, self.connections = [], 0
        self.held.clear()

    def start(self) -> None:
        """Listen."""

        async def listen() -> None:
            self._servers = [
                await self._loop.create_server(
                    lambda: _Protocol(self, self._context), "127.0.0.1", self.port
                ),
                await self._loop.create_server(
                    lambda: _Protocol(self, None), "127.0.0.1", self.tls_port, ssl=self._context
                ),
            ]

        self._do(listen())

    def stop(self) -> None:
        """Stop listening and end every connection."""

        async def end() -> None:
            servers, self._servers = self._servers, []
            for server in servers:
                server.close()
            for protocol in [*self._open]:
                protocol.abort()

        self._do(end())

    def remove(self) -> None:
        """Stop for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._directory.cleanup()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def opened(self, protocol: _Protocol) -> None:
        """A client connected."""
        self.connections += 1
        self._open.add(protocol)

    def closed(self, protocol: _Protocol) -> None:
        """A client is gone."""
        self._open.discard(protocol)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = _refusal(address)
        if refusal is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return refusal or "250 OK"

    async def handle_RCPT(  # noqa: N802  # as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = _refusal(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(  # noqa: N802  # as above
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.original_content or b""
        if b"spam" in content:
            return "554 5.7.1 no spam"
        if b"hang up" in content and isinstance(server, _Protocol):
            server.abort()
        if b"never" in content:
            self._server.held.set()
            await asyncio.Event().wait()
        self._server.mails.append((envelope.mail_from or "", envelope.rcpt_tos, content))
        return "250 2.0.0 queued"

    async def auth_CRAM__MD5(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802  # as above
        challenge = b"<1896.697170952@mail.example.com>"
        answer = await server.challenge_auth(challenge)
        if answer is MISSING or not isinstance(answer, bytes):
            return AuthResult(success=False, handled=False)
        user, _, digest = answer.decode().partition(" ")
        right = hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest()
        return AuthResult(success=user == USER and digest == right, handled=False)


class _Protocol(SMTP):
    def __init__(self, server: MailServer, context: ssl.SSLContext | None) -> None:
        super().__init__(
            _Handler(server),
            hostname="mail.example.com",
            ident="ready",
            tls_context=context,
            auth_require_tls=False,
            authenticator=_authenticated,
            enable_SMTPUTF8=True,
        )
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.opened(self)

    def abort(self) -> None:
        """End the connection at once."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.closed(self)
        super().connection_lost(error)


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    right = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


def _refusal(address: str) -> str | None:
    if address.startswith("refused"):
        return "550 5.1.1 no such user"
    if address.startswith("later"):
        return "451 4.7.1 try again later"
    if address.startswith("closing"):
        return "421 4.3.2 closing"
    return None
