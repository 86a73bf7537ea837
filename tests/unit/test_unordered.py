"""Lists whose order says nothing, in every way to write a statement, and those whose order does."""

from __future__ import annotations

from typing import Any

import pytest

from timetracer_otel.messages import MongoCommand, RedisCommand, RedisReply, SqlStatement
from timetracer_otel.messages.unordered import in_order_of, unordered


@pytest.mark.parametrize(
    ("text", "was", "now"),
    [
        ("SELECT * FROM a WHERE id IN (?, ?, ?) AND b = ?", [1, 2, 3, 9], [3, 1, 2, 9]),
        ("SELECT * FROM a WHERE b = %s AND id NOT IN (%s, %s)", (9, 1, 2), (9, 2, 1)),
        ("SELECT * FROM a WHERE c LIKE 'a%%' AND id IN (%s,%s)", [1, 2], [2, 1]),
        ("SELECT * FROM a WHERE id IN ($1, $2) LIMIT $3", [1, 2, 50], [2, 1, 50]),
        ("SELECT * FROM a WHERE id IN ($1::INTEGER, $2::INTEGER)", [1, 2], [2, 1]),
        ("SELECT * FROM a WHERE p IN ($1::NUMERIC(10, 2), $2::NUMERIC(10, 2))", [1, 2], [2, 1]),
        ("SELECT * FROM a WHERE id IN (:1, :2)", [1, 2], [2, 1]),
        ("SELECT * FROM a WHERE id IN (:a, :b)", {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ("SELECT * FROM a WHERE id IN (%(x)s::UUID, %(y)s::UUID)", {"x": 1, "y": 2}, {"x": 2, "y": 1}),
        ("SELECT * FROM a WHERE id = ANY(%s)", [[1, 2]], [[2, 1]]),
        ("SELECT * FROM a WHERE id <> ALL ($1::int[])", [[1, 2]], [[2, 1]]),
        ("SELECT * FROM a WHERE x IN (?, ?) OR y IN (?, ?)", [1, 2, 3, 4], [2, 1, 4, 3]),
        ("DELETE FROM a WHERE id IN (?, ?)", [1, 2], [2, 1]),
    ],
)  # fmt: skip
def test_a_list_of_a_statement(text: str, was: Any, now: Any) -> None:
    first, second = unordered(SqlStatement(text, was)), unordered(SqlStatement(text, now))

    assert first == second != None  # noqa: E711  # both are keys


@pytest.mark.parametrize(
    ("text", "was", "now"),
    [
        ("SELECT * FROM a WHERE id IN (?, ?)", [1, 2], [1, 3]),
        ("SELECT * FROM a WHERE id IN (?, ?)", [1, 1], [1, 2]),
        ("SELECT * FROM a WHERE x IN (?, ?) OR y IN (?, ?)", [1, 2, 3, 4], [3, 4, 1, 2]),
        ("SELECT * FROM a WHERE id IN (?, ?) ORDER BY FIELD(id, ?, ?)", [1, 2, 1, 2], [2, 1, 2, 1]),
        ("SELECT * FROM a WHERE id IN (:a, :b) ORDER BY id = :a", {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ("SELECT * FROM a WHERE id = ANY($1) ORDER BY array_position($1, id)", [[1, 2]], [[2, 1]]),
        ("SELECT * FROM a WHERE (x, y) IN ((?, ?))", [1, 2], [2, 1]),
        ("SELECT * FROM a WHERE id IN ($1::INTEGER, $2::TEXT)", [1, 2], [2, 1]),
        ("INSERT INTO a VALUES (?, ?)", [1, 2], [2, 1]),
        ("SELECT 'IN (?, ?)', ?, ?", [1, 2], [2, 1]),
    ],
)
def test_what_is_another_statement(text: str, was: Any, now: Any) -> None:
    first, second = unordered(SqlStatement(text, was)), unordered(SqlStatement(text, now))

    assert first is None or first != second


def test_a_list_of_another_length_is_another_statement() -> None:
    two = SqlStatement("SELECT * FROM a WHERE id IN (?, ?)", [1, 2])
    three = SqlStatement("SELECT * FROM a WHERE id IN (?, ?, ?)", [1, 2, 2])

    assert unordered(two) != unordered(three)


def mongo(**command: Any) -> Any:
    return unordered(MongoCommand({**command, "$db": "shop"}))


def test_a_list_of_a_filter() -> None:
    def found(ids: list[int]) -> Any:
        return mongo(find="orders", filter={"$and": [{"_id": {"$in": ids}}, {"n": 1}]})

    def matched(ids: list[int]) -> Any:
        return mongo(aggregate="orders", pipeline=[{"$match": {"_id": {"$nin": ids}}}])

    def deleted(ids: list[int]) -> Any:
        return mongo(delete="orders", deletes=[{"q": {"_id": {"$in": ids}}, "limit": 0}])

    for key in (found, matched, deleted):
        assert key([1, 2, 3]) == key([3, 1, 2]) is not None
        assert key([1, 2, 3]) != key([1, 2, 4])


def test_what_is_no_list_of_a_filter() -> None:
    """In an expression ``$in`` has an item and a list; in a document that is stored it is any field."""
    assert mongo(find="orders", filter={"$expr": {"$in": ["$a", ["$b", "$c"]]}}) is None
    assert mongo(insert="orders", documents=[{"$in": [1, 2]}]) is None
    assert mongo(aggregate="orders", pipeline=[{"$project": {"a": {"$in": ["$a", "$b"]}}}]) is None


@pytest.mark.parametrize("command", ["DEL {} {}", "SADD key {} {}", "MGET {} {}", "HMGET key {} {}"])
def test_a_list_of_a_command(command: str) -> None:
    one, other = (RedisCommand(command.format(*items).split()) for items in ("ab", "ba"))

    assert unordered(one) == unordered(other) is not None


@pytest.mark.parametrize("command", ["LPUSH key {} {}", "MSET {} {}", "SDIFF {} {}", "RENAME {} {}"])
def test_what_is_another_command(command: str) -> None:
    assert unordered(RedisCommand(command.format("a", "b").split())) is None


def test_a_reply_comes_in_the_order_that_is_asked() -> None:
    was, now = RedisCommand(["MGET", "a", "b", "c"]), RedisCommand(["MGET", b"c", "a", "b"])

    assert in_order_of(RedisReply([b"1", None, b"3"]), was, now) == RedisReply([b"3", b"1", None])


def test_a_reply_whose_order_cannot_be_told_is_none() -> None:
    was, now = RedisCommand(["MGET", "a", "a", "b"]), RedisCommand(["MGET", "b", "a", "a"])

    assert in_order_of(RedisReply([b"1", b"2", b"3"]), was, now) is None
    assert (
        in_order_of(RedisReply(None), RedisCommand(["MGET", "a", "b"]), RedisCommand(["MGET", "b", "a"]))
        is None
    )


def test_a_count_is_the_same_in_any_order() -> None:
    was, now = RedisCommand(["DEL", "a", "b"]), RedisCommand(["DEL", "b", "a"])

    assert in_order_of(RedisReply(2), was, now) == RedisReply(2)
