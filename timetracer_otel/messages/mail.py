"""SMTP: a mail or another command, and what the server replied."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, ClassVar, Final, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import mime
from timetracer_otel.messages.base import Canonical, Failure
from timetracer_otel.span import Attributes, AttributeValue

SEND: Final = "SEND"
"""Stands for the commands of a whole mail: MAIL, RCPT for each recipient, and DATA."""
CONNECT: Final = "CONNECT"
"""Stands for the connection, which the server greets."""
HELLOS: Final = frozenset({"EHLO", "HELO", "LHLO"})
HANDSHAKES: Final = HELLOS | {CONNECT, "STARTTLS", "AUTH", "QUIT", "NOOP", "RSET"}
"""Commands that are about the connection, and say nothing of any mail."""
_READS: Final = HANDSHAKES | {"VRFY", "EXPN", "HELP"}
_WITH_MESSAGE: Final = frozenset({SEND, "DATA"})
_SIZE: Final = re.compile(r"\s*\bsize=\d+", re.IGNORECASE)
"""Of the ``MAIL`` command: it follows from the mail."""
_SHOWN: Final = 60
"""Characters of a subject in a title."""


class MailCommand(msgspec.Struct):
    """A whole mail, or one command.

    Attributes:
        verb: ``SEND`` for a whole mail, ``DATA`` for a message alone, ``CONNECT``, or as the protocol has it.
        argument: what follows the verb; of ``AUTH`` the mechanism only, for all else of it is secret.
        sender, recipients: the envelope of a whole mail.
        options, recipient_options: those of its ``MAIL`` and ``RCPT`` commands.
        message: the mail as it is sent; ``None`` where that was not recorded.
        server: host and port, or the path of a socket; "" where that is not known.
        extensions: what the server had answered to ``EHLO`` before, for a connection that is older than the
            recording.
    """

    verb: str
    argument: str = ""
    sender: str = ""
    recipients: list[str] = msgspec.field(default_factory=list)
    options: list[str] = msgspec.field(default_factory=list)
    recipient_options: list[str] = msgspec.field(default_factory=list)
    message: bytes | None = b""
    server: str = ""
    extensions: str | None = None

    family: ClassVar[str] = "smtp"

    @property
    def namespace(self) -> str:
        """The server: of two, the same one answers."""
        return self.server

    @property
    def carries(self) -> bool:
        """It has a message."""
        return self.verb in _WITH_MESSAGE

    def attributes(self) -> Attributes:
        """Payload attributes of the command."""
        data = {name: value for name, value in msgspec.structs.asdict(self).items() if value}
        data.pop("message", None)
        found: Attributes = {names.SMTP_COMMAND: values.dumps(data)}
        if self.carries and self.message is not None:
            found[names.SMTP_MESSAGE] = _text(self.message)
        return found

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The command that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: it is missing.
        """
        data = values.loads(str(attributes[names.SMTP_COMMAND]))
        if not isinstance(data, dict) or not isinstance(data.get("verb"), str):
            raise CodecError(f"{names.SMTP_COMMAND} names no command")
        carries = data["verb"] in _WITH_MESSAGE
        extensions = data.get("extensions")
        return cls(
            verb=data["verb"],
            argument=str(data.get("argument", "")),
            sender=str(data.get("sender", "")),
            recipients=_texts(data.get("recipients")),
            options=_texts(data.get("options")),
            recipient_options=_texts(data.get("recipient_options")),
            message=_bytes(attributes.get(names.SMTP_MESSAGE)) if carries else b"",
            server=str(data.get("server", "")),
            extensions=extensions if isinstance(extensions, str) else None,
        )

    def canonical(self) -> Canonical:
        """The envelope and what the mail says (:func:`.mime.canonical`); of other commands verb and argument.
        Which server it is, and what this host is called, is set aside.
        """
        form: Canonical = {"command": self.verb}
        if self.verb == SEND:
            form["sender"] = self.sender
            form["recipients"] = self.recipients
            form["options"] = [_SIZE.sub("", option) for option in self.options]
            form["recipient options"] = self.recipient_options
        elif self.verb not in HELLOS and self.verb != CONNECT:
            form["argument"] = _SIZE.sub("", self.argument)
        if self.carries:
            form |= {"headers": None, "body": None} if self.message is None else mime.canonical(self.message)
        return form

    def key(self) -> Hashable:
        """:meth:`canonical` as bytes."""
        return values.canonical(self.canonical())

    @property
    def subject(self) -> str:
        """Of its message; "" where it has none."""
        return mime.parse(self.message).header("subject") if self.message else ""

    def title(self) -> str:
        """``SEND to ada@example.com: Your order``; ``RCPT TO:<ada@example.com>``."""
        subject = self.subject
        subject = subject if len(subject) <= _SHOWN else subject[: _SHOWN - 3] + "..."
        if self.verb == SEND:
            to = f"{SEND} to {', '.join(self.recipients) or 'nobody'}"
            return f"{to}: {subject}" if subject else to
        if self.verb == CONNECT:
            return f"{CONNECT} {self.server}".rstrip()
        if self.verb in HELLOS:
            return self.verb  # the argument is what this host is called
        return f"{self.verb} {self.argument or subject}".rstrip()

    @property
    def writes(self) -> bool:
        """True for mails and for commands that are not known only to ask or to be about the connection."""
        return self.verb not in _READS

    def span_attributes(self) -> Attributes:
        """``server.address``, ``server.port``; ``rpc.method`` gives the span its name."""
        found: Attributes = {"network.protocol.name": "smtp", "rpc.method": f"SMTP {self.verb}"}
        host, colon, port = self.server.rpartition(":")
        if colon and port.isdigit():
            found |= {"server.address": host, "server.port": int(port)}
        elif self.server:
            found["server.address"] = self.server
        return found


class MailReply(msgspec.Struct):
    """What the server replied.

    Attributes:
        replies: in order, one for each command of the call: the code and its text, lines joined by newlines;
            a :class:`~timetracer_otel.messages.base.Failure` where there was none and the library went on.
    """

    replies: list[Any] = msgspec.field(default_factory=list)

    family: ClassVar[str] = "smtp"

    def attributes(self) -> Attributes:
        """Payload attributes of the replies."""
        plain = [{"failure": one.plain()} if isinstance(one, Failure) else one for one in self.replies]
        return {names.SMTP_REPLY: values.dumps(plain)}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The replies that those attributes carry.

        Raises:
            CodecError: they are malformed.
            KeyError: they are missing.
        """
        data = values.loads(str(attributes[names.SMTP_REPLY]))
        if not isinstance(data, list):
            raise CodecError(f"{names.SMTP_REPLY} is no list")
        return cls([_reply(one) for one in data])


def _reply(data: Any) -> Any:
    if isinstance(data, dict) and "failure" in data:
        return Failure.from_plain(data["failure"])
    if (
        isinstance(data, list)
        and len(data) == 2
        and type(data[0]) is int
        and -1 <= data[0] <= 999
        and isinstance(data[1], str | bytes)
    ):
        return data
    raise CodecError(f"{names.SMTP_REPLY} holds what is no code with its text")


def _texts(data: Any) -> list[str]:
    return [str(one) for one in data] if isinstance(data, list) else []


def _text(data: bytes) -> str | bytes:
    """Text as a string, else bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _bytes(value: AttributeValue) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None
