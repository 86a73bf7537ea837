"""The app's own time between two calls."""

from __future__ import annotations

import pytest

from tests.comparison.test_calls import called, get
from timetracer_otel.comparison import Comparison, Made, Run, Threshold, compare
from timetracer_otel.errors import ConfigurationError

MS = 1_000_000


def at(path: str, began: float, took: float, lane: int = 0) -> Made:
    return called(get(path), lane, began=int(began * MS), took=int(took * MS))


def compared(
    recorded: list[Made], live: list[Made], threshold: str, took: float, took_live: float
) -> Comparison:
    return compare(
        Run(None, recorded, took=int(took * MS)),
        Run(None, live, took=int(took_live * MS)),
        threshold=Threshold.parse(threshold),
    )


def slower(
    recorded: list[Made], live: list[Made], threshold: str, took: float, took_live: float
) -> list[str]:
    return [finding.text for finding in compared(recorded, live, threshold, took, took_live).findings]


def test_the_part_that_took_longer_is_named() -> None:
    recorded = [at("/a", 1, 50), at("/b", 53, 40)]
    assert slower(recorded, [at("/a", 1, 0), at("/b", 301, 0)], "200ms", 94, 302) == [
        "slower: between GET http://rates/a and GET http://rates/b: recorded 2.0 ms, live 300.0 ms"
    ]
    assert slower(recorded, [at("/a", 400, 0), at("/b", 402, 0)], "200ms", 94, 403) == [
        "slower: before GET http://rates/a: recorded 1.0 ms, live 400.0 ms"
    ]
    assert slower(recorded, [at("/a", 1, 0), at("/b", 3, 0)], "3x", 94, 40) == [
        "slower: after GET http://rates/b: recorded 1.0 ms, live 37.0 ms"
    ]
    assert slower([], [], "10ms", 5, 20) == ["slower: all of it: recorded 5.0 ms, live 20.0 ms"]


def test_time_spent_waiting_for_answers_is_not_the_apps() -> None:
    recorded = [at("/a", 1, 5_000), at("/b", 5_003, 40)]
    assert slower(recorded, [at("/a", 1, 0), at("/b", 3, 0)], "1ms", 5_044, 4) == []


def test_what_tasks_do_side_by_side_is_looked_at_task_by_task() -> None:
    recorded = [at("/a", 1, 5, 1), at("/b", 1, 5, 2), at("/c", 7, 1, 1), at("/d", 7, 1, 2)]
    live = [at("/a", 1, 0, 1), at("/c", 2, 0, 1), at("/b", 300, 0, 2), at("/d", 301, 0, 2)]
    assert slower(recorded, live, "100ms", 9, 302) == []


def test_slower_is_different_and_faster_is_not() -> None:
    recorded, live = [at("/a", 500, 1)], [at("/a", 1, 0)]
    assert compared(recorded, live, "1ms", 502, 2).same
    assert not compared(live, recorded, "1ms", 2, 502).same


@pytest.mark.parametrize("text", ["", "5", "fast", "-1s", "0ms", "3 minutes", "x"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no threshold; give one like 200ms"):
        Threshold.parse(text)
