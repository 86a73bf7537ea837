"""A disk that is stuck: nobody waits for it, what waits is bounded, and what is dropped is counted."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from opentelemetry.context import Context
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

    def add(self, cassette: Cassette) -> Path:
        self.writing.set()
        assert self.let_go.wait(60)
        return super().add(cassette)


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
    stuck = recorder.outbox.statistics()
    assert (stuck.written, stuck.waiting, stuck.dropped) == (0, 11, 20)
    store.let_go.set()
    assert recorder.close(60)
    recorder.outbox.sum_up()

    assert recorder.outbox.statistics() == Statistics(
        written=11, dropped=20, faults={"writing cassettes": 20}
    )
    assert {cassette.entry.name for _, cassette in store.iter()} == {
        "first",
        *(f"job {number}" for number in range(10)),
    }
    assert [record.getMessage() for record in caplog.records if record.name == "timetracer_otel"] == [
        "timetracer-otel: writing cassettes: the disk is too slow; cassettes are dropped"
        " (the app is not affected; said once)",
        "timetracer-otel: 11 cassettes written; 20 dropped; writing cassettes (20 times)",
    ]


@pytest.mark.usefixtures("fresh_reports")
def test_what_waits_for_a_stuck_disk_is_bounded_by_its_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider, store = TracerProvider(shutdown_on_exit=False), StuckStore(tmp_path)
    recorder = Recorder(store, config.load({"TIMETRACER_MAX_PENDING_MB": "1"}), provider)
    tap(provider).recorder = recorder
    tracer = provider.get_tracer("app")
    tracer.start_span("first").end()
    assert store.writing.wait(60)
    for number in range(30):
        tracer.start_span(f"job {number}", attributes={"report": "x" * 100_000}).end()
    stuck = recorder.outbox.statistics()
    assert (stuck.written, stuck.waiting, stuck.dropped) == (0, 10, 21)
    assert 900_000 < recorder.outbox.budget.held <= 1 << 20
    store.let_go.set()
    assert recorder.close(60)
    assert recorder.outbox.statistics() == Statistics(
        written=10, dropped=21, faults={"writing cassettes": 21}
    )
    assert recorder.outbox.budget.held == 0
    assert [record.getMessage() for record in caplog.records if record.name == "timetracer_otel"] == [
        "timetracer-otel: writing cassettes: too many bytes wait for the disk; cassettes are dropped"
        " (the app is not affected; said once)",
    ]


def test_a_trace_that_goes_on_for_days_takes_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    provider, store = TracerProvider(shutdown_on_exit=False), FolderStore(tmp_path)
    recorder = Recorder(store, config.load({"TIMETRACER_MAX_PENDING_MB": "1"}), provider)
    tap(provider).recorder = recorder
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("worker"):
        for number in range(1_000):
            tracer.start_span(f"step {number}").end()
        assert 300_000 < recorder.outbox.budget.held <= 1 << 19
        with tracer.start_as_current_span("beside", context=Context()):
            pass  # there is room for others still
    assert recorder.close(60)
    assert recorder.outbox.budget.held == 0
    found = {cassette.entry.name: cassette for _, cassette in store.iter()}
    assert sorted(found) == ["beside", "worker"]
    kept = len(found["worker"].spans)
    assert 100 < kept < 300
    assert [str(gap.detail) for gap in found["worker"].gaps] == [f"{1_001 - kept} spans were not kept"]
