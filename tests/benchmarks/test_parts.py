"""The quick benchmarks run; their figures are not looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import matching, searching, sizes, starting
from tests.benchmarks.test_recording import names


def test_starting_is_compared_with_a_python_that_does_nothing() -> None:
    assert names(starting.report(rounds=1)) == [
        "starting, beyond a Python that does nothing",
        "import timetracer_otel, s",
        "timetracer-otel --help, s",
        "import click, s",
        "a Python that does nothing, s",
    ]


def test_answers_are_found_among_few_and_many_of_every_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "SIZES", (1, 3))

    assert names(matching.report(rounds=1)) == [
        "finding the answer of one call, µs of CPU",
        *("http, of 1 distinct calls", "http, of 3 distinct calls"),
        *("http, of 1 equal calls", "http, of 3 equal calls"),
        *("db, of 1 distinct calls", "db, of 3 distinct calls"),
        *("db, of 1 equal calls", "db, of 3 equal calls"),
        *("redis, of 1 distinct calls", "redis, of 3 distinct calls"),
        *("redis, of 1 equal calls", "redis, of 3 equal calls"),
    ]


def test_a_search_is_compared_with_starting_the_command() -> None:
    head, search, first = names(searching.report(5, rounds=1))
    assert (head, search) == ("searching 5 cassettes", "search, against timetracer-otel --help")
    assert first.startswith("the first search, which reads them all: ")


def test_open_requests_hold_memory_by_their_calls() -> None:
    assert names(sizes.report(traces=2)) == [
        "memory of a request that is open, KiB",
        "after 0 httpx calls",
        "after 4 httpx calls",
        "after 50 httpx calls",
    ]


def test_a_part_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "writing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "scripts/bench: error: there is no part 'writing'; there are"
        " starting, loading, converting, matching, searching, memory, replaying, recording"
    )
