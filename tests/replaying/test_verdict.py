"""What a replay is told to have done otherwise than recorded."""

from __future__ import annotations

import pytest

from tests.replaying.recorded import (
    ANSWERED,
    ASKED,
    CALLERS,
    JSON,
    REDACTOR,
    SETTINGS,
    TRACE,
    Made,
    cassette,
    get,
    redis,
    sql,
)
from timetracer_otel.comparison import Difference, Finding, Row
from timetracer_otel.errors import MissError
from timetracer_otel.messages import Failure, HttpRequest, HttpResponse, Request, SqlStatement
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.verdict import Ended, Verdict, judge

TEXT = ("content-type", "text/plain; charset=utf-8")


def replay(
    *recorded: Made,
    live: HttpResponse | Exception = ANSWERED,
    asked: tuple[Request, ...] = (),
    answered: HttpResponse | Failure | None = ANSWERED,
) -> Verdict:
    """The verdict on an app that makes those calls and answers so."""
    session = Session([cassette(*recorded, answered=answered)], SETTINGS)
    for request in asked:
        try:
            session.begin(CALLERS[request.family], request)
        except MissError:
            continue  # the app may go on after a failed call
    ended = Ended(live, None, 0.25) if isinstance(live, HttpResponse) else Ended(None, live, 0.25)
    return judge(session, "cassettes/one.json", ended, REDACTOR)


def test_the_same_is_the_same() -> None:
    verdict = replay(get("/EUR"), asked=(HttpRequest("GET", "http://rates/EUR"),))
    assert verdict == Verdict(
        title="POST /checkout/7",
        path="cassettes/one.json",
        outcome="same",
        calls=1,
        status=201,
        seconds=0.25,
        recorded_seconds=0.005,
        rows=[Row("same", "GET http://rates/EUR", integration="httpx", grade="exact")],
        trace_id=TRACE,
    )


@pytest.mark.parametrize(
    ("recorded", "live", "differences"),
    [
        (
            ANSWERED,
            HttpResponse(500, ANSWERED.headers, ANSWERED.body),
            ["response status: recorded 201, live 500"],
        ),
        (
            ANSWERED,
            HttpResponse(201, [JSON, ("X-Shop", "two")], ANSWERED.body),
            ["response header x-shop: recorded 'one', live 'two'"],
        ),
        (
            ANSWERED,
            HttpResponse(201, [JSON], ANSWERED.body),
            ["response header x-shop: recorded 'one', live nothing"],
        ),
        (
            ANSWERED,
            HttpResponse(201, [*ANSWERED.headers, ("x-more", "1")], ANSWERED.body),
            ["response header x-more: recorded nothing, live '1'"],
        ),
        (
            ANSWERED,
            HttpResponse(201, ANSWERED.headers, b'{"order": {"id": 8, "paid": true, "at": 1}}'),
            [
                "response body $.order.id: recorded 7, live 8",
                "response body $.order.at: recorded nothing, live 1",
            ],
        ),
        (
            HttpResponse(200, [TEXT], b"one\ntwo\nthree\n"),
            HttpResponse(200, [TEXT], b"one\n2\nthree\n"),
            ["response body line 2: recorded 'two', live '2'"],
        ),
        (
            HttpResponse(200, [TEXT], b"one\n"),
            HttpResponse(200, [TEXT], b"one"),
            [r"response body: recorded 'one\n', live 'one'"],
        ),
        (
            HttpResponse(200, [TEXT], b'{"a": 1}'),
            HttpResponse(200, [TEXT], b'{"a":1}'),
            ["""response body: recorded '{"a": 1}', live '{"a":1}'"""],
        ),
        (
            HttpResponse(200, [], b"\xff\x00"),
            HttpResponse(200, [], b"\xff\x01"),
            ["response body: recorded 2 bytes of SHA-256 ea5dbf9596d1, live 2 bytes of SHA-256 437cb43a3022"],
        ),
        (
            HttpResponse(200, [JSON], b"[1, 2]"),
            HttpResponse(200, [JSON], b"[1, 2, 3]"),
            ["response body $[2]: recorded nothing, live 3"],
        ),
        (
            HttpResponse(200, [JSON], b'{"a": 1}'),
            HttpResponse(200, [JSON], b'{"a": "1"}'),
            ["response body $.a: recorded 1, live '1'"],
        ),
    ],
    ids=[
        "status", "header", "header gone", "header more", "field", "line", "line end", "layout of text",
        "binary", "length", "type",
    ],
)  # fmt: skip
def test_each_part_of_the_response_that_changed_is_named(
    recorded: HttpResponse, live: HttpResponse, differences: list[str]
) -> None:
    verdict = replay(answered=recorded, live=live)
    assert (verdict.outcome, verdict.differences) == ("different", differences)


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        (
            HttpResponse(200, [("Date", "Mon"), ("server", "uvicorn"), ("Content-Length", "2")], b"ok"),
            HttpResponse(200, [("date", "Tue"), ("Transfer-Encoding", "chunked")], b"ok"),
        ),
        (HttpResponse(200, [JSON], b'{"a":1,"b":[]}'), HttpResponse(200, [JSON], b'{ "b": [], "a": 1 }')),
        (HttpResponse(200, [], None), HttpResponse(200, [], b"over the limit when recorded")),
        (
            HttpResponse(200, [], b"the client hung", complete=False),
            HttpResponse(200, [], b"the client hung up"),
        ),
        (
            HttpResponse(200, [JSON], b'{"access_token": "[REDACTED]"}'),
            HttpResponse(200, [JSON], b'{"access_token": "abc"}'),
        ),
        (HttpResponse(200, [], b"", chunks=[[1, 5]]), HttpResponse(200, [], b"")),
    ],
    ids=["transport", "layout", "not recorded", "incomplete", "secret", "pace"],
)
def test_what_says_nothing_about_the_app_is_not_compared(recorded: HttpResponse, live: HttpResponse) -> None:
    assert replay(answered=recorded, live=live).differences == []


