"""Which recorded call answers a live one: examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replaying.recorded import JSON, REDACTOR, Made, calls, get, redis, sql
from timetracer_otel.messages import HttpRequest, HttpResponse, RedisCommand, SqlStatement
from timetracer_otel.replayers.matching import Grade, Match, Matcher, RecordedCalls

HERE = ("",)
"""Directly below the entry."""


def matcher(*made: Made, reuse: bool = False) -> Matcher:
    return Matcher(RecordedCalls(calls(*made)), REDACTOR, reuse=reuse)


def told(match: Match | None) -> tuple[int, str] | None:
    """The place of the call that answers, and how exactly it matched."""
    return None if match is None else (match.call.index, match.grade.value)


EUR = HttpRequest("GET", "http://rates/EUR")


def test_the_same_request_at_the_same_place_is_exact() -> None:
    assert told(matcher(get("/USD"), get("/EUR")).match(EUR, HERE, 0)) == (2, "exact")


def test_the_same_request_at_another_place_in_the_tree_has_moved() -> None:
    assert told(matcher(get("/EUR", below="pricing")).match(EUR, HERE, 0)) == (1, "moved")


def test_a_place_that_is_not_known_moves_nothing() -> None:
    assert told(matcher(get("/EUR", below="pricing")).match(EUR, None, 0)) == (1, "exact")


def test_of_equal_calls_the_one_at_the_same_place_answers() -> None:
    recorded = matcher(get("/EUR", below="pricing"), get("/EUR", below="shipping"), get("/EUR"))
    assert [told(recorded.match(EUR, path, 0)) for path in [("", "shipping"), HERE, ("", "pricing")]] == [
        (2, "exact"),
        (3, "exact"),
        (1, "exact"),
    ]


def test_place_counts_more_than_lane_and_lane_more_than_order() -> None:
    recorded = matcher(
        get("/EUR", below="pricing", lane=2), get("/EUR", lane=1), get("/EUR", lane=2), get("/EUR", lane=2)
    )
    assert [told(recorded.match(EUR, HERE, 2)) for _ in range(4)] == [
        (3, "exact"),
        (4, "exact"),
        (2, "exact"),
        (1, "moved"),
    ]


def test_of_equal_calls_at_one_place_the_one_that_says_literally_the_same_answers() -> None:
    one = HttpRequest("GET", "http://rates/EUR", [("X-A", "1"), ("X-B", "2")])
    other = HttpRequest("GET", "http://rates/EUR", [("x-b", "2"), ("x-a", "1")])
    recorded = [Made(one, HttpResponse(200)), Made(other, HttpResponse(200))]
    found = matcher(*recorded)
    assert [told(found.match(other, HERE, 0)) for _ in range(3)] == [(2, "exact"), (1, "exact"), None]
    elsewhere = matcher(Made(one, HttpResponse(200), below="pricing"), Made(other, HttpResponse(200)))
    assert [told(elsewhere.match(one, HERE, 0)) for _ in range(2)] == [(2, "exact"), (1, "moved")]


def test_calls_side_by_side_get_the_answer_of_their_own_lane_whoever_comes_first() -> None:
    recorded = matcher(get("/EUR", b"first", lane=1), get("/EUR", b"second", lane=2))
    matches = [recorded.match(EUR, HERE, lane) for lane in (2, 1)]
    assert [match.call.answer for match in matches if match] == [
        HttpResponse(200, [], b"second"),
        HttpResponse(200, [], b"first"),
    ]


def test_equal_calls_are_answered_in_the_order_recorded_and_each_once() -> None:
    recorded = matcher(get("/EUR"), get("/EUR"))
    assert [told(recorded.match(EUR, HERE, 0)) for _ in range(3)] == [(1, "exact"), (2, "exact"), None]
    assert recorded.unused() == []


def test_calls_outside_requests_answer_again_and_again() -> None:
    recorded = matcher(get("/EUR"), reuse=True)
    assert [told(recorded.match(EUR, None, 0)) for _ in range(3)] == [(1, "exact")] * 3


def test_what_nobody_asked_for_is_unused() -> None:
    recorded = matcher(get("/EUR"), redis("GET", "stock"), get("/USD"))
    recorded.match(RedisCommand(["get", b"stock"]), HERE, 0)
    assert [call.index for call in recorded.unused()] == [1, 3]


def test_a_secret_that_our_rules_mask_is_set_aside() -> None:
    masked = Made(
        HttpRequest("GET", "http://rates/EUR", [("Authorization", "Bearer [REDACTED]")]), HttpResponse(200)
    )
    live = HttpRequest("GET", "http://rates/EUR", [("Authorization", "Bearer of today")])
    assert told(matcher(masked).match(live, HERE, 0)) == (1, "exact")


@pytest.mark.parametrize("live", [b'{"note": "anything", "n": 1}', b'{"n": 1, "note": 7}'])
def test_a_value_that_somebody_else_masked_is_set_aside(live: bytes) -> None:
    recorded = HttpRequest("PUT", "http://rates/EUR", [JSON], b'{"note": "[REDACTED]", "n": 1}')
    found = matcher(Made(recorded, HttpResponse(204)))
    assert told(found.match(HttpRequest("PUT", "http://rates/EUR", [JSON], live), HERE, 0)) == (
        1,
        "normalised",
    )


def test_beside_a_masked_value_everything_must_be_equal() -> None:
    recorded = HttpRequest("PUT", "http://rates/EUR", [JSON], b'{"note": "[REDACTED]", "n": 1}')
    live = HttpRequest("PUT", "http://rates/EUR", [JSON], b'{"note": "anything", "n": 2}')
    assert matcher(Made(recorded, HttpResponse(204))).match(live, HERE, 0) is None


def test_a_body_that_was_not_recorded_may_be_any() -> None:
    recorded = Made(HttpRequest("PUT", "http://rates/EUR", [], None), HttpResponse(204))
    assert told(matcher(recorded).match(HttpRequest("PUT", "http://rates/EUR", [], b"large"), HERE, 0)) == (
        1,
        "normalised",
    )
    other = HttpRequest("PUT", "http://rates/USD", [], b"large")
    assert matcher(recorded).match(other, HERE, 0) is None


def test_an_exact_answer_is_taken_before_a_normalised_one() -> None:
    loose = Made(HttpRequest("PUT", "http://rates/EUR", [], None), HttpResponse(500))
    tight = Made(HttpRequest("PUT", "http://rates/EUR", [], b"1"), HttpResponse(204))
    recorded = matcher(loose, tight)
    live = HttpRequest("PUT", "http://rates/EUR", [], b"1")
    assert [told(recorded.match(live, HERE, 0)) for _ in range(2)] == [(2, "exact"), (1, "normalised")]


def test_families_do_not_answer_for_each_other() -> None:
    assert matcher(redis("SELECT 1")).match(SqlStatement("SELECT 1"), HERE, 0) is None


SQL = "SELECT * FROM orders WHERE id = :id"


@pytest.mark.parametrize(
    ("recorded", "live", "differences"),
    [
        (
            sql(SQL, {"id": 1}),
            SqlStatement(SQL, {"id": 2}),
            ["parameters[0]: recorded 1, live 2"],
        ),
        (
            sql(SQL, {"id": 1}),
            SqlStatement(SQL, {"id": "1"}),
            ["parameters[0]: recorded 1, live '1'"],
        ),
        (
            get("/EUR?day=mon"),
            HttpRequest("GET", "http://rates/EUR?day=tue"),
            ["query[0][1]: recorded 'mon', live 'tue'"],
        ),
        (
            get("/EUR"),
            HttpRequest("POST", "http://rates/EUR", [("X-Why", "audit")]),
            ["method: recorded 'GET', live 'POST'", "headers.x-why: recorded nothing, live ['audit']"],
        ),
        (
            Made(HttpRequest("PUT", "http://rates/", [JSON], b'{"a": [1, {"b": 2}]}')),
            HttpRequest("PUT", "http://rates/", [JSON], b'{"a": [1, {"b": 3}]}'),
            ["body.json.a[1].b: recorded 2, live 3"],
        ),
        (
            redis("SET", "stock", 1),
            RedisCommand(["SET", "stock", 1, "EX", 60]),
            ["command[3]: recorded nothing, live 'EX'", "command[4]: recorded nothing, live '60'"],
        ),
    ],
)  # fmt: skip
def test_a_miss_knows_the_nearest_call_and_where_it_differs(
    recorded: Made, live: Any, differences: list[str]
) -> None:
    found = matcher(redis("PING"), sql("SELECT 1"), get("/far/away"), recorded)
    assert found.match(live, HERE, 0) is None
    nearest = found.nearest(live)
    assert nearest is not None
    assert (nearest.call.index, nearest.used) == (4, False)
    assert [str(difference) for difference in nearest.differences] == differences


def test_a_miss_says_that_the_nearest_was_used() -> None:
    found = matcher(get("/EUR"))
    found.match(EUR, HERE, 0)
    nearest = found.nearest(EUR)
    assert nearest is not None
    assert (nearest.call.index, nearest.differences, nearest.used) == (1, [], True)


def test_of_two_alike_the_unused_is_nearer() -> None:
    found = matcher(get("/EUR"), get("/EUR"))
    found.match(EUR, HERE, 0)
    nearest = found.nearest(HttpRequest("GET", "http://rates/EUR?day=mon"))
    assert nearest is not None
    assert nearest.call.index == 2


def test_nothing_is_near_in_another_family() -> None:
    assert matcher(get("/EUR")).nearest(RedisCommand(["PING"])) is None


def test_grades_are_words() -> None:
    assert [str(grade) for grade in Grade] == ["exact", "moved", "normalised", "elsewhere"]
