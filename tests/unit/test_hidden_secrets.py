"""Secrets where a first look does not find them: in paths, behind names that leave it open, in other
charsets, within messages within messages.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from timetracer_otel.comparison.outcomes import exception_change
from timetracer_otel.messages import (
    Failure,
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.redaction import MASK, KnownSecrets, Redactor, masked_equal, secrets_in
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


SAID = '{"user": "Zoë", "password": "s3cr3t-VALUE-9", "note": "表"}'
"""The last letter ends in a backslash in Shift-JIS."""


class TestCharsets:
    @pytest.mark.parametrize(
        "codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-7", "cp037"]
    )
    @pytest.mark.parametrize("kind", ["application/json", "text/plain"])
    def test_a_body_in_its_declared_charset(self, codec: str, kind: str) -> None:
        said = SAID if kind == "application/json" else "see https://h/reset?token=s3cr3t-VALUE-9 now"
        said = said.replace("表", "") if codec == "cp037" else said
        message = posted(said.encode(codec), f"{kind}; charset={codec}")
        plain = said.replace("s3cr3t-VALUE-9", MASK if kind == "application/json" else "%5BREDACTED%5D")
        assert masked(message).body.decode(codec) == plain
        other = posted(said.replace("s3cr3t-VALUE-9", "an0ther").encode(codec), f"{kind}; charset={codec}")
        assert masked_equal(masked(message).canonical(), masked(other).canonical())

    @pytest.mark.parametrize("codec", ["cp932", "gb18030", "big5", "iso-2022-jp", "euc-kr"])
    def test_letters_that_end_in_a_backslash(self, codec: str) -> None:
        said = '{"表": "表", "password": "s3cr3t-VALUE-9"}'
        name = {"cp932": "Shift_JIS"}.get(codec, codec)
        clean = masked(posted(said.encode(codec), f'application/json; charset="{name}"'))
        assert clean.body.decode(codec) == said.replace("s3cr3t-VALUE-9", MASK)

    @pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32-le"])
    def test_a_charset_that_only_its_bytes_tell(self, codec: str) -> None:
        assert json.loads(masked(posted(SAID.encode(codec))).body)["password"] == MASK

    def test_a_charset_that_is_not_the_bodys(self) -> None:
        for body in (SAID, f"{SAID} "):
            assert b"s3cr3t" not in masked(posted(body, "application/json; charset=utf-16")).body

    def test_the_pieces_and_the_length_follow(self) -> None:
        body = SAID.encode("utf-16")
        headers = [("content-type", "application/json; charset=utf-16"), ("content-length", str(len(body)))]
        clean = masked(HttpResponse(200, headers, body, [[60, 1], [len(body) - 60, 2]]))
        assert clean.header("content-length") == str(len(clean.body))
        assert sum(size for size, _ in clean.chunks) == len(clean.body)

    def test_what_was_cut_off(self) -> None:
        body = SAID.encode("utf-16")[:-25]
        assert "s3cr3t" not in masked(posted(body)).body.decode("utf-16", "ignore")

    @pytest.mark.parametrize(
        "body", [b"\0\0\0 ftypisom" * 9, b"\xff\xfe\0", b"\xfe", b"\0", b"{\0", b"\xff\xfe\0\xd8{\0"]
    )
    def test_what_is_no_text_at_all(self, body: bytes) -> None:
        for kind in ("application/octet-stream", "application/json", "application/json; charset=utf-16", ""):
            message = posted(body, kind)
            assert REDACTOR.message(message, []) is message

    @pytest.mark.parametrize("codec", ["utf-16", "utf-7", "iso-2022-jp", "gb18030"])
    @pytest.mark.parametrize("piece", ['"password": "x", ', "\\", '{"', "a&", "+-"])
    def test_a_large_body_takes_a_moment(self, codec: str, piece: str) -> None:
        body = "{" + piece * (200_000 // len(piece))
        masked(posted(body.encode(codec), f"application/json; charset={codec}"))


BATCH = "\r\n".join(
    [
        "--b",
        "Content-Type: application/http",
        "Content-ID: <1>",
        "",
        "POST /reset?token={secret}&n=1 HTTP/1.1",
        "Authorization: Bearer {secret}",
        "X-Shop: 5",
        "Content-Type: application/json",
        "Content-Length: {length}",
        "",
        '{{"password": "{secret}"}}',
        "--b",
        "Content-Type: multipart/mixed; boundary=changes",
        "",
        "--changes",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        "PATCH People(1) HTTP/1.1",
        "Content-Type: application/x-www-form-urlencoded",
        "",
        "name=Ann&pin={secret}",
        "--changes--",
        "",
        "--b",
        "Content-Type: application/http",
        "",
        "HTTP/1.1 200 OK",
        "X-Odd: a",
        " folded",
        "Set-Cookie: sid={secret}; Path=/",
        "",
        "",
        "--b--",
        "",
    ]
)


class TestMessagesInBodies:
    def test_the_parts_of_a_batch_are_masked_as_messages_are(self) -> None:
        def batch(secret: str) -> str:
            return BATCH.format(secret=secret, length=len('{"password": ""}') + len(secret))

        clean = masked(posted(batch("s3cr3t"), "multipart/mixed; boundary=b")).body.decode()
        expected = batch(MASK).replace("token=[REDACTED]", "token=%5BREDACTED%5D")
        assert clean == expected.replace("pin=[REDACTED]", "pin=%5BREDACTED%5D")

    def test_a_message_that_is_the_whole_body(self) -> None:
        said = "POST /x HTTP/1.1\nX-Api-Key: k\n\n"
        assert masked(posted(said, "application/http")).body == b"POST /x HTTP/1.1\nX-Api-Key: [REDACTED]\n\n"

    def test_more_headers_by_setting(self) -> None:
        redactor = Redactor(headers=["x-shop"])
        said = posted("GET /x HTTP/1.1\r\nX-Shop: 5\r\n\r\n", "application/http")
        assert redactor.message(said, []).body == b"GET /x HTTP/1.1\r\nX-Shop: [REDACTED]\r\n\r\n"

    @pytest.mark.parametrize(
        "body", ["", "?", "GET", "GET /x HTTP/1.1", "HTTP/1.1 200", "\r\n" * 9, "GET /x\r\nA"]
    )
    def test_what_is_no_message_is_left(self, body: str) -> None:
        message = posted(body, "application/http")
        assert REDACTOR.message(message, []) is message

    @pytest.mark.parametrize(
        "piece", ["a: b\r\n", "\r\n", "x", ": ", " \r\n", "--b\r\nContent-Type: application/http\r\n\r\n"]
    )
    def test_a_large_batch_takes_a_moment(self, piece: str) -> None:
        body = f"GET /x HTTP/1.1\r\n{piece * (1_000_000 // len(piece))}"
        masked(posted(body, "application/http"))
        masked(posted(f"--b\r\nContent-Type: application/http\r\n\r\n{body}", "multipart/mixed; boundary=b"))

    def test_bodies_in_bodies_end_somewhere(self) -> None:
        head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        masked(posted(f"--b\r\n{head}" * 20_000, "multipart/mixed; boundary=b"))


def without(value: Any) -> Any:
    """The value with masks where it says "s3cr3t"."""
    if isinstance(value, list):
        return [without(item) for item in value]
    if isinstance(value, dict):
        return {key: without(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.replace(b"s3cr3t", MASK.encode())
    return value.replace("s3cr3t", MASK) if isinstance(value, str) else value


class TestRedisDocuments:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["JSON.SET", "u:1", "$.password", '"s3cr3t"', "NX"],
            ["JSON.SET", "u:1", "$['user'][\"pin\"]", b'"s3cr3t"'],
            ["json.set", "u:1", ".credentials", '{"a": "s3cr3t", "b": ["s3cr3t", 5]}'],
            ["JSON.SET", "u:1", "$", '{"token": "s3cr3t", "n": "x"}'],
            ["JSON.SET", "u:1", "$.tokens[0].value", '"s3cr3t"'],
            ["JSON.MSET", "a", "$.n", '"x"', "b", "$.pwd", '"s3cr3t"'],
            ["JSON.ARRAPPEND", "a", "$.tokens", '"s3cr3t"', '"s3cr3t"'],
            ["JSON.ARRINSERT", "a", "$.tokens", 0, '"s3cr3t"'],
            ["JSON.MERGE", "a", "$.a", '{"secret": "s3cr3t"}'],
        ],
    )
    def test_what_is_put_at_a_path(self, arguments: list[Any]) -> None:
        assert masked(RedisCommand(arguments)) == RedisCommand(without(arguments))

    def test_values_decide_there_too(self) -> None:
        command = masked(RedisCommand(["JSON.SET", "u:1", "$.session", f'"{SESSION}"']))
        assert command == RedisCommand(["JSON.SET", "u:1", "$.session", f'"{MASK}"'])

    @pytest.mark.parametrize(
        ("arguments", "reply"),
        [
            (["JSON.GET", "a", "$.password"], b'["s3cr3t","s3cr3t"]'),
            (["JSON.GET", "a", "$.password"], ["s3cr3t"]),
            (["JSON.GET", "a", ".password"], "s3cr3t"),
            (["JSON.GET", "a", "NOESCAPE", "password"], '"s3cr3t"'),
            (["JSON.GET", "a", "$.password", "$.n"], {"$.password": ["s3cr3t"], "$.n": ["y"]}),
            (["JSON.GET", "a", "$.tokens"], b"[5]"),
            (["JSON.MGET", "a", "b", "$.token"], ['["s3cr3t"]', None]),
            (["JSON.ARRPOP", "a", "$.tokens", "-1"], ["s3cr3t"]),
            (["HRANDFIELD", "a", "2", "WITHVALUES"], ["n", "x", "password", "s3cr3t"]),
            (["HRANDFIELD", "a", "2", "WITHVALUES"], [["n", "x"], ["n", "y"]]),
        ],
    )
    def test_what_is_read_there(self, arguments: list[Any], reply: Any) -> None:
        asked, clean = RedisCommand(arguments), RedisReply(without(reply))
        assert REDACTOR.message(RedisReply(reply), [], asked) == clean
        assert REDACTOR.message(clean, [], asked) is clean

    @pytest.mark.parametrize(
        "arguments",
        [
            *(["JSON.SET"], ["JSON.SET", "k"], ["JSON.SET", "k", "$.password"]),
            *(["JSON.MSET", "k", "$.a", "1", "j"], ["JSON.GET", "k", "$.password"]),
            *(["JSON.SET", "k", "$.price", "1"], ["JSON.SET", "k", "$.tokens", "12"]),
            ["JSON.SET", "k", "$.token'}{", "0"],
        ],
    )
    def test_others_are_left(self, arguments: list[Any]) -> None:
        command = RedisCommand(arguments)
        assert REDACTOR.message(command, []) is command


HIDDEN = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5"
KNOWN_FORMS = [
    f"Bearer {HIDDEN}=",
    f"-----BEGIN PRIVATE KEY-----\n{HIDDEN}\nAAAA=\n-----END PRIVATE KEY-----\n",
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{HIDDEN}\n-----END RSA PRIVATE KEY-----",
]


class TestKnownForms:
    @pytest.mark.parametrize("text", KNOWN_FORMS)
    def test_masked_in_any_text_under_any_name(self, text: str) -> None:
        said = masked(posted(json.dumps({"a": text, "n": 1})))
        assert HIDDEN[:30] not in said.body.decode()
        assert json.loads(said.body)["n"] == 1
        assert HIDDEN[:30] not in masked(posted(f"it is {text}", "text/plain")).body.decode()
        assert HIDDEN[:30] not in masked(Failure("E", [f"said: {text}"])).args[0]

    def test_what_only_looks_like_them(self) -> None:
        said = posted(json.dumps({"a": "ghp_short", "b": "Bearer of news", "c": "Bearer authentication_way"}))
        assert REDACTOR.message(said, []) is said

    @pytest.mark.parametrize("piece", ["-----BEGIN PRIVATE KEY-----", "ghp_", "Bearer ", "a", "-", "xoxb-"])
    def test_a_large_text_takes_a_moment(self, piece: str) -> None:
        masked(posted(f"Bearer ghp_ PRIVATE KEY----- {piece * (500_000 // len(piece))}", "text/plain"))


def test_an_exception_that_was_masked_is_the_same_one_in_a_replay() -> None:
    recorded = f"ValueError: bad postgres://u:%5BREDACTED%5D@h/0 with password={MASK}"
    assert exception_change(recorded, "ValueError: bad postgres://u:s3cr3t@h/0 with password=x") == ""
    assert exception_change(recorded, "ValueError: bad postgres://u:s3cr3t@h/1") != ""


class TestWhatIsKnownOfThem:
    @pytest.mark.parametrize("coding", ["gzip", "charset"])
    def test_a_secret_of_a_body_that_is_written_in_another_way_is_known_elsewhere(self, coding: str) -> None:
        message = posted(SAID.encode("utf-16"))
        if coding == "gzip":
            message = posted(gzip.compress(SAID.encode()))
            message.headers.append(("content-encoding", "gzip"))
        assert secrets_in(message, masked(message)) == {"s3cr3t-VALUE-9"}

    def test_and_a_known_one_is_masked_in_such_a_body(self) -> None:
        message = posted("it is s3cr3t-VALUE-9!".encode("utf-16"), "text/plain; charset=utf-16")
        clean: Any = KnownSecrets(["s3cr3t-VALUE-9"]).message(message, [])
        assert clean.body.decode("utf-16") == f"it is {MASK}!"
