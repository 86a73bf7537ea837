"""Many requests, the ones that nobody finishes among them, and a process that holds no more than before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.apps import unfinished
from tests.load.client import ask
from tests.load.conftest import Start
from tests.load.servers import LoadedServer, Memory
from tests.services.together import Services


def grown(before: dict[str, Any], after: dict[str, Any], requests: int) -> dict[str, tuple[int, int]]:
    """What there is more of: of ours by a single one, of other types by one in twenty requests."""
    found = {}
    for kind, allowed in (("tables", 0), ("instances", 0), ("objects", requests // 20)):
        for name, count in after[kind].items():
            if name.rpartition(".")[2] != "urlsplit" and count > before[kind].get(name, 0) + allowed:
                found[name] = (before[kind].get(name, 0), count)
    return found


def serve(server: LoadedServer, light: int, heavy: list[str], times: int) -> dict[int, int]:
    """Ask for all of it; how often each status came."""
    statuses = ask(server.port, ["/trivial", "/nowhere"], light).statuses
    if heavy:
        for status, count in ask(server.port, heavy, times * len(heavy), 4).statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return statuses


@pytest.mark.parametrize(("light", "times"), [(1_500, 4), pytest.param(100_000, 100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_nothing_grows_with_the_requests_that_are_recorded(
    start: Start, services: Services, framework: str, light: int, times: int
) -> None:
    services.fresh()
    heavy = [f"/unfinished/{name}" for name in unfinished.SYNC]
    if framework == "fastapi":
        heavy += [f"/unfinished/async/{name}" for name in unfinished.ASYNC]
    server = start(framework, LOAD_REMEMBERED="20", **services.environment)
    serve(server, 200, heavy, 2)
    before = server.census()
    memory = Memory(before["process"])
    held = memory.now
    statuses = serve(server, light, heavy, times)
    # the last traces are the ones remembered: the same as before
    ask(server.port, ["/trivial"], 50)
    after = server.census()
    print(f"{framework}: {held} KiB before, {memory.now} after; {statuses}")
    assert statuses == {200: light // 2 + times * len(heavy), 404: light // 2}
    assert grown(before, after, light) == {}
    assert (after["pending"], after["waiting"]) == (0, 0)
    assert after["tasks"] == before["tasks"]
    assert len(after["threads"]) <= len(before["threads"]) + 8  # the framework's own pool
    assert after["descriptors"] <= before["descriptors"] + 8  # connections that clients keep
    assert memory.now < held + 10 * 1024
    written, dropped, failed = (
        now - then for now, then in zip(after["counts"], before["counts"], strict=True)
    )
    assert (dropped, failed) == (0, 0)
    assert written >= light + times * len(heavy) + 50
