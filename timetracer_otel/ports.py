"""The two narrow ports between integrations and whoever stands behind them.

An integration sees a call and asks :func:`current` for a :class:`Port`: the recorder when the
process records, a replay session when this context replays, nobody when neither. It says
``begin`` and gets an :class:`Exchange`: either the recorded answer to give, or leave to make the
call and to report its answer with ``finish``.

A framework integration sees a request come in and asks :func:`entry_port` in the same way.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse, Request

logger = logging.getLogger("timetracer_otel")


class Caller(Protocol):
    """What a port needs to know of the integration that calls it."""

    name: ClassVar[str]
    family: ClassVar[str]
    scopes: ClassVar[tuple[str, ...]]


class Exchange(Protocol):
    """One dependency call in progress. Entered around the live call, if one is made."""

    recorded: Answer | Failure | None
    """The answer to give instead of making the call; ``None``: make it."""

    def __enter__(self) -> Exchange: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def finish(self, answer: Answer | Failure | None) -> None:
        """Report the live call's answer, once; ``None`` when it cannot be had (a gap).

        May come long after the call returned: a stream's answer is known when it was read.
        """
        ...

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        """The answer is being read.

        Args:
            so_far: what there is of it; asked, in another thread, when it is no longer waited for.
        """
        ...

    def gap(self, kind: str, detail: str) -> None:
        """List something of this call that could not be recorded."""
        ...


def delay_of(exchange: Exchange) -> float:
    """Seconds that a replay waits before it gives the recorded answer, as it was told to."""
    seconds: float = getattr(exchange, "delay", 0.0)
    return seconds


class Port(Protocol):
    """Records exchanges, or answers them."""

    body_limit: int
    """Bytes kept of one body; more is a gap."""
    replaying: bool
    """True for a replay session, false for the recorder."""
    pace: bool
    """In replay: wait between the pieces of a stream as long as the recorded one did."""

    def live(self, caller: Caller) -> bool:
        """True when that integration's calls really go out: always when recording, and in a
        hybrid replay. Where it is false no connection may be opened.
        """
        ...

    def begin(self, caller: Caller, request: Request, span: Any = None) -> Exchange:
        """Start one dependency call.

        Args:
            caller: the integration that saw it.
            request: what is asked, safe from later changes by the app.
            span: the call's OpenTelemetry span where it is not the current one.

        Raises:
            MissError: in replay, when no recorded call answers this one.
        """
        ...

    def recorded_requests(self, caller: Caller) -> Iterable[Request]:
        """In replay, what that integration asked when it was recorded, in order: what a client
        learned of its server travels there. Nothing when recording.
        """
        ...

    def pending_requests(self, caller: Caller) -> Iterable[Request]:
        """In replay, what that integration asked here (in this task or thread) when it was recorded
        and was not asked again yet, in order. Nothing when recording.
        """
        ...

    async def await_cancellation(self, title: str) -> None:
        """In replay, a call that was cancelled when it was recorded waits here to be cancelled again.

        Raises:
            ReplayError: nobody does.
        """
        ...

    def new_lane(self) -> Any:
        """A token for work about to start in another thread (see :mod:`timetracer_otel.lanes`)."""
        ...

    def lost(self, where: str, why: str) -> None:
        """Something of ours failed here: list it as a gap of the recording under way, if there is one.

        Args:
            where: what failed.
            why: the class of the exception; its text may hold what is not to be written down.
        """
        ...


class Entry(Protocol):
    """One inbound request in progress."""

    def start(self, body: bytes | None) -> HttpResponse | None:
        """Begin serving; a response to send instead of asking the app, or ``None``.

        Args:
            body: the whole body where :attr:`EntryPort.wants_body`, else ``None``.
        """
        ...

    def request_body(self, chunk: bytes) -> None:
        """The app (or the server) has read this much of the request's body."""
        ...

    def request_ended(self) -> None:
        """The app has read the request's body to its end."""
        ...

    def routed(self, route: str) -> None:
        """The framework found this route template for the request."""
        ...

    def response_started(self, response: HttpResponse) -> None:
        """The app sent status and headers."""
        ...

    def response_body(self, chunk: bytes) -> None:
        """The app sent this piece of the response's body."""
        ...

    def response_ended(self) -> None:
        """The app sent the last piece."""
        ...

    def failed(self, error: BaseException) -> None:
        """The app raised instead of, or after, answering."""
        ...

    def close(self) -> None:
        """The request is over: the app's call returned."""
        ...

    def activate(self) -> contextlib.AbstractContextManager[None]:
        """Make this entry the one that work in this context belongs to."""
        ...


class Inbound(Protocol):
    """One inbound message that is no HTTP request, in progress: a task, a message of a topic, an RPC."""

    def activate(self) -> contextlib.AbstractContextManager[None]:
        """Make this the entry that work in this context belongs to."""
        ...

    def answered(self, answer: Answer) -> None:
        """What came of it."""
        ...

    def failed(self, error: BaseException) -> None:
        """The app raised this; there may be an answer beside it."""
        ...

    def gap(self, kind: str, detail: str) -> None:
        """List something of it that could not be recorded."""
        ...

    def close(self) -> None:
        """The app is done with it."""
        ...


class Startup(Protocol):
    """An app that starts up."""

    def activate(self) -> contextlib.AbstractContextManager[None]:
        """Make calls in this context part of the start-up."""
        ...

    def done(self) -> None:
        """The app is ready, or failed to become so."""
        ...


