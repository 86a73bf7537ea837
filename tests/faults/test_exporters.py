"""Beside other exporters: no fault of ours costs them a span, none of theirs costs us a cassette."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import timetracer_otel
from timetracer_otel.exporters.outbox import Outbox
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.store import FolderStore

pytestmark = pytest.mark.usefixtures("fresh_reports")
METHODS = [
    (Recorder, "span_started"), (Recorder, "span_ended"), (Recorder, "flush"), (Recorder, "close"),
    (Outbox, "sum_up"),
]  # fmt: skip


class Failing(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("the collector is away")


def job(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("job"), tracer.start_as_current_span("step"):
        pass


@pytest.mark.parametrize(("kind", "method"), METHODS, ids=[method for _, method in METHODS])
@pytest.mark.parametrize("first", [True, False], ids=["ours first", "theirs first"])
def test_a_fault_in_ours_costs_theirs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type, method: str, first: bool
) -> None:
    def fail(*arguments: Any, **named: Any) -> Any:
        raise MemoryError

    provider, exported = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    ours, theirs = timetracer_otel.CassetteSpanProcessor(tmp_path), BatchSpanProcessor(exported)
    for processor in [ours, theirs] if first else [theirs, ours]:
        provider.add_span_processor(processor)
    monkeypatch.setattr(kind, method, fail)
    job(provider)
    assert provider.force_flush()
    assert [span.name for span in exported.get_finished_spans()] == ["step", "job"]
    provider.shutdown()
    assert sum(ours.statistics().faults.values()) > 0


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_a_fault_in_theirs_costs_us_nothing(tmp_path: Path, processor: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor(Failing()))
    ours = timetracer_otel.CassetteSpanProcessor(tmp_path)
    provider.add_span_processor(ours)
    job(provider)
    provider.force_flush()
    provider.shutdown()
    [(_, cassette)] = FolderStore(tmp_path).iter()
    assert [span.name for span in cassette.spans] == ["job", "step"]
    counted = ours.statistics()
    assert (counted.written, counted.lost, counted.faults) == (1, 0, {})
