"""A process in replay: each inbound request is served from the cassette that recorded one like it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property, partial

from timetracer_otel import ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import CodecError, ConfigurationError
from timetracer_otel.messages import Canonical, HttpRequest, HttpResponse, Request
from timetracer_otel.messages.http import split_url
from timetracer_otel.messages.paths import path_excluded
from timetracer_otel.nondeterminism import StartReplayer, drawing_from
from timetracer_otel.redaction import Redactor, masked_equal
from timetracer_otel.replayers.elsewhere import Elsewhere
from timetracer_otel.replayers.faults import Faults
from timetracer_otel.replayers.linking import alike, inbound_form
from timetracer_otel.replayers.matching import RecordedCalls, differences
from timetracer_otel.replayers.messages import InboundMessages, RecordedMessages
from timetracer_otel.replayers.normalising import MAX_TRIED
from timetracer_otel.replayers.reporting import OWN_PATHS, WRONGLY_ASKED, CallReports, Expected, entry_name
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import afterwards
from timetracer_otel.replayers.verdict import Ended, call_differences
from timetracer_otel.volatile import shape

logger = logging.getLogger("timetracer_otel.replay")


class Recorded:
    """A cassette that answers inbound requests, and how often it has."""

    def __init__(self, cassette: Cassette, request: HttpRequest) -> None:
        self.cassette = cassette
        self.request = request
        self.canonical = without_host(request.canonical())
        self.served = 0

    def same_as(self, request: HttpRequest, live: Canonical) -> bool:
        """Method, path, query and body are equal; headers may differ (another client sends others).

        Args:
            request: the live request.
            live: its canonical form, masked and without host.
        """
        recorded = self.canonical
        body = self.request.body
        if not self.request.complete and (request.body or b"").startswith(body or b""):
            # the app read no further, so what follows made no difference
            recorded = {**recorded, "body": live["body"]}
        return masked_equal(_body_and_query(recorded), _body_and_query(live))


class CassetteLibrary:
    """Cassettes by the request they recorded. Safe to use from several threads.

    Args:
        cassettes: all there are; those without an inbound request form the pool of calls made
            outside requests.
        settings: see :mod:`timetracer_otel.config`.
        elsewhere: the store that they are of.
    """

    def __init__(
        self, cassettes: Sequence[Cassette], settings: Settings, elsewhere: Elsewhere | None = None
    ) -> None:
        self._elsewhere = elsewhere
        self._settings = settings
        self._redactor = Redactor.from_settings(settings)
        self.messages = RecordedMessages(self._redactor)
        """The cassettes that something else than an HTTP request began."""
        self._lock = threading.Lock()
        self._cassettes = list(cassettes)
        self._by_entry = {entry_name(cassette): cassette for cassette in self._cassettes}
        self._calls: dict[int, RecordedCalls] = {}
        self._by_target: dict[tuple[str, str], list[Recorded]] = {}
        outside: list[Cassette] = []
        for cassette in sorted(self._cassettes, key=lambda cassette: cassette.started):
            request = cassette.inbound_request or cassette.inbound_websocket
            message = None if request is not None else cassette.inbound_message
            if message is not None:
                self.messages.add(cassette, message)
            elif request is None:
                outside.append(cassette)
            else:
                self._by_target.setdefault(_target(request), []).append(Recorded(cassette, request))
        self.faults = Faults.from_settings(settings)
        """What goes wrong within requests."""
        self.process_session = Session(outside, settings, reuse=True, faults=Faults(()))

    def session(self, cassette: Cassette) -> Session:
        """A session for one cassette; calls recorded outside requests answer what it lacks."""
        recorded = self._calls.get(id(cassette))
        if recorded is None:
            recorded = self._calls.setdefault(id(cassette), RecordedCalls.of([cassette]))
        return Session(
            [cassette],
            self._settings,
            fallback=self.process_session,
            recorded=recorded,
            faults=self.faults,
            elsewhere=self._elsewhere,
        )

    def check_faults(self, cassette: Cassette) -> None:
        """Refuse faults that the libraries of its calls cannot come to; these are loaded.

        Raises:
            ConfigurationError: see there.
        """
        if self.faults.all:
            self.faults.check(cassette.calls())

    def inbound_messages(self) -> InboundMessages:
        """What gives inbound messages their sessions; see :class:`.InboundMessages`."""
        return InboundMessages(self, self.messages, self._redactor)

    def find(self, request: HttpRequest) -> Cassette | None:
        """The cassette of a request like this one: method, path, query and body are equal,
        headers most alike, and of several such the one served least. Where none is equal, ids and moments
        are set aside that the client makes anew each time.
        """
        forms = self._forms(request)
        equal = [
            recorded
            for recorded in self._at_target(request)
            if any(recorded.same_as(request, form) for form in forms)
        ] or self._alike(request)
        if not equal:
            return None
        with self._lock:
            best = min(equal, key=lambda recorded: (recorded.served, _unlike(recorded.canonical, forms[-1])))
            best.served += 1
        return best.cassette

    @cached_property
    def _by_shape(self) -> dict[Hashable, list[Recorded]]:
        found: dict[Hashable, list[Recorded]] = {}
        for group in self._by_target.values():
            for recorded in group:
                found.setdefault(_shape(recorded.request), []).append(recorded)
        return found

    def _alike(self, request: HttpRequest) -> list[Recorded]:
        """Those that are equal but for what looks volatile."""
        candidates = self._by_shape.get(_shape(request), ())[:MAX_TRIED]
        forms = self._messages(request) if candidates else []
        return [
            recorded
            for recorded in candidates
            if any(alike(recorded.cassette, recorded.request, form) for form in forms)
        ]

    def _at_target(self, request: HttpRequest) -> list[Recorded]:
        """Those of its method and path, in which a parameter may be masked: ``/shop;jsessionid=...``."""
        targets = dict.fromkeys(map(_target, self._messages(request) if ";" in request.url else [request]))
        return [recorded for target in targets for recorded in self._by_target.get(target, ())]

    def _at_like_path(self, request: HttpRequest) -> list[Recorded]:
        """Those whose path is equal but for ids."""
        wanted = shape(_path(request))[0]
        targets = [(method, path) for method, path in self._by_target if method == request.method]
        return [one for target in targets if shape(target[1])[0] == wanted for one in self._by_target[target]]

    def _forms(self, request: HttpRequest) -> list[Canonical]:
        return [without_host(message.canonical()) for message in self._messages(request)]

    def _messages(self, request: HttpRequest) -> list[HttpRequest]:
        """As it is, and masked: whether the recorded one was masked is not known."""
        masked = self._redactor.message(request, [])
        return [request] if masked is request else [request, masked]

    def excluded(self, request: HttpRequest) -> bool:
        """True for a path that is not recorded: it is for the app where no cassette has it, since the service
        is to say that it is up.
        """
        return not _path(request).startswith(OWN_PATHS) and path_excluded(
            request.url, self._settings.exclude_paths
        )

    def of(self, entry: str) -> Cassette | None:
        """The cassette whose entry has that trace and span id: ``4bf9...36/00f0...b7``."""
        return self._by_entry.get(entry)

    def explain(self, request: HttpRequest) -> str:
        """Why no cassette serves that request."""
        candidates = self._at_target(request) or self._at_like_path(request)
        target = f"{request.method} {_path(request)}"
        if not candidates:
            known = ", ".join(f"{method} {path}" for method, path in list(self._by_target)[:5])
            return f"no cassette recorded {target}; there are: {known or 'none'}"
        live = self._forms(request)[-1]
        live.pop("headers", None)
        nearest = min(
            (_body_and_query(recorded.canonical) for recorded in candidates),
            key=lambda recorded: len(list(differences(recorded, live))),
        )
        shown = "; ".join(str(difference) for difference in list(differences(nearest, live))[:4])
        return f"no cassette recorded this {target}; the nearest differs in {shown}"


class ReplayEntries:
    """Takes inbound requests while the process replays; see :class:`~timetracer_otel.ports.EntryPort`."""

    wants_body = True

    def __init__(
        self,
        library: CassetteLibrary,
        messages: InboundMessages | None = None,
        *,
        reports: CallReports | None = None,
    ) -> None:
        self.library = library
        self._reports = reports
        self._messages = library.inbound_messages()

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """A message came in; one that this context already replays is left alone.

        Raises:
            MissError: no cassette recorded such a message.
        """
        if ports.session.get() is not None:
            return None
        return self._messages.receive(caller, message, traced=traced, headers=headers)

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """The next recorded message; see :class:`~timetracer_otel.ports.EntryPort`."""
        return self._messages.deliver(caller, accepts, timeout)

    def open(
        self, framework: str, head: HttpRequest, route: str | None, *, traced: bool
    ) -> ports.Entry | None:
        """A request came in; one that this context already replays is left alone."""
        current = ports.session.get()
        return None if current is not None else ReplayedEntry(self.library, head, self._reports)

    def startup(self, framework: str) -> ports.Startup | None:
        """Calls of the start-up are answered by the process's own session."""
        values = self.library.process_session.starting()
        return None if values is None else ReplayedStartup(values)

    def stopping(self) -> None:
        """Nothing to write."""


