"""What two runs asked of the world: missing, extra, changed, moved, each in one line."""

from __future__ import annotations

from typing import Any

import pytest

from timetracer_otel.comparison import Comparison, Made, Run, compare, differences
from timetracer_otel.messages import FunctionCall, HttpRequest, RedisCommand, Request, SqlStatement

JSON = [("content-type", "application/json")]
SELECT = "SELECT name FROM product WHERE id = ? AND shop = ?"


def called(request: Request, lane: int = 0, *above: str, **more: Any) -> Made:
    return Made(
        request, request.title(), request.family, writes=request.writes, path=("", *above), lane=lane, **more
    )


def get(path: str) -> HttpRequest:
    return HttpRequest("GET", f"http://rates{path}")


def post(body: str) -> HttpRequest:
    return HttpRequest("POST", "http://pay/charges", JSON, body.encode())


def sql(text: str, *parameters: Any) -> SqlStatement:
    return SqlStatement(text, list(parameters))


def compared(recorded: list[Made], live: list[Made]) -> Comparison:
    return compare(Run(None, recorded), Run(None, live))


def lines(recorded: list[Made], live: list[Made]) -> list[str]:
    """What is said of them; in brackets what makes nothing different."""
    findings = compared(recorded, live).findings
    return [finding.text if finding.fails else f"({finding.text})" for finding in findings]


@pytest.mark.parametrize(
    ("recorded", "live", "said"),
    [
        (sql(SELECT, 1, 2), sql(SELECT, 1, 3), f"changed: SQL parameter [1]: recorded 2, live 3 in {SELECT}"),
        (
            sql("SELECT a FROM t"),
            sql("SELECT a, b FROM t"),
            "changed: SQL statement: recorded 'SELECT a FROM t', live 'SELECT a, b FROM t'",
        ),
        (
            RedisCommand(["GET", "user:1"]),
            RedisCommand(["GET", "user:2"]),
            "changed: Redis key: recorded 'user:1', live 'user:2' in GET user:1",
        ),
        (
            RedisCommand(["SET", "user:1", "a"]),
            RedisCommand(["SET", "user:1", "b"]),
            "changed write: Redis argument [1]: recorded 'a', live 'b' in SET user:1 a",
        ),
        (
            get("/EUR?day=mon&n=1"),
            get("/EUR?day=tue&n=1"),
            "changed: HTTP query day: recorded 'mon', live 'tue' in GET http://rates/EUR?day=mon&n=1",
        ),
        (
            post('{"amount": 5, "of": [1, 2, 3]}'),
            post('{"amount": 6, "of": [1, 3]}'),
            "changed write: HTTP body $.amount: recorded 5, live 6;"
            " HTTP body $.of[1]: recorded 2, live nothing in POST http://pay/charges",
        ),
        (
            FunctionCall("weather", ["Rome"]),
            FunctionCall("weather", ["Oslo"]),
            "changed write: function argument [0]: recorded 'Rome', live 'Oslo' in weather('Rome')",
        ),
    ],
)
def test_a_changed_call_is_paired_with_its_nearest_and_named_by_its_part(
    recorded: Request, live: Request, said: str
) -> None:
    around = [called(get("/before")), called(sql("SELECT 1"))]
    assert lines([*around, called(recorded)], [*around, called(live)]) == [said]


def test_a_call_that_is_put_in_or_taken_out_is_one_line() -> None:
    three = [called(sql("SELECT ?", number)) for number in range(3)]
    assert lines(three, [three[0], three[2]]) == ["missing: SELECT ?"]
    assert lines([three[0], three[2]], three) == ["extra: SELECT ?"]
    assert lines(three, [*three, called(post("{}"))]) == ["extra write: POST http://pay/charges"]


def test_calls_that_have_nothing_in_common_are_not_one_that_changed() -> None:
    assert lines([called(get("/EUR"))], [called(HttpRequest("GET", "http://flags.internal/all?user=7"))]) == [
        "extra: GET http://flags.internal/all?user=7",
        "missing: GET http://rates/EUR",
    ]


