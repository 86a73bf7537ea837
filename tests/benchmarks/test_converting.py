"""Converting is measured against a bare decode, and its memory by what is sent to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import converting


def test_speed_is_compared_with_decoders_that_only_read() -> None:
    _, title, *rows, peak = converting.report(traces=20, spans=10, rounds=1)
    assert title.startswith("converting 200 spans, 10 a trace (2 cassettes), ")
    assert [row.split("  ")[1] for row in rows] == [
        "spans a second of CPU, start-up included",
        "CPU / a bare typed decode of the same bytes",
        "CPU / opentelemetry-proto-json, which only reads",
    ]
    assert peak.startswith("  peak memory ")


def test_memory_is_that_of_a_conversion_of_a_stream() -> None:
    *_, row = converting.memory([1])
    assert row.startswith("       1 MB,      2,000 spans: peak ")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    _, _, few, _ = converting.piped(200_000_000, tmp_path / "few")
    _, _, many, spans = converting.piped(2_000_000_000, tmp_path / "many")
    assert spans > 3_000_000
    assert many < few * 1.25