def test_an_exception_in_place_of_the_response() -> None:
    verdict = replay(live=KeyError("price"))
    assert (verdict.outcome, verdict.differences, verdict.follows, verdict.status) == (
        "different",
        ["the app raised KeyError: 'price'"],
        ["response: recorded 201, live none"],
        None,
    )


def test_nothing_recorded_is_nothing_to_differ_from() -> None:
    assert replay(answered=None, live=HttpResponse(200)).outcome == "same"


UPDATE = "UPDATE stock SET n = 1"


def test_calls_that_were_missing_extra_and_moved_are_named_though_the_response_is_the_same() -> None:
    verdict = replay(
        get("/EUR", below="pricing"),
        sql(UPDATE),
        redis("GET", "flags"),
        asked=(SqlStatement("UPDATE stock SET n = 2"),),
    )
    missed = (
        "UPDATE stock SET n = 2: no recorded call answers it. Nearest is UPDATE stock SET n = 1;"
        " it differs in statement: recorded 'UPDATE stock SET n = 1', live 'UPDATE stock SET n = 2'"
    )
    changed = f"SQL statement: recorded {UPDATE!r}, live 'UPDATE stock SET n = 2'"
    assert verdict == Verdict(
        title="POST /checkout/7",
        path="cassettes/one.json",
        outcome="different",
        differences=[f"changed write: {changed}", "missing: GET http://rates/EUR"],
        follows=["missing: GET flags"],
        calls=1,
        missing=["GET http://rates/EUR", "GET flags"],
        changed=["UPDATE stock SET n = 2"],
        missed=[missed],
        status=201,
        seconds=0.25,
        recorded_seconds=0.005,
        findings=[
            Finding(
                "changed", f"changed write: {changed}", write=True, detail=missed, recorded=1, live=0,
                parts=[Difference("SQL statement", f"{UPDATE!r}", "'UPDATE stock SET n = 2'")],
            ),
            Finding("missing", "missing: GET http://rates/EUR", recorded=0),
            Finding("missing", "missing: GET flags", follows=True, recorded=2),
        ],
        rows=[
            Row("missing", "GET http://rates/EUR", integration="httpx", path=["pricing"], findings=[1]),
            Row(
                "changed", "UPDATE stock SET n = 2", UPDATE, "sqlalchemy", write=True, findings=[0]
            ),
            Row("missing", "GET flags", integration="redis", findings=[2]),
        ],
        trace_id=TRACE,
    )  # fmt: skip


def test_a_missing_write_alone_is_a_failure() -> None:
    verdict = replay(sql(UPDATE))
    assert (verdict.outcome, verdict.differences) == ("different", [f"missing write: {UPDATE}"])


def test_the_request_itself_is_the_title() -> None:
    assert replay().title == f"{ASKED.method} /checkout/7"
