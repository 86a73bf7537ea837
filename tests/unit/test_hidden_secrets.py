"""Secrets where a first look does not find them: in paths, behind names that leave it open, in other
charsets, within messages within messages.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from timetracer_otel.messages import HttpRequest, RedisCommand, RedisReply, SqlResult, SqlStatement
from timetracer_otel.redaction import MASK, Redactor, masked_equal
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.opaque import is_opaque

REDACTOR = Redactor()
SESSION = "9f86d081884c7d659a2feaa0c55ad015"


def masked(message: Any) -> Any:
    """The message as it is written; masking it again changes nothing."""
    clean = REDACTOR.message(message, [])
    assert REDACTOR.message(clean, []) == clean
    return clean


def posted(body: str | bytes, kind: str = "application/json") -> HttpRequest:
    body = body if isinstance(body, bytes) else body.encode()
    return HttpRequest("POST", "http://h/", [("content-type", kind)], body)


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "clean"),
        [
            ("/shop;jsessionid=1A2B?page=2", "/shop;jsessionid=%5BREDACTED%5D?page=2"),
            ("http://h/a;v=1;token=x/b;c=d", "http://h/a;v=1;token=%5BREDACTED%5D/b;c=d"),
            (f"/shop;sid={SESSION}#top", "/shop;sid=%5BREDACTED%5D#top"),
            ("jdbc:sqlserver://h:1433;user=sa;password=x", "jdbc:sqlserver://h:1433;user=sa;password=%5BREDACTED%5D"),
            ("/map;lat=50;long=20;token=", "/map;lat=50;long=20;token="),
            ("/x?a=1;token=2;b=3", "/x?a=1;token=%5BREDACTED%5D;b=3"),
            ("/x?token=1;b=3&pwd=4;5", "/x?token=%5BREDACTED%5D;b=3&pwd=%5BREDACTED%5D"),
            ("/x?token=ab;cd==&b=3", "/x?token=%5BREDACTED%5D&b=3"),
            ("/x?a;b;token=1", "/x?a;b;token=%5BREDACTED%5D"),
            ("/cb?code=SplxlO&state=af0", "/cb?code=%5BREDACTED%5D&state=af0"),
            ("/shops?code=SPRING-20&country=CZ", "/shops?code=SPRING-20&country=CZ"),
            (f"/socket.io/?sid={SESSION}&t=1", "/socket.io/?sid=%5BREDACTED%5D&t=1"),
            ("/talks?session=winter-term-2026-b", "/talks?session=winter-term-2026-b"),
        ],
    )  # fmt: skip
    def test_parameters_of_the_path_and_between_semicolons(self, url: str, clean: str) -> None:
        message = masked(HttpRequest("GET", url))
        assert message.url == clean
        assert masked_equal(message.canonical(), HttpRequest("GET", url).canonical())
        assert REDACTOR.span_attributes({"url.path": url, "url.full": url}) == {
            "url.path": clean,
            "url.full": clean,
        }

    def test_urls_in_texts(self) -> None:
        said = posted('{"link": "https://h/shop;jsessionid=1A2B?x=1;token=2"}')
        assert (
            masked(said).body
            == b'{"link": "https://h/shop;jsessionid=%5BREDACTED%5D?x=1;token=%5BREDACTED%5D"}'
        )

    def test_the_code_of_oauth_is_exchanged_for_a_token(self) -> None:
        form = "application/x-www-form-urlencoded"
        asked = posted("grant_type=authorization_code&code=SplxlO&redirect_uri=http%3A%2F%2Fh%2Fcb", form)
        assert masked(asked).body == (
            b"grant_type=authorization_code&code=%5BREDACTED%5D&redirect_uri=http%3A%2F%2Fh%2Fcb"
        )
        assert masked(posted("code=SPRING-20&n=1", form)).body == b"code=SPRING-20&n=1"


class TestNamesThatLeaveItToTheValue:
    @pytest.mark.parametrize(
        "name", ["auth", "sid", "session", "Session", "connect.sid", "cookie", "Set-Cookie"]
    )
    def test_masked_where_the_value_is_one_that_machines_make(self, name: str) -> None:
        def said(value: str) -> list[Any]:
            return [
                json.loads(masked(posted(json.dumps({name: value}))).body)[name],
                masked(RedisCommand(["HSET", "k", name, value])).arguments[-1],
                masked(RedisReply({name: value})).value[name],
                masked(SqlStatement("INSERT INTO t VALUES (:x)", {name: value})).parameters[name],
                masked(SqlResult([(name,)], [(value,)], 1)).rows[0][0],
            ]

        assert said(SESSION) == [MASK] * 5
        assert said("morning yoga") == ["morning yoga"] * 5

    @pytest.mark.parametrize(
        "name", ["sessions", "author", "side", "session_name", "authType", "cookie_policy"]
    )
    def test_other_names_are_left(self, name: str) -> None:
        assert not SensitiveNames().hide(name, SESSION)

    @pytest.mark.parametrize(
        "value",
        [
            SESSION,
            "8c5e9a2e-3f5b-4f0c-9f64-0d0f7a3b8a11",
            "s%3AqK8hX2vN7pR4tY6w.3Jf9",
            "Basic YWxhZGRpbjpvcGVuc2VzYW1l",
            "dXNlcjpwYXNzdzByZDEyMw==",
            "cs_test_a1B2c3D4e5F6",
            "sid=a1B2c3D4e5F6a7; theme=dark",
        ],
    )  # fmt: skip
    def test_values_that_machines_make(self, value: str) -> None:
        assert is_opaque(value)

    @pytest.mark.parametrize(
        "value",
        [
            *("basic", "oauth2_client_credentials", "winter-term-2026-b", "Monday morning, room 12", ""),
            *("2026-11-27T10:00:00.123Z", "SM1f0e8ae6ade43cb3c0ce4525424e404f", "/api/v2/sessions/current"),
        ],
    )
    def test_values_that_people_and_schemas_make(self, value: str) -> None:
        assert not is_opaque(value)

    def test_what_is_no_text_is_left(self) -> None:
        said = posted('{"session": {"id": 7, "title": "Tea"}, "sid": 12345678901234567890, "auth": null}')
        assert REDACTOR.message(said, []) is said