class ReplayedStartup:
    """An app that starts up in replay; see :class:`~timetracer_otel.ports.Startup`."""

    def __init__(self, drawn: StartReplayer) -> None:
        self._drawn = drawn

    def activate(self) -> contextlib.AbstractContextManager[None]:
        """What it draws in this context is what was drawn then."""
        return drawing_from(self._drawn)

    def done(self) -> None:
        """Nothing to note."""


class ReplayedEntry:
    """One inbound request in replay; see :class:`~timetracer_otel.ports.Entry`."""

    def __init__(
        self, library: CassetteLibrary, head: HttpRequest, reports: CallReports | None = None
    ) -> None:
        self._library = library
        self._head = head
        self._reports = reports
        self._report: Expected | None = None
        self._ended = Ended()
        self._session: Session | None = None

    def start(self, body: bytes | None) -> HttpResponse | None:
        """Find the request's cassette; a 501 that explains itself when none can be replayed. What is asked of
        a path that is not recorded goes to the app without one.
        """
        self._head.body = body
        excluded = self._library.excluded(self._head)
        self._report = None if self._reports is None else self._reports.expected()
        cassette = None if self._report is None else self._library.of(self._report.entry)
        if excluded and cassette is not None and not _asks_for(cassette, _path(self._head)):
            # whoever looks whether the service is up does so between the requests that are announced
            self._report = cassette = None
        cassette = cassette or self._library.find(self._head)
        if cassette is None and excluded:
            return None
        if cassette is None and _path(self._head).startswith(OWN_PATHS):
            # whoever started the service asks whether it answers, and knows it by this
            return HttpResponse(
                501, [("content-type", "text/plain; charset=utf-8")], b"timetracer-otel: up\n"
            )
        if cassette is None:
            return _refusal(self._library.explain(self._head))
        try:
            self._library.check_faults(cassette)
            session = self._library.session(cassette)
            session.received(self._head)
        except ConfigurationError as error:
            return _refusal(str(error), WRONGLY_ASKED)
        except CodecError as error:
            return _refusal(f"the cassette of {cassette.title} cannot be replayed: {error}")
        self._session = session
        return None

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """Calls in this context are answered by the request's session."""
        session = self._session
        with ports.entered(self):
            if session is None:
                yield
            else:
                with session.activate():
                    yield

    def request_body(self, chunk: bytes) -> None:
        """Already whole."""

    def request_ended(self) -> None:
        """Already whole."""

    def routed(self, route: str) -> None:
        """Nothing to note."""

    def response_started(self, response: HttpResponse) -> None:
        """Note the status: whether an exception was swallowed is told by it."""
        self._ended.outcome = response

    def response_body(self, chunk: bytes) -> None:
        """Nothing to note."""

    def response_ended(self) -> None:
        """Nothing to note."""

    def failed(self, error: BaseException) -> None:
        """The app's own affair; misses are logged by :meth:`close`."""
        self._ended.raised = error

    def close(self) -> None:
        """Log what the request did otherwise than recorded."""
        if self._session is not None:
            afterwards(self._session, partial(self._judge, self._session))

    def _judge(self, session: Session) -> None:
        if self._reports is not None and self._report is not None:
            self._reports.write(self._report, session, self._ended)
        for line in call_differences(session):
            logger.warning("%s %s: %s", self._head.method, _path(self._head), line)
        session.close()


def _asks_for(cassette: Cassette, path: str) -> bool:
    request = cassette.inbound_request
    return request is not None and _path(request) == path


def _refusal(why: str, *headers: tuple[str, str]) -> HttpResponse:
    """What a request is answered that cannot be replayed."""
    text = f"timetracer-otel: {why}\n"
    logger.warning("%s", text.rstrip())
    return HttpResponse(501, [("content-type", "text/plain; charset=utf-8"), *headers], text.encode())


def without_host(canonical: Canonical) -> Canonical:
    """The canonical request without scheme and host: the service runs elsewhere in replay."""
    return {**canonical, "url": split_url(canonical["url"]).path}


def _body_and_query(canonical: Canonical) -> Canonical:
    return {key: value for key, value in canonical.items() if key != "headers"}


def _unlike(recorded: Canonical, live: Canonical) -> int:
    return sum(1 for _ in differences(recorded["headers"], live["headers"]))


def _shape(request: HttpRequest) -> Hashable:
    return shape(inbound_form(request))[0]


def _target(request: HttpRequest) -> tuple[str, str]:
    return request.method, _path(request)


def _path(request: HttpRequest) -> str:
    return split_url(request.url).path or "/"
