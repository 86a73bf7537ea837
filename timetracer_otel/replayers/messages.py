"""Inbound messages in replay that are no HTTP requests: tasks, messages of topics, RPCs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace

from timetracer_otel import ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.parts import differences
from timetracer_otel.errors import CodecError, MissError, ReplayError
from timetracer_otel.messages import Answer, HttpRequest, Request, label_of
from timetracer_otel.redaction import Redactor, masked_equal
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import afterwards
from timetracer_otel.replayers.verdict import Ended, compare_replay

logger = logging.getLogger("timetracer_otel.replay")


class Sessions(Protocol):
    """Makes the session that replays a cassette."""

    def session(self, cassette: Cassette) -> Session:
        """A session for one cassette."""
        ...


class RecordedMessages:
    """The cassettes that a message began. Safe to use from several threads.

    Args:
        redactor: masks a live message as the recorded one was.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._lock = threading.Lock()
        self._by_label: dict[tuple[str, str], list[Cassette]] = {}
        self._in_order: list[Cassette] = []
        self._served: dict[int, int] = {}

    def add(self, cassette: Cassette, message: Request) -> None:
        """One more, later than those before."""
        self._by_label.setdefault((message.family, label_of(message)), []).append(cassette)
        self._in_order.append(cassette)

    def find(self, message: Request) -> Cassette:
        """The cassette of a message like this one; of several the one served least.

        Raises:
            MissError: there is none; it says which is the nearest.
        """
        label = label_of(message)
        candidates = self._by_label.get((message.family, label), [])
        forms = [message, self._redactor.message(message, [])]
        equal = [cassette for cassette in candidates if any(_same(cassette, form) for form in forms)]
        if not equal:
            raise MissError(self._explain(label, candidates, forms[-1]))
        with self._lock:
            best = min(equal, key=lambda cassette: self._served.get(id(cassette), 0))
            self._note(best)
        return best

    def take(self, accepts: Callable[[Request], bool]) -> tuple[Cassette, Request] | None:
        """The first that was not served yet and is accepted; it is served now."""
        with self._lock:
            for cassette in self._in_order:
                message = None if self._served.get(id(cassette)) else cassette.inbound_message
                if message is not None and accepts(message):
                    self._note(cassette)
                    return cassette, message
        return None

    def _note(self, cassette: Cassette) -> None:
        self._served[id(cassette)] = self._served.get(id(cassette), 0) + 1

    def _explain(self, label: str, candidates: list[Cassette], message: Request) -> str:
        if not candidates:
            known = ", ".join(dict.fromkeys(name for _, name in self._by_label)) or "none"
            return f"no cassette recorded {label}; there are: {known[:300]}"
        live = message.canonical()
        recorded = [one.canonical() for one in map(_message, candidates) if one is not None]
        found = min((list(differences(form, live)) for form in recorded), key=len, default=[])
        shown = "; ".join(str(difference) for difference in found[:4])
        return f"no cassette recorded this {label}; the nearest differs in {shown}"


def _message(cassette: Cassette) -> Request | None:
    try:
        return cassette.inbound_message
    except CodecError:
        return None


def _same(cassette: Cassette, live: Request) -> bool:
    recorded = _message(cassette)
    if recorded is None:
        return False
    left, right = recorded.canonical(), live.canonical()
    if not getattr(live, "complete", True):  # a stream: what is to come is not known yet
        left.pop("body", None)
        right.pop("body", None)
    return masked_equal(left, right)


class ReplayedMessage:
    """One inbound message in replay; see :class:`~timetracer_otel.ports.Inbound`.

    Args:
        session: answers the calls made meanwhile.
        message: what came in.
        traced: an instrumentation opens the span; else one is opened, which no exporter need get.
        done: called when the app is done with it; the session is for whoever gave it to close.
    """

    def __init__(
        self, session: Session, message: Request, *, traced: bool, done: Callable[[ReplayedMessage], None]
    ) -> None:
        self.session = session
        self.message = message
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.threads: set[threading.Thread] = set()
        """Those of the server or consumer that worked on it."""
        self._done = done
        self._closed = False
        self._span: otel_trace.Span | None = None
        if not traced:  # the recorded tree had one here
            tracer = otel_trace.get_tracer("timetracer_otel")
            self._span = tracer.start_span(label_of(message), context=otel_context.Context())

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """Calls in this context are answered by the message's session."""
        self.threads.add(threading.current_thread())
        token = None
        with ports.entered(self), self.session.activate():
            if self._span is not None:
                token = otel_context.attach(otel_trace.set_span_in_context(self._span))
            try:
                yield
            finally:
                if token is not None:
                    otel_context.detach(token)

    def answered(self, answer: Answer) -> None:
        """What came of it."""
        self.answer = answer

    def failed(self, error: BaseException) -> None:
        """What the app raised."""
        self.error = error

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to note."""

    def close(self) -> None:
        """The app is done with it; again does nothing."""
        if not self._closed:
            self._closed = True
            if self._span is not None:
                self._span.end()
            self._done(self)


class InboundMessages:
    """Gives each message that comes in its session.

    Args:
        sessions: makes them.
        recorded: the cassettes there are.
        redactor: masks what came of a message as the recorded one was.
    """

    def __init__(
        self,
        sessions: Sessions,
        recorded: RecordedMessages,
        redactor: Redactor,
    ) -> None:
        self._sessions = sessions
        self._recorded = recorded
        self._redactor = redactor
        self._given: dict[int, tuple[Cassette, Request]] = {}

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """A message came in; see :class:`~timetracer_otel.ports.EntryPort`."""
        given = self._given.pop(id(message), None)
        cassette = given[0] if given is not None else self._recorded.find(message)
        try:
            session = self._sessions.session(cassette)
        except CodecError as error:
            raise ReplayError(f"the cassette of {cassette.title} cannot be replayed: {error}") from error
        return ReplayedMessage(session, message, traced=traced, done=self._judge_later)

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """The next message for an app that fetches; see :class:`~timetracer_otel.ports.EntryPort`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            found = self._recorded.take(accepts)
            if found is not None:
                self._given[id(found[1])] = found
                return found[1]
            left = 0.05 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(left, 0.01))

    def _judge_later(self, message: ReplayedMessage) -> None:
        afterwards(message.session, partial(self._judge, message))

    def _judge(self, message: ReplayedMessage) -> None:
        ended = Ended(message.answer, message.error)
        for finding in compare_replay(message.session, ended, self._redactor).findings:
            if finding.fails:
                logger.warning("%s: %s", label_of(message.message), finding.detail or finding.text)
        message.session.close()


class OneByOne:
    """Takes one message at a time, whose session is known; see :class:`~timetracer_otel.ports.EntryPort`.

    Args:
        done: called when the app is done with one.
    """

    wants_body = False

    def __init__(self, done: Callable[[ReplayedMessage], None]) -> None:
        self._done = done
        self.expected: Session | None = None
        """Of the message that is sent."""

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """The message that is expected."""
        session = self.expected
        if session is None or ports.session.get() is not None:
            return None
        return ReplayedMessage(session, message, traced=traced, done=self._done)

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """Nothing: what is sent is not fetched."""
        return None

    def open(
        self, framework: str, head: HttpRequest, route: str | None, *, traced: bool
    ) -> ports.Entry | None:
        """Nothing: no HTTP requests are sent here."""
        return None

    def startup(self, framework: str) -> ports.Startup | None:
        """Nothing of its own."""
        return None

    def stopping(self) -> None:
        """Nothing to write."""
