"""Many cassettes in two processes, which hold no more at the end than after the first ones."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regressions.conftest import PATHS, Recorded
from timetracer_otel.cassette import Cassette
from timetracer_otel.store import FolderStore


def multiplied(cassettes: Path, times: int, folder: Path) -> Path:
    """So many copies of each cassette, each of a trace of its own."""
    store = FolderStore(folder)
    for number in range(times):
        for _, cassette in FolderStore(cassettes).iter():
            trace_id = cassette.entry.trace_id
            other = f"{number + 1:08x}{trace_id[8:]}"
            copy = Cassette.load(cassette.dump().replace(trace_id.encode(), other.encode()))
            store.write(copy)
    return folder


@pytest.mark.parametrize("times", [10, pytest.param(77, marks=pytest.mark.slow)])
def test_nothing_grows_with_the_cassettes_that_are_replayed(
    recorded_by: Callable[[str], Recorded], tmp_path: Path, times: int
) -> None:
    shop = recorded_by("fastapi")
    counts = tmp_path / "counts"
    many = Recorded(shop.framework, tmp_path, {**shop.environment, "COUNTS": str(counts)})
    multiplied(shop.cassettes, times, many.cassettes)

    done = many.replay("--json", "--workers", "2", shop="shop_counted")

    outcomes = Counter(json.loads(line)["outcome"] for line in done.stdout.splitlines())
    assert outcomes == {"same": times * len(PATHS)}, done.stderr
    by_process: dict[int, list[dict[str, int]]] = defaultdict(list)
    for process, found in map(json.loads, counts.read_text().splitlines()):
        by_process[process].append(found)
    assert len(by_process) == 2
    assert sum(map(len, by_process.values())) == times
    for told in by_process.values():
        kilobytes = [found.pop("kilobytes") for found in told]
        # a replay that is about to end may be counted once; what is kept is there in each count from then on
        before, after = told[: len(told) // 3 + 1], told[len(told) // 2 :]
        early = {name: max(found[name] for found in before) for name in told[-1]}
        late = {name: min(found[name] for found in after) for name in told[-1]}
        assert {name: (early[name], late[name]) for name in late if late[name] > early[name]} == {}
        assert kilobytes[-1] - kilobytes[len(told) // 3] < 10 * 1024
