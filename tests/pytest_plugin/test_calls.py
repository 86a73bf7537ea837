"""Calls as tests compare them: their order, and what is said where they are others."""

from __future__ import annotations

import pytest

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Call
from timetracer_otel.messages import RedisCommand
from timetracer_otel.pytest_plugin.calls import Calls, explained, titles
from timetracer_otel.replayers.livecalls import LiveCall, Outcome
from timetracer_otel.span import AttributeValue, Span


def live(number: int, *words: str, lane: int = 0) -> LiveCall:
    """A call that was recorded as that one of all."""
    command = RedisCommand([word.encode() for word in words])
    attributes: dict[str, AttributeValue] = {names.CALL_INTEGRATION: "redis", names.CALL_INDEX: number}
    span = Span(trace_id="1" * 32, span_id=f"{number + 1:016x}", name="redis", attributes=attributes)
    recorded = Call(span, ())
    return LiveCall("redis", Outcome.ANSWERED, command, lane=lane, recorded=recorded)


def test_reads_and_the_writes_of_other_tasks_are_in_recorded_order() -> None:
    calls = [live(2, "SET", "c", "1", lane=2), live(1, "GET", "b"), live(0, "SET", "a", "1", lane=1)]
    assert titles(calls) == ["SET a 1", "GET b", "SET c 1"]


def test_writes_of_one_task_are_in_the_order_they_were_made_in() -> None:
    calls = [live(2, "SET", "c", "1"), live(1, "GET", "b"), live(0, "SET", "a", "1")]
    assert titles(calls) == ["SET c 1", "GET b", "SET a 1"]


@pytest.mark.parametrize(
    ("calls", "expected", "said"),
    [
        (["GET a"], ["GET a", "SET b 1"], ["expected, and not called: SET b 1"]),
        (["GET a", "GET a"], ["GET a"], ["called, and not expected: GET a"]),
        (
            ["SET b 2"],
            ["SET b 1"],
            ["expected, and not called: SET b 1", "called, and not expected: SET b 2"],
        ),
        (
            ["GET a", "SET c 1", "SET b 1"],
            ["GET a", "SET b 1", "SET c 1"],
            ["in another order from number 2 on: expected SET b 1, called SET c 1"],
        ),
    ],
)
def test_what_differs_is_named(calls: list[str], expected: list[str], said: list[str]) -> None:
    assert list(explained(Calls(calls), expected)) == [
        "the calls are not the expected ones",
        *said,
        "when that is right: record again, and generate or change the test",
    ]
