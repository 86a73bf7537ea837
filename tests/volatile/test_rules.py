"""Rules for what cannot be recognised: as they are written, and what they set aside."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.replaying.recorded import JSON, REDACTOR, Made, calls
from timetracer_otel import config
from timetracer_otel.errors import ConfigurationError
from timetracer_otel.messages import (
    FunctionCall,
    FunctionResult,
    HttpRequest,
    HttpResponse,
    MongoCommand,
    MongoReply,
    RedisCommand,
    RedisReply,
    Request,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.replayers.matching import Grade, Matcher, RecordedCalls
from timetracer_otel.store import FolderStore
from timetracer_otel.volatile import Links, Rules
from timetracer_otel.volatile_rules import VolatileRule, parse_rules, rules_beside, write_rules

ANSWERS: dict[str, Any] = {
    "http": HttpResponse(200),
    "db": SqlResult(),
    "redis": RedisReply(),
    "mongodb": MongoReply({}),
    "function": FunctionResult(),
}


def post(body: bytes = b"", url: str = "http://shop/orders", **headers: str) -> HttpRequest:
    return HttpRequest("POST", url, [JSON, *headers.items()], body)


def form(body: bytes) -> HttpRequest:
    return HttpRequest(
        "POST", "http://shop/pay", [("content-type", "application/x-www-form-urlencoded")], body
    )


def mongo(**more: Any) -> MongoCommand:
    return MongoCommand({"find": "orders", "filter": more, "$db": "shop"})


def grade(rule: VolatileRule, recorded: Request, live: Request) -> Grade | None:
    """How exactly a live request is that recorded one, by a rule."""
    recording = RecordedCalls(calls(Made(recorded, ANSWERS[recorded.family])))
    links = Links(lambda: recording.origins, recorded=0.0, now=1000.0)
    match = Matcher(recording, REDACTOR, links=links, rules=Rules([rule])).match(live, ("",), 0)
    return None if match is None else match.grade


@pytest.mark.parametrize(
    ("rule", "recorded", "allowed", "other"),
    [
        (
            VolatileRule(call="http POST */orders", json="$.items[*].took"),
            post(b'{"items": [{"id": 1, "took": 5}, {"id": 2, "took": 6}]}'),
            post(b'{"items": [{"id": 1, "took": 7}, {"id": 2, "took": "x"}]}'),
            post(b'{"items": [{"id": 1, "took": 7}, {"id": 3, "took": 6}]}'),
        ),
        (
            VolatileRule(json="$.items[0]"),
            post(b'{"items": [1, 2]}'),
            post(b'{"items": [9, 2]}'),
            post(b'{"items": [9, 3]}'),
        ),
        (
            VolatileRule(header="X-Load"),
            post(b"", **{"x-load": "1"}),
            post(b"", **{"X-Load": "2"}),
            post(b"", **{"x-b": "2"}),
        ),
        (
            VolatileRule(query="try"),
            post(url="http://shop/?try=1&id=1"),
            post(url="http://shop/?try=2&id=1"),
            post(url="http://shop/?try=2&id=2"),
        ),
        (VolatileRule(form="took"), form(b"id=1&took=5"), form(b"id=1&took=6"), form(b"id=2&took=6")),
        (
            VolatileRule(call="db INSERT INTO t *", parameter="took"),
            SqlStatement("INSERT INTO t VALUES (:id, :took)", {"took": 5, "id": 1}),
            SqlStatement("INSERT INTO t VALUES (:id, :took)", {"took": 6, "id": 1}),
            SqlStatement("INSERT INTO t VALUES (:id, :took)", {"took": 6, "id": 2}),
        ),
        (
            VolatileRule(parameter=2),
            SqlStatement("INSERT INTO t VALUES (?, ?)", [[1, 5], [2, 6]], executemany=True),
            SqlStatement("INSERT INTO t VALUES (?, ?)", [[1, 7], [2, 8]], executemany=True),
            SqlStatement("INSERT INTO t VALUES (?, ?)", [[1, 7], [3, 8]], executemany=True),
        ),
        (
            VolatileRule(call="redis SET load", argument=2),
            RedisCommand(["SET", "load", "0.5"]),
            RedisCommand(["SET", "load", "0.7"]),
            RedisCommand(["SET", "lead", "0.7"]),
        ),
        (
            VolatileRule(argument=1),
            RedisCommand([["GET", "a1"], ["GET", "b1"]], pipeline=True),
            RedisCommand([["GET", "a2"], ["GET", "b2"]], pipeline=True),
            RedisCommand([["GET", "a2"], ["DEL", "b2"]], pipeline=True),
        ),
        (VolatileRule(json="$.filter.n"), mongo(n=1, id=1), mongo(n=2, id=1), mongo(n=2, id=2)),
        (
            VolatileRule(json="$.keywords.n"),
            FunctionCall("f", [1], {"n": 1}),
            FunctionCall("f", [1], {"n": 2}),
            FunctionCall("f", [2], {"n": 2}),
        ),
        (
            VolatileRule(regex=r"worker-\d+"),
            RedisCommand(["SET", "lock", "worker-17 at 3"]),
            RedisCommand(["SET", "lock", "worker-4 at 3"]),
            RedisCommand(["SET", "lock", "worker-4 at 4"]),
        ),
    ],
)
def test_a_rule_sets_aside_its_place_and_no_other(
    rule: VolatileRule, recorded: Request, allowed: Request, other: Request
) -> None:
    assert grade(rule, recorded, allowed) is Grade.NORMALISED
    assert grade(rule, recorded, other) is None
    assert grade(rule, recorded, recorded) is Grade.EXACT


def test_a_rule_about_other_calls_or_about_responses_sets_nothing_aside() -> None:
    one, other = post(b'{"n": 1}'), post(b'{"n": 2}')
    for rule in (
        VolatileRule(call="http GET *", json="$.n"),
        VolatileRule(call="db *", json="$.n"),
        VolatileRule(call="http POST */order", json="$.n"),
        VolatileRule(response="POST /orders", json="$.n"),
    ):
        assert grade(rule, one, other) is None


def test_rules_of_responses() -> None:
    def answer(body: bytes, load: str = "1") -> HttpResponse:
        return HttpResponse(200, [JSON, ("X-Load", load)], body)

    recorded, live = answer(b'{"n": 1, "took": 5}'), answer(b'{"n": 2, "took": 6}', "2")
    rules = Rules([VolatileRule(response="GET /a*", json="$.took"), VolatileRule(header="x-load")])
    assert rules.response("GET /abc", recorded, live) == answer(b'{"n": 1, "took": 6}', "2")
    assert rules.response("GET /b", recorded, live) == answer(b'{"n": 1, "took": 5}', "2")
    text = Rules([VolatileRule(regex=r"\d+ ms")])
    assert text.response("GET /", answer(b"a 5 ms, b 6 ms."), answer(b"c 7 ms, d 8 ms.")) == answer(
        b"a 7 ms, b 8 ms."
    )


def test_rules_are_read_from_pyproject_and_from_beside_the_cassettes(tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    rule = '[[tool.timetracer.volatile]]\ncall = "http POST *"\njson = "$.n"\n'
    pyproject.write_text(f'[tool.timetracer]\non_miss = "fail"\n{rule}')
    settings = config.load({}, pyproject)
    in_pyproject = VolatileRule(call="http POST *", json="$.n")
    assert settings.volatile == (in_pyproject,)

    store = tmp_path / "cassettes"
    cassette = store / "2026-11-26" / "one.json"
    cassette.parent.mkdir(parents=True)
    cassette.write_text("{}")
    beside = [
        VolatileRule(response="GET /it's", regex='"took": \\d+'),
        VolatileRule(call="redis SET load", argument=2),
        VolatileRule(call="db *", parameter="took"),
    ]
    write_rules(store / "timetracer.toml", beside)
    assert rules_beside(cassette) == rules_beside(store) == tuple(beside)
    assert config.beside(settings, store).volatile == (*beside, in_pyproject)
    assert list(FolderStore(store).paths()) == [cassette]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('json = "$.a"\nheader = "b"', "(rule 1): a rule has one of json, header, query, form, parameter,"),
        ('call = "http *"', "this one has none"),
        ('jsn = "$.a"', "'jsn' is no key of a rule; those are call, response, json,"),
        ('json = "a.b"', "json is 'a.b'; allowed is a path such as $.items[0].id"),
        ('json = "$.a[x]"', "json is '$.a[x]'; allowed is a path"),
        ("header = 1", "header is 1; allowed is text"),
        ("argument = 0", "argument is 0; allowed is a place, from 1"),
        ("argument = true", "argument is True; allowed is a place, from 1"),
        ("parameter = -1", "parameter is -1; allowed is a place, from 1 or a name"),
        ('regex = "("', "regex is '(', which is no regular expression: missing )"),
        ('regex = "a*"', "regex is 'a*', which matches where there is nothing"),
        ('call = "ftp *"\njson = "$.a"', "call is 'ftp *'; allowed is a family (http, db, redis, mongodb,"),
    ],
)
def test_a_malformed_rule_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "timetracer.toml").write_text(f"[[volatile]]\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        rules_beside(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path / "timetracer.toml") in str(caught.value)
    with pytest.raises(ConfigurationError, match="rule 1"):
        parse_rules([tomllib.loads(text)], "pyproject.toml: tool.timetracer.volatile")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[volatile]", "cannot be read as TOML"),
        ("[other]\na = 1", "'other' is not known there; rules are [[volatile]] tables"),
        ("volatile = 1", "must be tables of rules"),
    ],
)
def test_a_malformed_file_of_rules(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "timetracer.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        rules_beside(tmp_path)
    assert said in str(caught.value)


def test_pyproject_s_rules_must_be_tables(tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[tool.timetracer]\nvolatile = "all"\n')
    with pytest.raises(ConfigurationError, match=r"tool\.timetracer\.volatile must be tables of rules"):
        config.load({}, pyproject)
