"""A disk that is stuck: nobody waits for it, what waits is bounded, and what is dropped is counted."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from timetracer_otel import config
from timetracer_otel.cassette import Cassette
from timetracer_otel.exporters import writer
from timetracer_otel.exporters.processor import tap
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.exporters.statistics import Statistics
from timetracer_otel.store import FolderStore


class StuckStore(FolderStore):
    """A store that writes nothing before it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.writing, self.let_go = threading.Event(), threading.Event()

    def write(self, cassette: Cassette) -> Path:
        self.writing.set()
        assert self.let_go.wait(60)
        return super().write(cassette)


@pytest.mark.usefixtures("fresh_reports")
def test_a_disk_that_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "MAX_QUEUED", 10)
    provider, store = TracerProvider(shutdown_on_exit=False), StuckStore(tmp_path)
    recorder = Recorder(store, config.load({}), provider)
    tap(provider).recorder = recorder
    tracer = provider.get_tracer("app")
    tracer.start_span("first").end()
    assert store.writing.wait(60)
    # the app goes on while the disk writes nothing at all
    for number in range(30):
        tracer.start_span(f"job {number}").end()
    stuck = recorder.statistics()
    assert (stuck.written, stuck.waiting, stuck.dropped) == (0, 11, 20)
    store.let_go.set()
    assert recorder.close(60)
    recorder.sum_up()

    assert recorder.statistics() == Statistics(written=11, dropped=20, faults={"writing cassettes": 20})
    assert {cassette.entry.name for _, cassette in store.iter()} == {
        "first",
        *(f"job {number}" for number in range(10)),
    }
    assert [record.getMessage() for record in caplog.records if record.name == "timetracer_otel"] == [
        "timetracer-otel: writing cassettes: the disk is too slow; cassettes are dropped"
        " (the app is not affected; said once)",
        "timetracer-otel: 11 cassettes written; 20 dropped; writing cassettes (20 times)",
    ]
