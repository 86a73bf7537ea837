"""Many requests, the ones that nobody finishes among them, and a process that holds no more than before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fidelity.servers import RECORDING, REPLAYING
from tests.load.apps import unfinished
from tests.load.client import ask
from tests.load.conftest import Start
from tests.load.servers import LoadedServer, Memory
from tests.services.together import Services
from tests.slow import FIRST_FASTAPI
from timetracer_otel.exporters.writer import MAX_QUEUED
from timetracer_otel.store import FolderStore

ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
"""All threads share one: else what each has of its own fills up for long, with and without us."""
NOT_EXCLUDED = {"TIMETRACER_EXCLUDE_PATHS": "/none"}
"""To be counted is a request as others are, which a replay answers where it was recorded."""
BOUNDED = (
    "timetracer_otel.exporters.convert.Scopes._known",
    "timetracer_otel.exporters.sizes._fields",
    "timetracer_otel.formats.json_shapes.",
    "timetracer_otel.messages.headers.",
    "timetracer_otel.messages.http._matched",
    "timetracer_otel.redaction.Redactor._of_names",
    "timetracer_otel.redaction.names.SensitiveNames.",
)
"""What is remembered of what was met, up to a number of its own: names of attributes and headers, scopes,
types of messages (a failure that comes before its trace is written is one).
"""
MEMORY_KIB = 10 * 1024
TURNS = 4
AT_A_TIME = MAX_QUEUED // 2
"""Requests before a rest: a disk that is slower than the clients has none dropped."""


def grown(before: dict[str, Any], after: dict[str, Any], requests: int) -> dict[str, tuple[int, int]]:
    """What there is more of: of ours by a single one, of other types by one in twenty requests."""
    found = {}
    for kind, allowed in (("tables", 0), ("instances", 0), ("objects", requests // 20)):
        for name, count in after[kind].items():
            bounded = name.startswith(BOUNDED) or name.rpartition(".")[2] == "urlsplit"
            if not bounded and count > before[kind].get(name, 0) + allowed:
                found[name] = (before[kind].get(name, 0), count)
    return found


def unfinished_paths(framework: str) -> list[str]:
    """Requests that leave something unfinished, each in a way of its own."""
    names = [f"/unfinished/{name}" for name in unfinished.SYNC]
    return names + [f"/unfinished/async/{name}" for name in unfinished.ASYNC if framework == "fastapi"]


@dataclass
class Hour:
    """What a process held in the course of many requests.

    Attributes:
        statuses: how often each status came.
        memory: resident KiB after each turn, when nothing was left to do.
    """

    statuses: dict[int, int] = field(default_factory=dict)
    memory: list[int] = field(default_factory=list)

    def ask(self, server: LoadedServer, paths: list[str], count: int, connections: int = 8) -> None:
        """Ask for the paths in turn, so many times in all."""
        for status, number in ask(server.port, paths, count, connections).statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number


def run(server: LoadedServer, memory: Memory, light: int, heavy: list[str], times: int) -> Hour:
    """Ask for all of it, in turns, with a rest after each."""
    hour = Hour()
    for _ in range(TURNS):
        for asked in range(0, light // TURNS, AT_A_TIME):
            hour.ask(server, ["/trivial", "/nowhere"], min(AT_A_TIME, light // TURNS - asked))
            server.rest()
        hour.ask(server, heavy, times // TURNS * len(heavy), 4)
        server.rest()
        hour.memory.append(memory.now)
    # the last traces are the ones remembered: the same as before
    ask(server.port, ["/trivial"], 50)
    return hour


def assert_nothing_grew(before: dict[str, Any], after: dict[str, Any], hour: Hour, requests: int) -> None:
    """Neither what is counted nor the memory as a whole; that is filled, by then, as far as it will be."""
    assert grown(before, after, requests) == {}
    assert (after["pending"], after["waiting"] or 0) == (0, 0)
    assert after["tasks"] == before["tasks"]
    assert len(after["threads"]) <= len(before["threads"]) + 8  # the framework's own pool
    assert after["descriptors"] <= before["descriptors"] + 8  # connections that clients keep
    early, late = hour.memory[: TURNS // 2], hour.memory[TURNS // 2 :]
    assert max(late) < max(early) + MEMORY_KIB, hour.memory


SIZES = [(800, 4), pytest.param(100_000, 96, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("light", "times"), SIZES)
@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_nothing_grows_with_the_requests_that_are_recorded(
    start: Start, services: Services, framework: str, light: int, times: int
) -> None:
    services.fresh()
    heavy = unfinished_paths(framework)
    server = start(framework, LOAD_REMEMBERED="20", **ONE_HEAP, **services.environment)
    memory = Memory(server.census()["process"])
    run(server, memory, 100, heavy, TURNS)
    before = server.census()
    hour = run(server, memory, light, heavy, times)
    after = server.census()
    print(f"{framework}: {hour.memory} KiB; {hour.statuses}")
    assert hour.statuses == {200: light // 2 + times * len(heavy), 404: light // 2}
    assert_nothing_grew(before, after, hour, light)
    written, dropped, failed = (
        now - then for now, then in zip(after["counts"], before["counts"], strict=True)
    )
    assert (dropped, failed) == (0, 0)
    assert written >= light + times * len(heavy) + 50


@pytest.mark.parametrize(("light", "times"), SIZES)
@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_nothing_grows_with_the_requests_that_are_replayed(
    start: Start, store: FolderStore, services: Services, framework: str, light: int, times: int
) -> None:
    services.fresh()
    heavy = unfinished_paths(framework)
    recorder = start(framework, RECORDING, **NOT_EXCLUDED, **services.environment)
    ask(recorder.port, ["/trivial", "/nowhere", *heavy], 2 + len(heavy), 1)
    recorder.census()
    recorder.rest()
    recorder.stop()
    replayer = start(
        framework,
        REPLAYING,
        TIMETRACER_MODE="replay",
        TIMETRACER_CASSETTE=str(store.path),
        **ONE_HEAP,
        **services.environment,
    )
    memory = Memory(replayer.census()["process"])
    run(replayer, memory, 100, heavy, TURNS)
    before = replayer.census()
    hour = run(replayer, memory, light, heavy, times)
    after = replayer.census()
    print(f"{framework}: {hour.memory} KiB; {hour.statuses}")
    assert hour.statuses == {200: light // 2 + times * len(heavy), 404: light // 2}
    assert_nothing_grew(before, after, hour, light)
