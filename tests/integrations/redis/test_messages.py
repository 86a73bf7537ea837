"""redis, messages: what writes, and what is equal."""

from __future__ import annotations

from typing import Any

import pytest

from timetracer_otel.messages import RedisCommand


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        (["GET", "k"], False),
        (["get", "k"], False),
        ([b"SET", "k", 1], True),
        (["GETEX", "k", "EX", 1], True),
        (["CONFIG GET", "maxmemory"], False),
        (["CONFIG", "SET", "maxmemory", 1], True),
        (["SCRIPT LOAD", "return 1"], False),
        (["EVALSHA", "abc", 0], True),
        (["EVALSHA_RO", "abc", 0], False),
        (["SORT", "k"], False),
        (["SORT", "k", "STORE", "other"], True),
        (["PUBLISH", "c", "m"], True),
        (["WATCH", "k"], False),
    ],
)
def test_which_commands_write(command: list[Any], writes: bool) -> None:
    assert RedisCommand(command).writes is writes


def test_a_pipeline_writes_when_one_of_its_commands_does() -> None:
    assert RedisCommand([["GET", "a"], ["SET", "a", 1]], pipeline=True).writes
    assert not RedisCommand([["GET", "a"], ["TTL", "a"]], pipeline=True).writes


def test_commands_are_equal_when_they_are_on_the_wire() -> None:
    assert RedisCommand(["config get", "1"]).canonical() == RedisCommand([b"CONFIG", "GET", 1]).canonical()
    assert RedisCommand(["GET", b"\xff"]).canonical() != RedisCommand(["GET", "\xff"]).canonical()
