"""The loading benchmark runs; its figures are not looked at."""

from __future__ import annotations

import pytest

from benchmarks import loading


def test_cassettes_of_several_sizes_and_a_trace_without_payloads_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "SIZES", (2,))
    monkeypatch.setattr(loading, "STRUCTURE_SPANS", 5)

    lines = loading.report(rounds=2, at_least=0.001)

    assert [line.split(" (")[0].strip() for line in lines] == [
        "",
        "loading / a bare typed decode of the same bytes",
        "a cassette of 2 calls",
        "a trace of 5 spans without payloads",
    ]
