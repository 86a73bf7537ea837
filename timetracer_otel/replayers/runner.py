"""Replaying cassettes against an application in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from opentelemetry import trace as otel_trace
from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts
from opentelemetry.sdk.trace import TracerProvider

from timetracer_otel import integrations, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison import Threshold
from timetracer_otel.config import Settings
from timetracer_otel.errors import (
    CassetteError,
    CassetteFormatError,
    CassetteNotFound,
    CodecError,
)
from timetracer_otel.messages import HttpRequest, Request
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers import guard, livetree
from timetracer_otel.replayers.applications import Client, import_app, make_client
from timetracer_otel.replayers.drawing import importing
from timetracer_otel.replayers.elsewhere import Elsewhere
from timetracer_otel.replayers.faults import Faults
from timetracer_otel.replayers.options import ReplayOptions, with_headers
from timetracer_otel.replayers.process import each
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.topics import ConsumerClient
from timetracer_otel.replayers.updating import update
from timetracer_otel.replayers.verdict import Ended, Verdict, judge
from timetracer_otel.sampling import RecordOnly

_DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_SLOW_AGAIN: Final = 2
"""How often more a replay is done that was only too slow."""


def replay_in_process(
    app: str,
    paths: Sequence[Path],
    settings: Settings,
    *,
    factory: bool = False,
    headers: Sequence[tuple[str, str]] = (),
    select: Callable[[Cassette], bool] | None = None,
    threshold: Threshold | None = None,
    update: bool = False,
) -> Generator[Verdict, None, None]:
    """Send each recorded request to the app and judge what it does; one verdict as each is done.

    Args:
        app: ``module:attribute`` of an ASGI or WSGI application, a Celery application, a gRPC server or a
            function that consumes messages, or the module of a Django project's settings; imported after
            the shims are in place.
        paths: cassette files and folders.
        settings: see :mod:`timetracer_otel.config`.
        factory: the attribute is a function that makes the application.
        headers: sent in place of the recorded ones of that name (credentials that were masked).
        select: which cassettes; all by default.
        threshold: how much slower than recorded is too slow; by default no time is.
        update: what is different is accepted: the live outcome replaces the cassette.

    Raises:
        CassetteError: there are no cassettes, or one cannot be read.
        ApplicationError: the app cannot be imported or started.
    """
    work = plan(paths, select)
    options = ReplayOptions(tuple(headers), threshold, update)
    with InProcess(app, work.outside, settings, options, factory=factory, places=paths) as replayer:
        for path in work.chosen:
            yield replayer.replay(path)


class InProcess:
    """Replays cassettes one after the other against an application in this process.

    Use it as a context manager; the application runs within.

    Args:
        app: as for :func:`replay_in_process`.
        outside: cassettes of calls made outside requests.
        settings: see :mod:`timetracer_otel.config`.
        options: how to send and to judge.
        factory: the attribute is a function that makes the application.
        places: files and folders of the cassettes, for what one lacks and another has.
    """

    def __init__(
        self,
        app: str,
        outside: Sequence[Path],
        settings: Settings,
        options: ReplayOptions,
        *,
        factory: bool = False,
        places: Sequence[Path] = (),
    ) -> None:
        self._elsewhere = Elsewhere(places)
        self._app = app
        self._factory = factory
        self.settings = settings
        """May be others for the next cassette."""
        self._options = options
        self._faults = Faults.from_settings(settings)
        recorded_outside = [Cassette.load(path) for path in outside]
        self._process = Session(recorded_outside, settings, reuse=True, faults=Faults(()))
        self._redactor = Redactor.from_settings(settings)
        self._block = ExitStack()
        self._client: Client

    def __enter__(self) -> Self:
        prepare_process()
        before = ports.set_process_ports(self._process, None)
        self._block.callback(ports.set_process_ports, *before)
        try:
            with importing(self._process.cassettes):
                app = import_app(self._app, factory=self._factory)
            self._client = make_client(app)
            self._client.__enter__()
            self._block.push(self._client)
        except BaseException:
            self._block.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.close()

    def check_faults(self, paths: Sequence[Path]) -> None:
        """Refuse a fault that the recorded calls cannot come to before anything is replayed.

        Args:
            paths: the cassettes that are to be replayed.

        Raises:
            ConfigurationError: it names the fault, and what is possible.
        """
        for path in paths if self._faults.all else ():
            # one that cannot be read has its verdict when its turn comes
            with suppress(CassetteError, CodecError):
                cassette = Cassette.load(path)
                if cassette.inbound_family == self._client.family:
                    self._faults.check(cassette.calls(), loaded_only=True)

    def replay(self, path: Path) -> Verdict:
        """The verdict on one cassette.

        Raises:
            CassetteError: it cannot be read.
        """
        verdict = self._replay(path)
        for _ in range(_SLOW_AGAIN if self._repeatable else 0):
            failing = [one.kind for one in verdict.findings if one.fails]
            if not failing or any(kind != "slower" for kind in failing):
                break
            # what was slow once (the first request, a busy machine) is not what the app is
            verdict = self._replay(path)
        return verdict

    @property
    def _repeatable(self) -> bool:
        """Nothing is reached by a replay, so that it can be done again."""
        settings = self.settings
        return not settings.live_plugins and not settings.mock_plugins and not settings.misses_go_out

    def _replay(self, path: Path) -> Verdict:
        cassette = Cassette.load(path)
        try:
            recorded = cassette.inbound_message
            if recorded is not None and cassette.inbound_family != self._client.family:
                return of_another_kind(cassette, path, self._app, self._client.family)
            cassette.read_messages()
            session = Session(
                [cassette],
                self.settings,
                fallback=self._process,
                faults=self._faults,
                elsewhere=self._elsewhere,
            )
            if self._faults.all:
                self._faults.check(cassette.calls())
        except CodecError as error:
            return broken(cassette, path, error)
        if recorded is None:
            raise CassetteFormatError(f"{path}: it holds no request to replay any more")
        message: Request = recorded
        if isinstance(recorded, HttpRequest):
            message = with_headers(recorded, self._options.headers)
            session.received(message)
        began = time.perf_counter_ns()
        answer = self._client.send(message, session)
        took = time.perf_counter_ns() - began - int(answer.waited * 1e9)
        ended = Ended(answer.response, answer.raised, took / 1e9, began)
        verdict = judge(session, str(path), ended, self._redactor, self._options.threshold)
        if self._options.update:
            update(verdict, session, ended, self._redactor)
        session.close()
        return verdict


class Plan(NamedTuple):
    """What there is to replay.

    Attributes:
        outside: where the cassettes of calls made outside requests are.
        chosen: where those are that hold a request, as they were recorded.
        places: the files and folders that were looked through.
    """

    outside: list[Path]
    chosen: list[Path]
    places: list[Path]


def plan(paths: Sequence[Path], select: Callable[[Cassette], bool] | None = None) -> Plan:
    """Look through files and folders, one cassette in memory at a time.

    Args:
        paths: files and folders.
        select: which of those with a request; all by default.

    Raises:
        CassetteError: there are none to replay, or one cannot be read.
    """
    outside: list[tuple[int, Path]] = []
    chosen: list[tuple[int, Path]] = []
    passed_over = 0
    for path, cassette in each(*paths):
        if cassette.inbound_message is None:
            outside.append((cassette.started, path))
        elif select is None or select(cassette):
            chosen.append((cassette.started, path))
        else:
            passed_over += 1
    if passed_over and not chosen:
        if passed_over == 1:
            raise CassetteNotFound("the one cassette with an inbound request is not among those asked for")
        raise CassetteNotFound(
            f"none of the {passed_over} cassettes with an inbound request is among those asked for"
        )
    if not chosen:
        raise CassetteNotFound("none of the cassettes holds an inbound request to replay")
    return Plan([path for _, path in sorted(outside)], [path for _, path in sorted(chosen)], list(paths))


def broken(cassette: Cassette, path: Path, error: Exception | str) -> Verdict:
    """The verdict on a cassette that cannot be replayed."""
    said = [f"it cannot be replayed: {error}"]
    return Verdict(title=cassette.title, path=str(path), outcome="error", differences=said)


def of_another_kind(cassette: Cassette, path: Path, app: str, takes: str) -> Verdict:
    """The verdict on a cassette that is not for this app.

    Args:
        cassette: of another kind.
        path: where it is.
        app: as it was given.
        takes: the family of messages that it takes.
    """
    why = f"{app} takes {takes}, and this is {cassette.inbound_family}"
    if takes == ConsumerClient.family and isinstance(cassette.inbound_message, HttpRequest):
        why += "; is it a function that makes the application (--factory)?"
    verdict = broken(cassette, path, why)
    verdict.other_kind = True
    return verdict


def prepare_process() -> None:
    """Shims, guard and standard instrumentations, in place before the app is imported."""
    provider = otel_trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        provider = TracerProvider(sampler=RecordOnly(ALWAYS_ON, everything=True), shutdown_on_exit=False)
        otel_trace.set_tracer_provider(provider)
    livetree.watch(provider)
    integrations.install()
    guard.install()
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if entry_point.name in disabled or "*" in disabled:
            continue  # as under the launcher
        if entry_point.dist is not None and get_dist_dependency_conflicts(entry_point.dist):
            continue
        # an instrumentation that does not work here draws no spans: the calls are answered all the same
        with suppress(Exception):
            entry_point.load()().instrument(skip_dep_check=True)