class EntryPort(Protocol):
    """Takes inbound requests."""

    wants_body: bool
    """True when the whole request body is needed before the app may run."""

    def open(self, framework: str, head: HttpRequest, route: str | None, *, traced: bool) -> Entry | None:
        """A request came in; ``None`` when nobody wants it.

        Args:
            framework: ``fastapi``, ``flask``, ...
            head: the request without its body.
            route: the route template where the framework knows it already.
            traced: an OpenTelemetry instrumentation will open the SERVER span.
        """
        ...

    def receive(
        self, caller: Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> Inbound | None:
        """A message came in that is no HTTP request; ``None`` when nobody wants it.

        Args:
            caller: the integration that saw it.
            message: what was said; it may still grow until the entry is closed (a stream).
            traced: an OpenTelemetry instrumentation will open the CONSUMER or SERVER span.
            headers: where the trace context of the sender travels.

        Raises:
            MissError: in replay, when no cassette recorded such a message.
        """
        ...

    def deliver(
        self, caller: Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """In replay, the next recorded message for an app that fetches its messages; ``None`` when there
        is none within that time, and always while recording.

        Args:
            caller: the integration whose app fetches.
            accepts: whether a message is one that the app asked for.
            timeout: seconds to wait; ``None``: until there is one.
        """
        ...

    def startup(self, framework: str) -> Startup | None:
        """The app starts up (the ASGI lifespan): calls from here on belong to no request."""
        ...

    def stopping(self) -> None:
        """The server is about to end the process: write what is finished."""
        ...


session: ContextVar[Port | None] = ContextVar("timetracer_session", default=None)
"""The replay session of this context."""

_inside: ContextVar[bool] = ContextVar("timetracer_inside", default=False)
_entry: ContextVar[Entry | Inbound | Startup | None] = ContextVar("timetracer_entry", default=None)

_process_port: Port | None = None
_process_entry_port: EntryPort | None = None


def current() -> Port | None:
    """The port for a call made here and now; ``None`` when nobody records or replays it."""
    port = session.get() or _process_port
    return None if port is None or _inside.get() else port


def process_port() -> Port | None:
    """Who stands behind the port for the whole process."""
    return _process_port


def replays() -> bool:
    """True where calls are answered from cassettes: in this context, or in the whole process."""
    port = session.get() or _process_port
    return port is not None and port.replaying


def entry_port() -> EntryPort | None:
    """The port for a request that comes in here; ``None`` inside one, or when off."""
    port = _process_entry_port
    return None if port is None or _entry.get() is not None else port


def set_process_ports(port: Port | None, entry: EntryPort | None) -> tuple[Port | None, EntryPort | None]:
    """Set who stands behind the ports for the whole process; returns who stood there."""
    global _process_port, _process_entry_port  # one process, one pair
    before = _process_port, _process_entry_port
    _process_port, _process_entry_port = port, entry
    return before


class _Place:
    """Whether work below is part of a call that is seen, or not. Never raises."""

    __slots__ = ("_token",)
    value: ClassVar[bool]

    def __enter__(self) -> None:
        try:
            self._token: Token[bool] | None = _inside.set(self.value)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._token = None
            report("recording a call", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._token is not None:
                _inside.reset(self._token)
        except Exception as problem:  # noqa: BLE001  # as above
            # a thread that stayed inside would record nothing more
            _inside.set(self._token is not None and self._token.old_value is True)
            report("recording a call", problem)


def leave(token: Token[bool]) -> None:
    """Back to where the work was part of what it was before. Never raises."""
    try:
        _inside.reset(token)
    except Exception as problem:  # noqa: BLE001  # as above
        _inside.set(token.old_value is True)
        report("recording a call", problem)


class inside(_Place):  # noqa: N801  # used like a function: ``with inside():``
    """Work below here is part of a call that is already seen: a driver under an ORM, say."""

    __slots__ = ()
    value = True


class outside(_Place):  # noqa: N801  # as above
    """Undo :class:`inside` for application code called back from within a call."""

    __slots__ = ()
    value = False


def is_inside() -> bool:
    """True within :func:`inside`."""
    return _inside.get()


class entered:  # noqa: N801  # as above
    """Make that inbound request, or start-up, the one this context serves."""

    __slots__ = ("_entry", "_token")

    def __init__(self, entry: Entry | Inbound | Startup) -> None:
        self._entry = entry

    def __enter__(self) -> None:
        self._token = _entry.set(self._entry)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _entry.reset(self._token)


def current_entry() -> Entry | Inbound | Startup | None:
    """The inbound request, or start-up, this context serves."""
    return _entry.get()


_reported: set[str] = set()
_failures: Counter[str] = Counter()


def report(where: str, error: BaseException | str) -> None:
    """Say once a place and kind that something of ours went wrong; never raises.

    It is counted each time (:func:`failures`), and listed as a gap of the recording under way here.
    """
    with contextlib.suppress(Exception):
        _failures[where] += 1
    with contextlib.suppress(Exception):
        key = f"{where}:{type(error).__name__}"
        if key not in _reported:
            _reported.add(key)
            text = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error
            logger.warning("timetracer-otel: %s: %s (the app is not affected; said once)", where, text)
            logger.debug("where that came from", exc_info=error if isinstance(error, BaseException) else None)
    with contextlib.suppress(Exception):
        if _process_port is not None:
            _process_port.lost(where, type(error).__name__ if isinstance(error, BaseException) else "")


def failures() -> dict[str, int]:
    """How often something of ours went wrong in this process, by place."""
    return dict(_failures)


def forget_failures() -> None:
    """Count from nothing, as a forked child does; what was said is not said again."""
    _failures.clear()
