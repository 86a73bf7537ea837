"""Recording and replaying from Python: in an OpenTelemetry setup, in a script, in a test."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import TracerProvider

from timetracer_otel import config, integrations, ports
from timetracer_otel.blocks import Arrivals
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import CassetteError, MissError
from timetracer_otel.exporters import ending
from timetracer_otel.exporters.block import BlockRecorder
from timetracer_otel.exporters.owners import Standing
from timetracer_otel.exporters.processor import tap
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.exporters.statistics import Statistics
from timetracer_otel.nondeterminism import ValueRecorder, drawing_from, set_process_source
from timetracer_otel.opening import open_store, store_for
from timetracer_otel.replayers import guard, livetree
from timetracer_otel.replayers.elsewhere import Elsewhere
from timetracer_otel.replayers.faults import Fault, Faults
from timetracer_otel.replayers.outside import recorded_beside
from timetracer_otel.replayers.process import start_replaying
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.starting import BlockEntries, startup_session
from timetracer_otel.steady import FileStore

__all__ = ["install", "record", "replay", "statistics", "uninstall"]


P = ParamSpec("P")
T = TypeVar("T")


def install() -> None:
    """Capture payloads: wrap every supported library, now or when it is imported.

    Order does not matter: before or after the OpenTelemetry instrumentors, before or after the
    libraries are imported. Calling it again does nothing.

    Where ``TIMETRACER_MODE`` is ``replay`` the process replays from here on, as below
    ``timetracer-otel replay``: each request that comes in is served from its cassette.

    Raises:
        ConfigurationError: in a replay, a setting is malformed.
        CassetteError: in a replay, the cassettes cannot be loaded.
    """
    if os.environ.get("TIMETRACER_MODE", "").strip().lower() == "replay" and not ports.replays():
        start_replaying(config.load(), otel_trace.get_tracer_provider())
    integrations.install()
    ending.install()


def uninstall() -> None:
    """Undo :func:`install`."""
    integrations.uninstall()
    ending.uninstall()


def statistics() -> Statistics | None:
    """What this process has written and lost so far; ``None`` where it does not record.

    For a health check or a metric, say. Processors, exporters and :class:`record` tell their own in the
    same way.
    """
    port = ports.process_port()
    return port.outbox.statistics() if isinstance(port, Recorder) else None


class record:  # noqa: N801  # used like a function: ``with record(...)``
    """Record everything that happens in a block as one cassette.

    ::

        with timetracer_otel.record("cassettes/", name="nightly import") as recording:
            run_import()
        print(recording.path)

    Works around any code, in ``with`` and in ``async with``, with no web framework and no
    OpenTelemetry set up. As a decorator of a function, asynchronous ones included, each call is a
    cassette of its own::

        @timetracer_otel.record("cassettes/", name="nightly import")
        def run_import() -> None: ...

    Args:
        dir: the store, a folder; ``TIMETRACER_DIR`` by default.
        name: the entry span's name.
        settings: everything else; read from the environment and pyproject.toml by default.
        file: the cassette itself, in place of a folder: what is there is replaced, unless it says the same.
            Made to be read in a review: one line for each thing, ids that stay.
        whole_process: everything that the process does meanwhile belongs to the block, also in threads and
            event loops that were started before, and requests that come in. For tests.

    Raises:
        ConfigurationError: a setting is malformed.
    """

    def __init__(
        self,
        dir: str | Path | None = None,  # noqa: A002  # the name of the setting
        *,
        name: str = "record",
        settings: Settings | None = None,
        file: str | Path | None = None,
        whole_process: bool = False,
    ) -> None:
        self.settings = settings if settings is not None else config.load()
        self.name = name
        self._dir = dir
        self._file = file
        self._whole_process = whole_process
        self._discarded = False
        self.path: Path | None = None
        """The cassette, once the block has ended."""
        provider = otel_trace.get_tracer_provider()
        # a process without OpenTelemetry stays without: the provider is ours alone
        self._provider = (
            provider if isinstance(provider, TracerProvider) else TracerProvider(shutdown_on_exit=False)
        )
        self.store = store_for(self.settings, dir) if file is None else FileStore(file, name)

    def __enter__(self) -> Self:
        integrations.install()
        kind = BlockRecorder if self._whole_process else Recorder
        self._recorder = kind(self.store, self.settings, self._provider)
        self._tap = tap(self._provider)
        self._recorder.exclusive = True
        self._tap.begin_block(self._recorder)
        self._standing = Standing(self._recorder)
        self._span = self._recorder.tracer().start_span(self.name, context=otel_context.Context())
        context = self._span.get_span_context()
        self._recording = self._recorder.assembler.find(context.trace_id, context.span_id)
        self._block = contextlib.ExitStack()
        if isinstance(self._recorder, BlockRecorder):
            self._recorder.begin_block(self._span, self.settings.app_hosts)
            self._standing.take_requests(self._recorder.arrivals)
            values = self._recorder.values
            self._block.callback(set_process_source, set_process_source(lambda: values))
            self._block.enter_context(self._recorder.join())
        else:
            self._standing.take_requests(self._recorder.requests)
            self._draw_values()
        return self

    def _draw_values(self) -> None:
        values = None
        if self._recording is not None:
            values = self._recording.values = ValueRecorder(self._recording.lanes.current)
        self._block.enter_context(drawing_from(values))
        token = otel_context.attach(otel_trace.set_span_in_context(self._span))
        self._block.callback(otel_context.detach, token)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.close()
        if isinstance(error, Exception):
            self._span.record_exception(error)
            self._span.set_status(otel_trace.StatusCode.ERROR, f"{type(error).__name__}: {error}")
        if self._recording is not None and self._discarded:
            self._recording.excluded = True
        self._span.end()
        self._standing.end()
        self._tap.end_block(self._recorder)
        if self._recording is not None and not self._discarded:
            path = self._recording.path
            try:
                self.path = None if path is None else self.store.local(path)
            except OSError as error:
                ports.report("fetching a cassette", error)

    def discard(self) -> None:
        """Write no cassette when the block ends: what is recorded is not what was wanted."""
        self._discarded = True

    def note(self, name: str, value: str | int) -> None:
        """Set an attribute of the entry span, once the block has begun."""
        self._span.set_attribute(name, value)

    @property
    def calls(self) -> int:
        """How many calls were made so far, once the block has begun."""
        return 0 if self._recording is None else self._recording.calls

    def statistics(self) -> Statistics:
        """What was written and lost, once the block has begun."""
        return self._recorder.outbox.statistics()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """The function, each call of it recorded.

        Raises:
            TypeError: it is a generator function, whose work is done after its call.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator: use 'with record(...)' around its use")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def recorded_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return recorded_coroutine  # type: ignore[return-value]  # a coroutine function, as it was

        @functools.wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> T:
            with self._again():
                return function(*args, **kwargs)

        return recorded

    def _again(self) -> record:
        """A block like this one: a function may call itself, or be called by several at once."""
        return record(
            self._dir,
            name=self.name,
            settings=self.settings,
            file=self._file,
            whole_process=self._whole_process,
        )


