"""A disk that does not answer: what waits for it is bounded, what does not fit is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.client import ask
from tests.load.conftest import Start
from tests.load.servers import Memory
from timetracer_otel.store import FolderStore

KIB_A_TRACE = 32
"""What a trace that waits may hold in memory: that of a trivial request."""


@pytest.mark.parametrize(
    ("requests", "queued"),
    [pytest.param(2_000, 500), pytest.param(60_000, 10_000, marks=pytest.mark.slow)],
)
def test_a_disk_that_does_not_answer_costs_traces_and_not_memory(
    start: Start, store: FolderStore, tmp_path: Path, requests: int, queued: int
) -> None:
    free = tmp_path / "free"
    server = start("fastapi", LOAD_QUEUED=str(queued), LOAD_BLOCKED=str(free))
    ask(server.port, ["/trivial"], 100)  # all imported, all pools filled
    before = server.census()
    memory = Memory(before["process"])
    held = memory.now
    load = ask(server.port, ["/trivial"], requests)
    after = server.census()
    peak = memory.peak
    print(
        f"{requests / load.took:.0f} requests a second; peak {peak} KiB, {peak - held} more;"
        f" ms a request: median {load.quantile(0.5):.1f}, 99 % {load.quantile(0.99):.1f}"
    )
    under_way = 1  # the one that the disk was given: what the app drew while it was imported
    silent = 1  # its start-up, which asks nobody: it waits with the others, and is not kept
    asked = under_way + silent + 100 + requests
    assert load.statuses == {200: requests}
    assert (after["waiting"], after["counts"][1:]) == (queued, [asked - queued - under_way, 0])
    assert peak - held < 10 * 1024 + queued * KIB_A_TRACE
    assert [after[name] for name in ("threads", "tasks")] == [before[name] for name in ("threads", "tasks")]
    assert server.log.count("the disk is too slow; cassettes are dropped") == 1
    free.touch()
    assert server.census()["counts"][1:] == after["counts"][1:]
    server.stop()
    assert len(list(store.paths())) == queued - silent + under_way
