"""A session: what it answers, what it refuses, what it remembers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.replaying.recorded import CALLERS, JSON, SETTINGS, Made, cassette, get, redis, sql
from timetracer_otel import attributes as names
from timetracer_otel import config
from timetracer_otel.errors import MissError
from timetracer_otel.messages import (
    Failure,
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    Request,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.replayers.inbound import CassetteLibrary
from timetracer_otel.replayers.matching import Grade
from timetracer_otel.replayers.session import Session
from timetracer_otel.span import Status, StatusCode


def ask(session: Session, request: Request) -> Any:
    """What the session answers; ``None`` when the call is to go out."""
    return session.begin(CALLERS[request.family], request).recorded


def seen(session: Session) -> list[tuple[str, str, str | None]]:
    return [(call.title, call.outcome.value, call.grade and call.grade.value) for call in session.calls]


EUR = HttpRequest("GET", "http://rates/EUR")


def test_calls_are_answered_and_noted() -> None:
    failed = Made(RedisCommand(["INCR", "stock"]), Failure("redis.exceptions.ResponseError", ["no integer"]))
    session = Session([cassette(get("/EUR", b"1.1"), sql("SELECT 1", rows=[[1]]), failed)], SETTINGS)
    assert ask(session, SqlStatement("SELECT  1")) == SqlResult([["n"]], [[1]])
    assert ask(session, RedisCommand(["INCR", b"stock"])) == failed.answer
    assert ask(session, EUR) == HttpResponse(200, [], b"1.1")
    assert seen(session) == [
        ("SELECT 1", "answered", "exact"),
        ("INCR stock", "answered", "exact"),
        ("GET http://rates/EUR", "answered", "exact"),
    ]
    assert (session.misses, session.unused) == ([], [])


@pytest.mark.parametrize(
    ("recorded", "live", "message"),
    [
        (
            [sql("SELECT * FROM t WHERE id = ?", [1])],
            SqlStatement("SELECT * FROM t WHERE id = ?", [2]),
            "SELECT * FROM t WHERE id = ?: no recorded call answers it. Nearest is"
            " SELECT * FROM t WHERE id = ?; it differs in parameters[0]: recorded 1, live 2",
        ),
        (
            [redis("GET", "a")],
            EUR,
            "GET http://rates/EUR: nothing like it was recorded in POST /checkout/7",
        ),
        (
            [get("/EUR", None)],
            HttpRequest("PUT", "http://rates/EUR?a=1", [("x-a", "1"), ("x-b", "2"), ("x-c", "3")], b"new"),
            "PUT http://rates/EUR?a=1: no recorded call answers it."
            " Nearest is GET http://rates/EUR; it differs in"
            " method: recorded 'GET', live 'PUT'; query[0]: recorded nothing, live ['a', '1'];"
            " headers.x-a: recorded nothing, live ['1'];"
            " headers.x-b: recorded nothing, live ['2']; and 2 more",
        ),
    ],
)  # fmt: skip
def test_a_miss_is_refused_and_explains_itself(recorded: list[Made], live: Request, message: str) -> None:
    session = Session([cassette(*recorded)], SETTINGS)
    with pytest.raises(MissError) as caught:
        ask(session, live)
    assert str(caught.value) == message
    assert [call.explanation for call in session.misses] == [message]


def test_one_call_too_many_says_so() -> None:
    session = Session([cassette(get("/EUR"))], SETTINGS)
    ask(session, EUR)
    with pytest.raises(MissError) as caught:
        ask(session, EUR)
    assert str(caught.value) == (
        "GET http://rates/EUR: it was recorded fewer times than it is now called (in POST /checkout/7)"
    )


def test_a_call_recorded_without_its_answer_is_not_answered() -> None:
    session = Session([cassette(Made(RedisCommand(["GET", "large"])))], SETTINGS)
    with pytest.raises(MissError, match=r"^GET large: it was recorded, but its answer was not; see the gaps"):
        ask(session, RedisCommand(["GET", "large"]))


def test_a_miss_may_go_out_when_asked() -> None:
    session = Session([cassette()], config.load({}, on_miss="passthrough"))
    assert ask(session, EUR) is None
    assert seen(session) == [("GET http://rates/EUR", "missed", None)]


@pytest.mark.parametrize(
    ("settings", "live"),
    [
        ({"live_plugins": ("http",)}, ["http"]),
        ({"live_plugins": ("sqlalchemy", "redis")}, ["db", "redis"]),
        ({"mock_plugins": ("redis",)}, ["http", "db"]),
        ({"mock_plugins": ("httpx", "db")}, ["redis"]),
        ({}, []),
    ],
)
def test_a_hybrid_replay_leaves_some_integrations_live(settings: Any, live: list[str]) -> None:
    session = Session([cassette(get("/EUR"), sql("SELECT 1"), redis("PING"))], config.load({}, **settings))
    asked: dict[str, Request] = {"http": EUR, "db": SqlStatement("SELECT 1"), "redis": RedisCommand(["PING"])}
    assert [family for family, request in asked.items() if ask(session, request) is None] == live
    assert [session.live(CALLERS[family]) for family in asked] == [family in live for family in asked]
    # what is live is not missed, and not missing
    assert (session.misses, session.unused) == ([], [])


def test_what_the_request_did_not_record_is_asked_of_calls_made_outside_requests() -> None:
    outside = Session([cassette(redis("GET", "flags", reply=b"on"), asked=None)], SETTINGS, reuse=True)
    sessions = [Session([cassette(get("/EUR"))], SETTINGS, fallback=outside) for _ in range(2)]
    assert [ask(session, RedisCommand(["GET", "flags"])) for session in sessions] == [RedisReply(b"on")] * 2
    assert [len(session.calls) for session in sessions] == [1, 1]
    assert outside.calls == []


def test_calls_outside_requests_may_have_other_ids_each_time_but_not_within_requests() -> None:
    recorded, *live = (f"GET job:{one * 8}-0000-4000-8000-000000000000".split() for one in "abcd")
    found = cassette(redis(*recorded, reply=recorded[1].encode()), asked=None)
    outside = Session([found], SETTINGS, reuse=True)
    # the ids of the answers are those of the calls
    assert [ask(outside, RedisCommand(command)) for command in live] == [
        RedisReply(command[1].encode()) for command in live
    ]
    with pytest.raises(MissError, match="no recorded call answers it"):
        ask(outside, RedisCommand(["GET", "job:12"]))
    within = Session([cassette(get("/EUR"))], SETTINGS, fallback=outside)
    assert ask(within, RedisCommand(recorded)) == RedisReply(recorded[1].encode())
    with pytest.raises(MissError, match="nothing like it was recorded"):
        ask(within, RedisCommand(live[0]))


def test_a_process_in_replay_starts_as_one_did_that_could() -> None:
    table = "CREATE TABLE items (id int)"
    there = Failure("sqlite3.OperationalError", ["table items already exists"])
    failed = cassette(Made(SqlStatement(table), there), asked=None, trace="a" * 32, started=1_000)
    failed.spans[1].status = Status(StatusCode.ERROR)
    went_well = cassette(sql(table), asked=None, trace="b" * 32, started=2_000)
    for startup in (failed, went_well):
        startup.entry.attributes[names.ENTRY_FRAMEWORK] = "fastapi"
    session = Session([failed, went_well], SETTINGS, reuse=True)
    assert [ask(session, SqlStatement(table)) for _ in range(2)] == [SqlResult([["n"]], [])] * 2


def test_a_mask_does_not_become_what_a_client_sends_in_its_place() -> None:
    signing_in = [
        HttpRequest("POST", "http://shop/signin", [JSON], b'{"password": "%s"}' % password)
        for password in (b"[REDACTED]", b"correct horse", b"battery")
    ]
    text = "SELECT password FROM users"
    for live in signing_in:
        session = Session([cassette(sql(text, rows=[["[REDACTED]"]]), asked=signing_in[0])], SETTINGS)
        session.received(live)
        assert ask(session, SqlStatement(text)) == SqlResult([["n"]], [["[REDACTED]"]])


def test_an_integration_can_look_at_all_it_asked() -> None:
    outside = Session([cassette(sql("SHOW server_version"), asked=None)], SETTINGS, reuse=True)
    session = Session([cassette(get("/EUR"), sql("SELECT 1"))], SETTINGS, fallback=outside)
    assert [request.title() for request in session.recorded_requests(CALLERS["db"])] == [
        "SELECT 1",
        "SHOW server_version",
    ]


def test_many_threads_share_the_session_of_a_process() -> None:
    count = 20
    recorded = [redis("GET", f"key {number}", reply=number) for number in range(count)]
    session = Session([cassette(*recorded, asked=None)], SETTINGS, reuse=True)
    together = threading.Barrier(count)

    def work(number: int) -> list[Any]:
        together.wait()
        return [
            ask(session, RedisCommand(["GET", f"key {(number + step) % count}"])).value
            for step in range(count)
        ]

    with ThreadPoolExecutor(count) as executor:
        results = list(executor.map(work, range(count)))
    assert results == [[(number + step) % count for step in range(count)] for number in range(count)]
    assert len(session.calls) == count * count
    assert {call.grade for call in session.calls} == {Grade.EXACT}


def test_many_threads_use_each_recorded_call_once() -> None:
    count = 20
    session = Session([cassette(*(redis("INCR", "n", reply=number) for number in range(count)))], SETTINGS)
    together = threading.Barrier(count)

    def work(_: int) -> Any:
        together.wait()
        return ask(session, RedisCommand(["INCR", "n"])).value

    with ThreadPoolExecutor(count) as executor:
        assert sorted(executor.map(work, range(count))) == list(range(count))
    assert session.unused == []


def test_what_the_app_does_to_an_answer_changes_no_later_one() -> None:
    recorded = cassette(redis("LRANGE", "queue", reply=["a", "b"]))
    library = CassetteLibrary([recorded], SETTINGS)
    for _ in range(2):
        reply = ask(library.session(recorded), RedisCommand(["LRANGE", "queue"])).value
        assert reply == ["a", "b"]
        reply.clear()
