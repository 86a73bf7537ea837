"""What is said at the two ports: by integrations, and by whoever stands behind them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse, Request


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

    def pending_requests(self, caller: Caller, *, everywhere: bool = False) -> Iterable[Request]:
        """In replay, what that integration asked here (in this task or thread) when it was recorded
        and was not asked again yet, in order. Nothing when recording.

        Args:
            caller: the integration.
            everywhere: in all tasks and threads, and what may be answered again and again as well.
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
