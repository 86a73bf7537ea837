"""The replay benchmark runs; its figures are not looked at."""

from __future__ import annotations

import pytest

from benchmarks import replaying
from tests.benchmarks.test_recording import names


def test_calls_are_replayed_sync_and_async_distinct_and_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "FEW", 2)

    lines = replaying.report(("ours", "transport"), sizes=(1, 3), rounds=1)

    compared = ["ours", "transport", "ours / transport"]
    assert names(lines) == [
        "replaying GETs of httpx, µs of CPU a call; opening the cassette is apart, µs a call, too",
        *("sync, 1 distinct call", *compared),
        *("sync, 3 distinct calls", *compared),
        *("sync, 3 equal calls", *compared),
        *("async, 1 distinct call", *compared),
        *("async, 3 distinct calls", *compared),
        *("async, 3 equal calls", *compared),
    ]