_blocks = threading.Lock()


def _unsampled(cassettes: Sequence[Cassette]) -> otel_trace.Span:
    """A parent that is not sampled, in the recorded trace: an app may answer its id, or send it on."""
    number = int(cassettes[0].entry.trace_id, 16) if len(cassettes) == 1 else 1
    context = otel_trace.SpanContext(number or 1, 1, is_remote=False, trace_flags=otel_trace.TraceFlags(0))
    return otel_trace.NonRecordingSpan(context)


class replay:  # noqa: N801  # used like a function: ``with replay(...)``
    """Answer every dependency call of a block from a cassette; refuse all other connections.

    ::

        with timetracer_otel.replay("cassette.json") as session:
            assert client.get("/orders/7").json() == {...}
        assert not session.unused

    Works around any code, in ``with`` and in ``async with``. Threads and tasks started within
    belong to it.

    Args:
        cassette: a file, or a folder whose cassettes answer together. With a file, what was recorded
            outside requests beside it answers as well: an app that starts within the block is told what it
            was told then, and draws what it drew.
        settings: everything else; read from the environment and pyproject.toml by default.
        whole_process: the block answers everything that the process does meanwhile, see :class:`record`.
        faults: what goes wrong: lines such as ``"http GET */rates: timeout"`` (docs/what-if.md).

    Raises:
        ConfigurationError: a setting or a fault is malformed.
        CassetteError: there is no such cassette, or it cannot be read.
        MissError: at the end of the block, when a call found no answer and the error it was given
            was swallowed.
    """

    def __init__(
        self,
        cassette: str | Path | Cassette,
        *,
        settings: Settings | None = None,
        whole_process: bool = False,
        faults: Iterable[Fault | str] = (),
    ) -> None:
        settings = settings if settings is not None else config.load()
        if isinstance(cassette, Cassette):
            cassettes = [cassette]
        else:
            settings = config.beside(settings, cassette)
            store = open_store(cassette, settings)
            cassettes = [store.load(path) for path in store.paths()]
            if not cassettes:
                raise CassetteError(f"{cassette}: there are no cassettes in it; record some first")
        given = [*Faults.from_settings(settings).all, *faults]
        beside, elsewhere, outside = None, None, []
        if not isinstance(cassette, Cassette):
            elsewhere = Elsewhere([store.path])
        if not isinstance(cassette, Cassette) and store.path.is_file():
            outside = [found for _, found in recorded_beside([store.path])]
            beside = Session(outside, settings, reuse=True, faults=Faults(())) if outside else None
        self.session = Session(
            cassettes, settings, fallback=beside, faults=Faults(given), elsewhere=elsewhere
        )
        self._starting = startup_session(self.session, outside)
        self._whole_process = whole_process

    def __enter__(self) -> Session:
        integrations.install()
        guard.install()
        livetree.watch(otel_trace.get_tracer_provider())
        self._block = contextlib.ExitStack()
        with _blocks:
            # threads that were started before the block have no context of it: where nobody else
            # stands behind the process's port, the session does
            self._is_process_port = ports.process_port() is None and not self._whole_process
            if self._is_process_port:
                starting = None if self._starting is None else BlockEntries(self._starting)
                ports.set_process_ports(self.session, starting)
        if self._whole_process:
            self._take_process()
        self._block.enter_context(self.session.activate())
        if not self.session.settings.export_replay:
            # below a parent that is not sampled nothing is, so the live tree reaches no exporter
            token = otel_context.attach(otel_trace.set_span_in_context(_unsampled(self.session.cassettes)))
            self._block.callback(otel_context.detach, token)
        return self.session

    def _take_process(self) -> None:
        session = self.session
        arrivals = Arrivals(
            session.activate, lambda: ports.session.get() is session, session.settings.app_hosts
        )
        session.arrivals = arrivals
        self._block.callback(ports.set_process_ports, *ports.set_process_ports(session, arrivals))
        self._block.callback(set_process_source, set_process_source(lambda: session.drawn))
        self._block.enter_context(guard.letting_in())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.close()
        with _blocks:
            if self._is_process_port and ports.process_port() is self.session:
                ports.set_process_ports(None, None)
        self.session.close()
        misses = [*(() if self._starting is None else self._starting.misses), *self.session.misses]
        if misses and error is None and not self.session.settings.misses_go_out:
            raise MissError(misses[0].explanation)

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
