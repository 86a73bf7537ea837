"""Services to call, stores to write to, and a process that is left as it was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import Tracer, TracerProvider

import timetracer_otel
from timetracer_otel import config, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.ports import failing
from timetracer_otel.store import FolderStore


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    yield
    timetracer_otel.uninstall()
    assert (ports.process_port(), ports.entry_port(), ports.session.get()) == (None, None, None)
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cassettes")


class Recorder:
    """An OpenTelemetry setup with a provider of its own, which records.

    Args:
        store: where cassettes go.
        settings: as in pyproject.toml.
    """

    def __init__(self, store: FolderStore, **settings: Any) -> None:
        self._store = store
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.processor = timetracer_otel.CassetteSpanProcessor(
            store.path, settings=config.load({}, **settings), tracer_provider=self.provider
        )
        self.provider.add_span_processor(self.processor)
        timetracer_otel.install()

    @property
    def tracer(self) -> Tracer:
        tracer = self.provider.get_tracer("app")
        assert isinstance(tracer, Tracer)
        return tracer

    def cassettes(self) -> list[Cassette]:
        """All that is finished, as it was written."""
        self.provider.force_flush()
        if not self._store.path.exists():
            return []
        return sorted((cassette for _, cassette in self._store.iter()), key=lambda one: one.started)

    def cassette(self) -> Cassette:
        """The only one."""
        [cassette] = self.cassettes()
        return cassette


@pytest.fixture
def recording(store: FolderStore) -> Iterator[Callable[..., Recorder]]:
    """Starts to record with the settings given; ends with the test."""
    started: list[Recorder] = []

    def start(**settings: Any) -> Recorder:
        started.append(Recorder(store, **settings))
        return started[-1]

    yield start
    for one in started:
        one.provider.shutdown()


@pytest.fixture
def fresh_reports() -> Iterator[None]:
    """What is said once is said again in this test, and nothing is counted yet."""
    before = set(failing._reported)
    failing._reported.clear()
    ports.forget_failures()
    yield
    failing._reported.clear()
    failing._reported.update(before)
