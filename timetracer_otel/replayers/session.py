"""A replay session: one cassette being replayed in one execution context."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace as otel_trace

from timetracer_otel import ports
from timetracer_otel.blocks import Arrivals
from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import ConfigurationError, MissError, ReplayError
from timetracer_otel.lanes import LaneTable
from timetracer_otel.messages import HttpRequest, Request
from timetracer_otel.nondeterminism import StartReplayer, drawing_from
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers import cookies
from timetracer_otel.replayers.answers import followed_answer
from timetracer_otel.replayers.beginnings import Beginnings, in_order
from timetracer_otel.replayers.caches import answered_elsewhere, held_by_caches, why_missed
from timetracer_otel.replayers.capture import Captured, folder_beside, recorded_in, save_copy, secrets_of
from timetracer_otel.replayers.drawing import is_startup, recorded_values
from timetracer_otel.replayers.elsewhere import Asker, Elsewhere
from timetracer_otel.replayers.exchanges import (
    CapturedExchange,
    DoubtfulExchange,
    LinkedExchange,
    LiveExchange,
    ReplayedExchange,
)
from timetracer_otel.replayers.faults import Fault, Faults
from timetracer_otel.replayers.linking import learn_inbound, made_by_chance
from timetracer_otel.replayers.livecalls import LiveCall, Outcome, UnderWay, is_live
from timetracer_otel.replayers.livetree import path_above
from timetracer_otel.replayers.matching import Grade, Match, Matcher, RecordedCalls
from timetracer_otel.replayers.pace import not_cancelled, seconds_before
from timetracer_otel.store import FolderStore
from timetracer_otel.volatile import Links, Rules

logger = logging.getLogger("timetracer_otel.replay")


class Session:
    """Answers the calls of one request from its cassette. Implements :class:`~timetracer_otel.ports.Port`.

    Args:
        cassettes: the recording; several are pooled (calls outside requests).
        settings: see :mod:`timetracer_otel.config`.
        fallback: asked when this session has no answer: calls recorded outside requests.
        reuse: recorded calls may be answered again and again.
        recorded: the calls of those cassettes, where they were read before.
        faults: what goes wrong; what the settings say by default.
        elsewhere: the other cassettes of the store, and what this run asked.
    """

    replaying = True

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        settings: Settings,
        *,
        fallback: Session | None = None,
        reuse: bool = False,
        recorded: RecordedCalls | None = None,
        faults: Faults | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.cassettes = in_order(cassettes) if reuse else list(cassettes)
        self.elsewhere = elsewhere
        self.asker = Asker(elsewhere, cassettes[0].title) if elsewhere and cassettes else None
        self._started = min((cassette.started for cassette in self.cassettes), default=0)
        self.settings = settings
        self.body_limit = 2**62  # what is recorded is given back whole
        self.pace = settings.replay_pace == "recorded"
        self.calls: list[LiveCall] = []
        self.faults = Faults.from_settings(settings) if faults is None else faults
        self.faulted: Counter[str] = Counter()
        """How often each fault happened here."""
        self._fallback = fallback
        self._live_matcher: Matcher | None = None
        self._reuse = reuse
        self._lanes = LaneTable()
        self._lock = threading.Lock()
        self.arrivals: Arrivals | None = None
        """The requests that come in, in a block that the whole process belongs to."""
        single = not reuse and len(self.cassettes) == 1
        self.drawn = recorded_values(self.cassettes[0], self._lanes.current) if single else None
        self.captured: list[Captured] = []
        self._came_in: HttpRequest | None = None
        self._recorded_ago = time.time_ns() - self._started
        self.captures: FolderStore | None = None
        """Where the copy with captured calls goes; beside the folder of cassettes by default."""
        self.captured_to: Path | None = None
        """That copy, once it is written."""
        self.on_cancellation: Callable[[], object] | None = None
        """Called, in any thread, when the last call waits to be cancelled as the recorded one was."""
        self.asking = UnderWay()
        """True while a call is asked that is not among ``calls`` yet."""
        self._recorded = recorded or RecordedCalls.of(self.cassettes)
        self._redactor = Redactor.from_settings(settings)
        self.links = Links(
            lambda: self._recorded.origins,
            recorded=self._started / 1e9,
            now=time.time(),
            by_chance=lambda: self._by_chance,
            clock=time.time if reuse else None,
        )
        """What became of the recorded values in this replay."""
        self.beginnings = Beginnings(self.cassettes if reuse else ())
        if fallback is not None and len(self.cassettes) == 1:
            fallback.beginnings.teach(self.links, self.cassettes[0])
        self.rules = Rules(settings.volatile)
        """What else may be anything."""
        self.matcher = Matcher(
            self._recorded, self._redactor, reuse=reuse, links=self.links, rules=self.rules
        )
        self.unchanged = Matcher(self._recorded, self._redactor, reuse=True) if reuse else self.matcher
        """For calls of requests that have recordings of their own: here no value may be another one."""

    def live(self, caller: ports.Caller) -> bool:
        """True for the integrations that a hybrid replay leaves live."""
        return is_live(self.settings, caller.name, caller.family)

    def begin(self, caller: ports.Caller, request: Request, span: Any = None) -> ports.Exchange:
        """Answer a call; see :class:`~timetracer_otel.ports.Port`.

        Raises:
            MissError: no recorded call answers it.
        """
        with self.asking:
            return self._begin(caller, request, span)

    def _begin(self, caller: ports.Caller, request: Request, span: Any) -> ports.Exchange:
        if self.live(caller):
            self._note(caller, request, Outcome.LIVE, None)
            return LiveExchange() if self._reuse else LinkedExchange(self, request, self._lanes.current())
        arrivals = self.arrivals
        if arrivals is not None and isinstance(request, HttpRequest) and arrivals.named(request):
            return LiveExchange()
        path = None
        if not self._reuse:
            path = path_above(span or otel_trace.get_current_span(), caller.scopes)
            path = self._recorded.path_of(path)
        lane = self._lanes.current()
        match = self.matcher.match(request, path, lane)
        if match is None and self._fallback is not None:
            match = self._fallback.unchanged.match(request, None, lane)
        if (
            match is None
            and arrivals is not None
            and isinstance(request, HttpRequest)
            and arrivals.possible(request)
        ):
            return DoubtfulExchange(self, arrivals, caller, request, path)
        fault = self.faults.of(caller.name, caller.family, request) if self.faults.all else None
        if fault is not None:
            return self._made_to_fail(caller, request, path, fault, match)
        if match is None:
            return self._missed(caller, request, path)
        answer = match.fresh_answer()
        if answer is None:
            raise self._miss(
                caller,
                request,
                f"{request.title()[:300]}: it was recorded, but its answer was not;"
                f" see the gaps of the cassette ({self._names()})",
                path,
            )
        self._note(caller, request, Outcome.ANSWERED, path, match.grade, match.call)
        cookies.note(answer)
        seconds = seconds_before(answer, match.call) if self.pace else 0.0
        return ReplayedExchange(followed_answer(answer, self.links), seconds)

    def _made_to_fail(
        self,
        caller: ports.Caller,
        request: Request,
        path: tuple[str, ...] | None,
        fault: Fault,
        match: Match | None,
    ) -> ports.Exchange:
        """A call that a fault is about; one that is tried again fails again, whatever was recorded."""
        recorded = None if match is None else match.fresh_answer()
        try:
            outcome = fault.outcome(caller, request, recorded)
        except ConfigurationError as error:
            raise self._miss(caller, request, str(error), path) from None
        if outcome is None:
            return self._missed(caller, request, path)
        with self._lock:
            self.faulted[fault.text] += 1
        grade, call = (None, None) if match is None else (match.grade, match.call)
        self._note(caller, request, Outcome.ANSWERED, path, grade, call)
        if outcome is recorded and not self._reuse:
            outcome = followed_answer(outcome, self.links)
        return ReplayedExchange(outcome, fault.seconds)

    def received(self, request: HttpRequest) -> None:
        """Take note of the request that came in, in place of the recorded one: what the app is given by it is
        known from here on.
        """
        self._came_in = request
        recorded = self.cassettes[0].inbound_request if self.cassettes else None
        if recorded is not None:
            self.links.inbound_seen = True
            if request != recorded:
                learn_inbound(self.links, recorded, request)

    @functools.cached_property
    def _by_chance(self) -> frozenset[str]:
        """Recorded values that are random though they look like digests."""
        return frozenset(text for cassette in self.cassettes for text in made_by_chance(cassette))

    def of_live(self, request: Request, lane: int) -> Call | None:
        """The recorded call that one which went out is.

        Args:
            request: what it asked, all of it.
            lane: the task or thread that called.
        """
        with self._lock:
            if self._live_matcher is None:
                self._live_matcher = Matcher(
                    RecordedCalls(
                        [
                            call
                            for call in self._recorded.calls
                            if is_live(self.settings, call.integration, call.family)
                        ]
                    ),
                    self._redactor,
                    links=self.links,
                    rules=self.rules,
                )
            matcher = self._live_matcher
        match = matcher.match(request, None, lane)
        return None if match is None else match.call

    def recorded_requests(self, caller: ports.Caller) -> Iterator[Request]:
        """What that integration asked when it was recorded, in order."""
        for call in self._recorded.calls:
            if call.integration == caller.name and call.request is not None:
                yield call.request
        if self._fallback is not None:
            yield from self._fallback.recorded_requests(caller)

    def pending_requests(self, caller: ports.Caller, *, everywhere: bool = False) -> Iterator[Request]:
        """What that integration asked in this lane, or in all, and was not asked again yet, in order."""
        lane = self._lanes.current()
        for call in self.matcher.unused():
            here = everywhere or call.lane == lane
            if here and call.integration == caller.name and call.request is not None:
                yield call.request
        if everywhere and self._fallback is not None:
            yield from self._fallback.recorded_requests(caller)

    def lost(self, where: str, why: str) -> None:
        """Nothing: this is no recording."""

    def new_lane(self) -> Any:
        """A lane for work about to start in another thread."""
        return self._lanes.new()

    async def await_cancellation(self, title: str) -> None:
        """Wait to be cancelled: as long as the recorded request took, and some seconds more.

        Raises:
            ReplayError: nobody did; it is listed among the misses.
        """
        # with calls still to come, it was something within the app that cancelled this one
        if self.on_cancellation is not None and not self.matcher.unused():
            self.on_cancellation()
        text = await not_cancelled(title, self.cassettes)
        with self._lock:
            call = next((call for call in reversed(self.calls) if call.title == title[:500]), None)
            if call is not None:
                call.outcome, call.explanation = Outcome.MISSED, text
        raise ReplayError(text)

    def starting(self) -> StartReplayer | None:
        """What an app that starts up draws its random values from: the first start-up that was recorded."""
        for cassette in self.cassettes:
            if is_startup(cassette):
                return recorded_values(cassette, self._lanes.current, StartReplayer)
        return None

    @contextlib.contextmanager
    def activate(self) -> Iterator[Session]:
        """Make this the session of the context."""
        token = ports.session.set(self)
        try:
            with drawing_from(self.drawn):
                yield self
        finally:
            ports.session.reset(token)

    def close(self) -> Path | None:
        """The replay is over: write a copy of the cassette if calls were captured; its path."""
        calls = self.take_captured()
        if not calls or len(self.cassettes) != 1:
            return None
        store = self.captures or FolderStore(folder_beside(recorded_in(self.settings)))
        self.captured_to = path = save_copy(
            self.cassettes[0], calls, self._redactor, self.secrets(calls), store
        )
        what = "1 captured call is" if len(calls) == 1 else f"{len(calls)} captured calls are"
        logger.warning("timetracer-otel: %s in %s", what, path)
        return path

    def secrets(self, captured: list[Captured]) -> set[str]:
        """What is masked in what the app was sent, in what it asked, and in the answers of captured calls."""
        with self._lock:
            asked = [call.request for call in self.calls]
        return secrets_of([self._came_in, *asked], captured, self._redactor)

    def take_captured(self) -> list[Captured]:
        """The calls that were captured; :meth:`close` will not write them."""
        with self._lock:
            calls, self.captured = self.captured, []
        return calls

    @property
    def recorded_calls(self) -> list[Call]:
        """The calls that were recorded, in order."""
        return self._recorded.calls

    @property
    def misses(self) -> list[LiveCall]:
        """Live calls that nothing recorded answered."""
        return [call for call in self.calls if call.outcome is Outcome.MISSED]

    @property
    def unused(self) -> list[Call]:
        """Recorded calls that did not happen, without those left live and those that a cache answered."""
        held = held_by_caches(self)
        return [
            call
            for call in self.matcher.unused()
            if id(call) not in held and not is_live(self.settings, call.integration, call.family)
        ]

    def miss(self, caller: ports.Caller, request: Request, path: tuple[str, ...] | None) -> MissError:
        """Note that nothing recorded answers a call; the error that says so."""
        text, elsewhere = why_missed(self, request, self._names())
        return self._miss(caller, request, text, path, elsewhere)

    def _missed(self, caller: ports.Caller, request: Request, path: tuple[str, ...] | None) -> ports.Exchange:
        if self.settings.on_miss == "elsewhere":
            given = answered_elsewhere(self, request)
            if given is not None:
                self._note(caller, request, Outcome.ANSWERED, path, Grade.ELSEWHERE, elsewhere=given.name)
                return ReplayedExchange(followed_answer(given.answer, self.links))
        error = self.miss(caller, request, path)
        if not self.settings.misses_go_out:
            raise error
        if self.settings.on_miss == "record":
            lane = self._lanes.current()
            captured = Captured(caller.name, caller.family, lane, request, None, self._recorded_ago)
            return CapturedExchange(self, captured)
        return LiveExchange()

    def _miss(
        self, caller: ports.Caller, request: Request, text: str, path: Any, elsewhere: str = ""
    ) -> MissError:
        self._note(caller, request, Outcome.MISSED, path, explanation=text, elsewhere=elsewhere)
        return MissError(text)

    def _names(self) -> str:
        names = [cassette.title for cassette in self.cassettes[:3]]
        return ", ".join(names) + (", ..." if len(self.cassettes) > 3 else "")

    def _note(
        self,
        caller: ports.Caller,
        request: Request,
        outcome: Outcome,
        path: tuple[str, ...] | None,
        grade: Grade | None = None,
        recorded: Call | None = None,
        explanation: str = "",
        elsewhere: str = "",
    ) -> None:
        call = LiveCall(caller.name, outcome, request, path, self._lanes.current(), grade=grade)
        call.recorded, call.explanation, call.elsewhere = recorded, explanation, elsewhere
        if self.asker is not None and outcome is not Outcome.MISSED:
            self.asker.asks(request, recorded)
        with self._lock:
            self.calls.append(call)
