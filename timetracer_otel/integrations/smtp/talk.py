"""The replies of one call: as they come in, or as they were recorded."""

from __future__ import annotations

import base64
from collections import deque
from contextvars import ContextVar
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.messages import Failure, MailReply
from timetracer_otel.redaction import MASK

_CHALLENGE: Final = 334
_NO_SECRETS: Final = frozenset({"", "VXNlcm5hbWU6", "UGFzc3dvcmQ6", "VXNlciBOYW1lAA==", "UGFzc3dvcmQA"})
"""Challenges that are the same for everybody: ``Username:``, ``Password:``."""
_MASKED: Final = base64.b64encode(MASK.encode()).decode()


class Talk:
    """What is said in one call.

    Args:
        owner: the client that speaks.
        recorded: the replies to give; ``None`` where the server's own are noted.
    """

    __slots__ = ("_left", "error", "owner", "replayed", "replies")

    def __init__(self, owner: Any, recorded: list[Any] | None = None) -> None:
        self.owner = owner
        self.replies: list[Any] = []
        self.error: BaseException | None = None
        """What was raised in place of the last reply."""
        self._left = None if recorded is None else deque(recorded)
        self.replayed = recorded is not None
        """The replies are the recorded ones."""

    def came(self, code: int, text: str | bytes) -> None:
        """The server replied. A challenge is a secret, as is what answers it."""
        said = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
        if code == _CHALLENGE and said not in _NO_SECRETS:
            said = _MASKED
        try:
            said.encode()
        except UnicodeEncodeError:
            self.replies.append([code, said.encode("utf-8", "surrogateescape")])
        else:
            self.replies.append([code, said])

    def broke(self, error: BaseException) -> None:
        """There was no reply."""
        self.error = error
        self.replies.append(exceptions.describe(error))

    def next(self) -> tuple[int, bytes] | Failure:
        """The next recorded reply, or what was raised in its place.

        Raises:
            ReplayError: there was none.
        """
        if not self._left:
            raise ReplayError(
                "the app says more in this call than when it was recorded: the server's replies are used up;"
                " record again"
            )
        reply = self._left.popleft()
        self.replies.append(reply)
        if isinstance(reply, Failure):
            return reply
        code, text = reply
        return code, text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")

    def answer(self) -> MailReply:
        """The replies as a message."""
        return MailReply(self.replies)

    @property
    def challenged(self) -> bool:
        """The last reply asks for a secret."""
        last = self.replies[-1] if self.replies else None
        return isinstance(last, list) and last[0] == _CHALLENGE


_current: ContextVar[Talk | None] = ContextVar("timetracer_smtp_talk", default=None)


class speaking:  # noqa: N801  # used like a function: ``with speaking(talk):``
    """Replies within are those of that call; with ``None``, of no call that is under way."""

    __slots__ = ("_talk", "_token")

    def __init__(self, talk: Talk | None) -> None:
        self._talk = talk

    def __enter__(self) -> None:
        self._token = _current.set(self._talk)

    def __exit__(self, *raised: object) -> None:
        _current.reset(self._token)


def talk_of(owner: Any) -> Talk | None:
    """The call of that client that is under way here."""
    talk = _current.get()
    return talk if talk is not None and talk.owner is owner else None


def talk_here() -> Talk | None:
    """The call that is under way here, whoever's it is."""
    return _current.get()


def note(what: Any, *arguments: Any) -> None:
    """Have a talk note something; nothing of ours raises into the app."""
    try:
        what(*arguments)
    except Exception as error:  # noqa: BLE001  # as above
        ports.report("smtp: reading a reply", error)


def wire(code: int, text: bytes) -> bytes:
    """A reply as a server sends it; -1 stands for one without a code."""
    if code < 0:
        return b"... " + text + b"\r\n"
    *lines, last = text.split(b"\n")
    number = b"%03d" % code
    return b"".join(number + b"-" + line + b"\r\n" for line in lines) + number + b" " + last + b"\r\n"