def test_two_swapped_writes_are_one_line() -> None:
    first, second = called(sql("INSERT INTO a VALUES (1)")), called(sql("INSERT INTO b VALUES (1)"))
    commit = called(sql("COMMIT"))
    swapped = ["re-ordered write: INSERT INTO b VALUES (1): live before INSERT INTO a VALUES (1)"]
    assert lines([first, second, commit], [second, first, commit]) == swapped
    assert lines([first, commit, second, commit], [second, commit, first, commit]) == swapped


def test_a_write_after_the_commit_that_it_preceded_is_one_line() -> None:
    write, commit = called(sql("INSERT INTO a VALUES (1)")), called(sql("COMMIT"))
    assert lines([write, commit], [commit, write]) == [
        "re-ordered write: COMMIT: live before INSERT INTO a VALUES (1)"
    ]


def test_transactions_of_several_databases_end_in_any_order() -> None:
    orders, audit = called(sql("INSERT INTO a VALUES (1)")), called(sql("INSERT INTO b VALUES (1)"))
    ends = [called(sql("COMMIT"), 0, name) for name in ("orders", "audit")]
    assert lines([orders, audit, *ends], [orders, audit, *reversed(ends)]) == []


def test_reads_in_another_order_are_worth_knowing() -> None:
    first, second = called(get("/EUR")), called(get("/USD"))
    comparison = compared([first, second], [second, first])
    assert [(finding.text, finding.fails) for finding in comparison.findings] == [
        ("moved: GET http://rates/USD: live before GET http://rates/EUR", False)
    ]
    assert comparison.same


def test_tasks_that_finish_in_another_order_are_the_same() -> None:
    first = [called(sql("INSERT INTO a VALUES (?)", number), lane=1) for number in range(3)]
    second = [called(sql("INSERT INTO b VALUES (?)", number), lane=2) for number in range(3)]
    mixed = [second[0], first[0], second[1], second[2], first[1], first[2]]
    assert lines([*first, *second], mixed) == []
    assert [row.mark for row in compared([*first, *second], mixed).rows] == ["same"] * 6


def test_a_call_from_another_place_in_the_tree_is_worth_knowing() -> None:
    assert lines([called(get("/EUR"), 0, "pricing")], [called(get("/EUR"))]) == [
        "(moved: GET http://rates/EUR: recorded below pricing, live below the request itself)"
    ]


def test_what_comes_after_a_call_without_an_answer_follows_of_it() -> None:
    before, asked, after = called(get("/a")), called(sql(SELECT, 1, 2)), called(post("{}"))
    unanswered = called(sql(SELECT, 1, 3), explanation="no recorded call answers it")
    findings = compared([before, asked, after], [before, unanswered]).findings
    assert [(finding.kind, finding.follows) for finding in findings] == [
        ("changed", False),
        ("missing", True),
    ]


def test_both_trees_are_drawn_as_one() -> None:
    one, two, three = (called(get(f"/{name}")) for name in ("one", "two", "three"))
    rows = compared([one, two, three], [one, three, called(post("{}"))]).rows
    assert [(row.mark, row.title) for row in rows] == [
        ("same", "GET http://rates/one"),
        ("missing", "GET http://rates/two"),
        ("same", "GET http://rates/three"),
        ("extra", "POST http://pay/charges"),
    ]


def test_a_difference_is_seen_where_texts_are_long() -> None:
    """What is far from the beginning is shown with what stands before it."""
    columns = ", ".join(f"orders.column_{number}" for number in range(40))
    was = f"SELECT {columns} FROM orders WHERE orders.id = $1 AND orders.open"
    now = f"SELECT {columns} FROM orders WHERE orders.id = $1 AND orders.paid"
    (difference,) = differences(was, now, "statement")
    assert str(difference) == (
        "statement: recorded ... orders WHERE orders.id = $1 AND orders.open',"
        " live ... orders WHERE orders.id = $1 AND orders.paid'"
    )
