"""What an app does with mail, three times: unwatched, recorded, and replayed with no server there."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import msgspec

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.services.mail import MailServer
from timetracer_otel.messages import Failure, MailCommand


class Run(msgspec.Struct):
    """What came of the three.

    Attributes:
        seen: what the app saw, the same each time.
        calls: what was recorded.
    """

    seen: Any
    calls: list[Recorded]

    @property
    def titles(self) -> list[str]:
        """What was asked."""
        return [call.asked.title() for call in self.calls]

    @property
    def replies(self) -> list[Any]:
        """What was answered: codes, or the name of what was raised."""
        found: list[Any] = []
        for call in self.calls:
            answer: Any = call.answered
            if isinstance(answer, Failure):
                found.append(answer.type_name)
            else:
                codes = [one.type_name if isinstance(one, Failure) else one[0] for one in answer.replies]
                found.append(codes)
        return found

    @property
    def asked(self) -> list[MailCommand]:
        """The requests."""
        return [call.asked for call in self.calls if isinstance(call.asked, MailCommand)]


class Runs:
    """Runs apps with the server; in a replay it is stopped, and names of hosts are not looked up."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self.server.port

    @property
    def context(self) -> ssl.SSLContext:
        """One that trusts the server."""
        return ssl.create_default_context(cafile=str(self.server.certificate))

    def __call__(self, app: Callable[[Runs], Any], **settings: Any) -> Run:
        """Run it three times; assert that all see the same.

        Args:
            app: gets this object; its result is compared as text.
            settings: of the port that records.
        """
        unwatched = self._seen(app)
        arrived = _said(self.server.mails)
        self.server.fresh()
        with using(RecordingPort(**settings)) as recording:
            recorded = self._seen(app)
        assert repr(recorded) == repr(unwatched)
        assert _said(self.server.mails) == arrived
        self.server.stop()
        try:
            with using(ReplayPort(recording.calls)) as replay, no_lookup():
                replayed = self._seen(app)
        finally:
            self.server.start()
            self.server.fresh()
        assert repr(replayed) == repr(recorded)
        assert [call.asked.title() for call in replay.unused] == []
        return Run(recorded, recording.calls)

    def _seen(self, app: Callable[[Runs], Any]) -> Any:
        result = app(self)
        return asyncio.run(result) if inspect.iscoroutine(result) else result


class no_lookup:  # noqa: N801  # used like a function
    """Within, the name of this host cannot be looked up, nor any other."""

    _NAMES = ("gethostbyaddr", "gethostbyname", "create_connection")

    def __enter__(self) -> None:
        self._were = {name: getattr(socket, name) for name in self._NAMES}
        for name in self._NAMES:
            setattr(socket, name, _refuse)

    def __exit__(self, *raised: object) -> None:
        for name, was in self._were.items():
            setattr(socket, name, was)


def _refuse(*_arguments: Any, **_named: Any) -> Any:
    raise AssertionError("a replay looks nothing up and connects to nothing")


def _said(mails: list[tuple[str, list[str], bytes]]) -> list[Any]:
    return [(sender, to, content.split(b"\r\n\r\n")[-1]) for sender, to, content in mails]


def letter(text: str = "Good morning ü", to: str = "ada@example.com", **headers: str) -> EmailMessage:
    """A mail with a text."""
    message = EmailMessage()
    message["From"] = "shop@example.com"
    message["To"] = to
    message["Subject"] = "Grüße ✓"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def raised(error: BaseException) -> Any:
    """An exception as an app may look at it."""
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [type(error), str(error), error.args, vars(error), None if behind is None else raised(behind)]


def attempt(call: Callable[[], Any]) -> Any:
    """What it gives, or raises."""
    try:
        return call()
    except Exception as error:  # what is asked
        return raised(error)


async def attempt_async(call: Any) -> Any:
    """What it gives, or raises."""
    try:
        return await call
    except Exception as error:  # what is asked
        return raised(error)
