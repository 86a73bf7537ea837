"""Redaction: what is masked in the copy, what is not, and how masked things are compared."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
from backports import zstd
from hypothesis import example, given
from hypothesis import strategies as st

from timetracer_otel import values
from timetracer_otel.config import load
from timetracer_otel.messages import (
    Failure,
    FunctionCall,
    HttpRequest,
    HttpResponse,
    KafkaRecord,
    KafkaRecords,
    RedisCommand,
    RedisReply,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.messages.sql import DriverValue
from timetracer_otel.redaction import MASK, Redactor, codings, masked_equal
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.placeholders import placeholder_names
from timetracer_otel.span import Attributes, Event, Span, Status, StatusCode

REDACTOR = Redactor()
JSON = ("content-type", "application/json")
FORM = ("content-type", "application/x-www-form-urlencoded")


def mask(message: Any, redactor: Redactor = REDACTOR) -> tuple[Any, list[str]]:
    places: list[str] = []
    return redactor.message(message, places), places


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            *(
                "password",
                "user_password",
                "userPassword",
                "USER_PASSWORD",
                "password_hash",
                "password2",
                "pwd",
            ),
            *(
                "X-Auth-Token",
                "access_token",
                "token",
                "refreshToken",
                "idToken",
                "api-key",
                "apikey",
                "apiKey",
            ),
            *(
                "APIKey",
                "api.key",
                "API key",
                "client_secret",
                "secret",
                "secretKey",
                "card_number",
                "cardNumber",
            ),
            *(
                "cvv",
                "CVV2",
                "ssn",
                "user.ssn",
                "otp",
                "pin",
                "pass",
                "private_key",
                "session_id",
                "credentials",
            ),
        ],
    )
    def test_names_of_secrets(self, name: str) -> None:
        assert name in SensitiveNames()

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "message",
                "age",
                "passenger",
                "compass",
                "tokenizer",
                "secretary",
                "keyboard",
                "key",
                "monkey",
            ),
            *(
                "opinion",
                "spinning",
                "shipping",
                "pinned",
                "author",
                "authored_by",
                "card",
                "discard_number",
                "",
            ),
            *(
                "token_type",
                "token_count",
                "password_changed_at",
                "tokenExpiresAt",
                "next_page_token",
                "nextToken",
            ),
        ],
    )
    def test_names_that_only_look_like_them(self, name: str) -> None:
        assert name not in SensitiveNames()

    @pytest.mark.parametrize("extra", ["tax number", "tax-number", "taxNumber", " TAX_NUMBER "])
    def test_more_words_in_any_spelling(self, extra: str) -> None:
        names = SensitiveNames([extra])
        assert ("customerTaxNumber" in names, "tax" in names, "syntax_number" in names) == (
            True,
            False,
            False,
        )


def basic(pair: str, scheme: str = "Basic ") -> str:
    return scheme + base64.b64encode(pair.encode()).decode()


class TestHeaders:
    @pytest.mark.parametrize(
        ("name", "value", "clean"),
        [
            ("Authorization", "Bearer abc.def", f"Bearer {MASK}"),
            ("Authorization", "abc", MASK),
            ("Authorization", basic("ann:sesame"), basic(f"ann:{MASK}")),
            ("Authorization", basic("ann:se:same", "basic "), basic(f"ann:{MASK}", "basic ")),
            ("Authorization", basic("änn:sésame"), basic(f"änn:{MASK}")),
            ("Authorization", basic("sk_live_4242:"), basic(f"{MASK}:")),
            ("Authorization", basic("ghp_16C7e42F292c:x-oauth-basic"), basic(f"{MASK}:{MASK}")),
            ("Authorization", basic("rk8Xh2Lq0Vt5Zw9Bn3:sesame-1"), basic(f"{MASK}:{MASK}")),
            (
                "Authorization",
                basic("Ann.L3e2K9@Shop.example:sesame"),
                basic(f"Ann.L3e2K9@Shop.example:{MASK}"),
            ),
            ("Authorization", basic(f"ann:{MASK}"), basic(f"ann:{MASK}")),
            ("Authorization", basic(f"{MASK}:"), basic(f"{MASK}:")),
            ("Authorization", "Basic no-base64!", f"Basic {MASK}"),
            ("Authorization", basic("no-colon"), f"Basic {MASK}"),
            ("Proxy-Authorization", "Basic dTpw", basic(f"u:{MASK}")),
            ("X-Forwarded-Authorization", "Basic dTpw", basic(f"u:{MASK}")),
            ("X-Api-Key", "k1", MASK),
            ("X-AUTH-TOKEN", "t", MASK),
            ("Ocp-Apim-Subscription-Key", "k", MASK),
            ("Cookie", "sid=1; theme=dark;empty=", f"sid={MASK}; theme={MASK};empty="),
            ("Cookie", "nameless", MASK),
            ("Refresh", "5; url=/x?a=1;n=2&pwd=3", "5; url=/x?a=1;n=2&pwd=%5BREDACTED%5D"),
            ("Set-Cookie", "sid=1=2; Path=/; HttpOnly", f"sid={MASK}; Path=/; HttpOnly"),
            ("Set-Cookie", 'sid=""; Max-Age=0', 'sid=""; Max-Age=0'),
            ("Location", "/done?token=abc&page=2", "/done?token=%5BREDACTED%5D&page=2"),
            ("Referer", "http://u:p@h/x", "http://u:%5BREDACTED%5D@h/x"),
        ],
    )
    def test_credentials_are_masked(self, name: str, value: str, clean: str) -> None:
        places = [] if value == clean else [f"request header {name.lower()}"]
        assert mask(HttpRequest("GET", "http://h/", [(name, value), ("A", "b")])) == (
            HttpRequest("GET", "http://h/", [(name, clean), ("A", "b")]),
            places,
        )

    @pytest.mark.parametrize("name", ["User-Agent", "Idempotency-Key", "X-Hub-Signature-256", "Keep-Alive"])
    def test_others_are_left(self, name: str) -> None:
        message = HttpResponse(200, [(name, "value")])
        assert REDACTOR.message(message, []) is message

    def test_more_headers_and_keys_by_setting(self) -> None:
        settings = load({"TIMETRACER_REDACT_HEADERS": "x-shop", "TIMETRACER_REDACT_KEYS": "email"})
        redactor = Redactor.from_settings(settings)
        message = HttpRequest("POST", "http://h/", [("X-Shop", "1"), JSON], b'{"Email":"a@b","n":1}')
        assert mask(message, redactor) == (
            HttpRequest("POST", "http://h/", [("X-Shop", MASK), JSON], b'{"Email":"[REDACTED]","n":1}'),
            ["request header x-shop", "request body Email"],
        )


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "clean"),
        [
            ("http://h/p?a=1&api_key=k%20k&b=", "http://h/p?a=1&api_key=%5BREDACTED%5D&b="),
            (
                "http://h/?X-Amz-Signature=ab#token=x",
                "http://h/?X-Amz-Signature=%5BREDACTED%5D#token=%5BREDACTED%5D",
            ),
            ("https://user:p@ss@h:1/?q=a@b", "https://user:%5BREDACTED%5D@h:1/?q=a@b"),
            ("https://ghp_123@h/", "https://%5BREDACTED%5D@h/"),
            ("https://sk_live_4242:@h/", "https://%5BREDACTED%5D:@h/"),
            ("https://ghp_t0k3n:x-oauth-basic@h/", "https://%5BREDACTED%5D:%5BREDACTED%5D@h/"),
            ("http://u:a:b@h/", "http://u:%5BREDACTED%5D@h/"),
            ("/relative?%70assword=x", "/relative?%70assword=%5BREDACTED%5D"),
            ("http://h/?a=%7B%22pwd%22%3A%22x%22%7D", "http://h/?a=%7B%22pwd%22%3A%22%5BREDACTED%5D%22%7D"),
            ("http://h/?message=token", "http://h/?message=token"),
        ],
    )
    def test_secret_parameters_and_passwords_are_masked(self, url: str, clean: str) -> None:
        message, places = mask(HttpRequest("GET", url))
        assert message.url == clean
        assert bool(places) == (url != clean)

    def test_a_masked_url_can_still_be_taken_apart(self) -> None:
        clean, places = mask(HttpRequest("GET", "http://u:p@h/?token=t"))
        assert places == ["request URL password", "request URL token"]
        assert clean.canonical()["query"] == [["token", MASK]]


class TestJsonBodies:
    @pytest.mark.parametrize(
        ("body", "clean"),
        [
            (b'{"password":"x"}', b'{"password":"[REDACTED]"}'),
            (
                b'{ "a" : 1.00,\n  "user": {"apiKey" :\t"k", "age": 5} }',
                b'{ "a" : 1.00,\n  "user": {"apiKey" :\t"[REDACTED]", "age": 5} }',
            ),
            (b'[{"token":"a"},{"token":"b"}]', b'[{"token":"[REDACTED]"},{"token":"[REDACTED]"}]'),
            (
                b'{"secrets":["a",{"b":"c"},1,""],"d":"e"}',
                b'{"secrets":["[REDACTED]",{"b":"[REDACTED]"},1,""],"d":"e"}',
            ),
            (
                b'{"cvv":123,"pin":"1","card_number":4e3}',
                b'{"cvv":"[REDACTED]","pin":"[REDACTED]","card_number":"[REDACTED]"}',
            ),
            (b'{"tokens":128,"secret":null,"password":true,"pwd":""}', None),
            (b'{"a":"password","b":["token","x"],"c":"\\"pwd\\":\\"x\\""}', None),
            (b'{"pass\\u0077ord":"x"}', b'{"pass\\u0077ord":"[REDACTED]"}'),
            (b'{"password":"a\\"b\\\\"}', b'{"password":"[REDACTED]"}'),
            (b'{"a":"{\\"token\\":\\"x\\"}"}', b'{"a":"{\\"token\\":\\"[REDACTED]\\"}"}'),
            (b'{"a":"v",":token":"x","b":":y"}', b'{"a":"v",":token":"[REDACTED]","b":":y"}'),
            (b'{"password":"cut of', b'{"password":"[REDACTED]"'),
            (b'{"token":"a"}\n{"token":"b"}\n', b'{"token":"[REDACTED]"}\n{"token":"[REDACTED]"}\n'),
            (b'data: {"access_token": "a"}\n\n', b'data: {"access_token": "[REDACTED]"}\n\n'),
        ],
    )
    def test_only_the_secret_changes(self, body: bytes, clean: bytes | None) -> None:
        message = HttpRequest("POST", "http://h/", [JSON], body)
        found, places = mask(message)
        if clean is None:
            assert found is message
        else:
            assert found.body == clean
            assert places[0].startswith("request body ")

    def test_the_length_header_and_the_pieces_follow(self) -> None:
        body = b'{"token":"abc","n":1}'
        message = HttpResponse(
            200, [JSON, ("Content-Length", str(len(body)))], body, [[5, 10], [7, 20], [9, 30]]
        )
        clean, places = mask(message)
        assert places == ["response body token"]
        assert clean == HttpResponse(
            200,
            [JSON, ("Content-Length", "28")],
            b'{"token":"[REDACTED]","n":1}',
            [[5, 10], [16, 20], [7, 30]],
        )
        assert clean.pieces() == [b'{"tok', b'en":"[REDACTED]"', b',"n":1}']

    def test_a_body_without_a_type_is_searched_when_it_looks_like_json(self) -> None:
        assert mask(HttpRequest("POST", "/", [], b' {"token":"x"}'))[0].body == b' {"token":"[REDACTED]"}'

    @pytest.mark.parametrize("kind", ["image/png", "application/zip"])
    def test_binary_bodies_are_left(self, kind: str) -> None:
        message = HttpRequest("POST", "/", [("content-type", kind)], b'{"token":"x"}')
        assert REDACTOR.message(message, []) is message


class TestForms:
    def test_fields_are_masked_by_name(self) -> None:
        message = HttpRequest("POST", "/", [FORM], b"user=ann&pass%77ord=a%26b&message=hi&otp=12")
        assert mask(message) == (
            HttpRequest(
                "POST", "/", [FORM], b"user=ann&pass%77ord=%5BREDACTED%5D&message=hi&otp=%5BREDACTED%5D"
            ),
            ["request body password", "request body otp"],
        )

    def test_multipart_fields_are_masked_by_name(self) -> None:
        kind = ("Content-Type", 'multipart/form-data; boundary="b1"')
        body = (
            b'--b1\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n'
            b'--b1\r\nContent-Disposition: form-data; name="file"; filename="token.bin"\r\n\r\n\x00\xff\r\n'
            b'--b1\r\nContent-Disposition: form-data; name=meta\r\n\r\n{"api_key":"k"}\r\n--b1--\r\n'
        )
        clean, places = mask(HttpRequest("POST", "/", [kind, ("Content-Length", str(len(body)))], body))
        expected = body.replace(b"hunter2", b"[REDACTED]").replace(b'"k"', b'"[REDACTED]"')
        assert clean.body == expected
        assert clean.header("content-length") == str(len(expected))
        assert places == ["request body password", "request body api_key"]


CODINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "zstd": (zstd.compress, zstd.decompress),
    "br": (brotli.compress, brotli.decompress),
}


class TestContentCodings:
    @pytest.mark.parametrize("coding", CODINGS)
    def test_a_coded_body_is_searched_and_coded_again(self, coding: str) -> None:
        encode, decode = CODINGS[coding]
        body = encode(b'{"token":"abc"}')
        headers = [JSON, ("Content-Encoding", coding), ("Content-Length", str(len(body)))]
        clean, places = mask(HttpResponse(200, headers, body, [[4, 1], [len(body) - 4, 2]]))
        assert decode(clean.body) == b'{"token":"[REDACTED]"}'
        assert clean.header("content-length") == str(len(clean.body))
        assert sum(size for size, _ in clean.chunks) == len(clean.body)
        assert places == ["response body token"]

    @pytest.mark.parametrize("coding", CODINGS)
    def test_a_coded_body_without_secrets_is_the_same_object(self, coding: str) -> None:
        encode, _ = CODINGS[coding]
        message = HttpResponse(200, [JSON, ("Content-Encoding", coding)], encode(b'{"age":5}' * 100))
        assert REDACTOR.message(message, []) is message

    def test_a_deflate_body_without_zlib_header_is_understood(self) -> None:
        body = zlib.compress(b'{"token":"abc"}', wbits=-15)
        clean, _ = mask(HttpResponse(200, [JSON, ("Content-Encoding", "deflate")], body))
        assert zlib.decompress(clean.body) == b'{"token":"[REDACTED]"}'

    def test_a_body_that_was_cut_off_is_searched_as_far_as_it_goes(self) -> None:
        body = gzip.compress(b'{"age":5}' * 50)[:-10]
        message = HttpResponse(200, [JSON, ("Content-Encoding", "gzip")], body)
        assert REDACTOR.message(message, []) is message

    @pytest.mark.parametrize(
        ("coding", "body", "reason"),
        [
            ("exi", b"?", "content coding 'exi' is not known"),
            ("gzip", b"not gzip", "not valid gzip: error"),
            ("gzip", gzip.compress(bytes(codings.MAX_DECODED + 1), 1), "holds more than 64 MiB"),
            ("zstd", zstd.compress(bytes(codings.MAX_DECODED + 1)), "holds more than 64 MiB"),
            ("br", brotli.compress(bytes(codings.MAX_DECODED + 1), quality=1), "holds more than 64 MiB"),
        ],
        ids=["unknown", "malformed", "gzip bomb", "zstd bomb", "br bomb"],
    )
    def test_what_cannot_be_searched_or_coded_again_is_not_kept(
        self, coding: str, body: bytes, reason: str
    ) -> None:
        message = HttpResponse(200, [JSON, ("Content-Encoding", coding)], body, [[len(body), 1]])
        clean, places = mask(message)
        assert (clean.body, clean.chunks) == (None, None)
        assert places[-1] == f"response body (not kept, it cannot be searched: {reason})"


class TestSql:
    @pytest.mark.parametrize(
        ("statement", "clean", "places"),
        [
            (
                SqlStatement("...", {"name": "ann", "password_1": "x", "pwd": b"y", "token": 5}),
                {"name": "ann", "password_1": MASK, "pwd": b"[REDACTED]", "token": 5},
                ["SQL parameter password_1", "SQL parameter pwd"],
            ),
            (
                SqlStatement("...", [{"token": "a"}, {"token": "b"}], executemany=True),
                [{"token": MASK}, {"token": MASK}],
                ["SQL parameter token"],
            ),
            (
                SqlStatement("INSERT INTO users (name, password) VALUES (?, ?)", ("ann", "x")),
                ("ann", MASK),
                ["SQL parameter password"],
            ),
            (
                SqlStatement("UPDATE users SET api_key = $2 WHERE id = $1", (1, "k")),
                (1, MASK),
                ["SQL parameter api_key"],
            ),
            (
                SqlStatement(
                    "INSERT INTO t (a, otp) VALUES (%s, %s)", [("1", "2"), ("3", "4")], executemany=True
                ),
                [("1", MASK), ("3", MASK)],
                ["SQL parameter otp"],
            ),
        ],
    )
    def test_parameters_with_secret_names_are_masked(
        self, statement: SqlStatement, clean: Any, places: list[str]
    ) -> None:
        found, noted = mask(statement)
        assert (found.parameters, noted) == (clean, places)
        assert type(found.parameters) is type(statement.parameters)

    @pytest.mark.parametrize(
        "statement",
        [
            SqlStatement("SELECT 1"),
            SqlStatement("SELECT * FROM t WHERE message = ?", ("token",)),
            SqlStatement("SELECT '?' , password FROM t WHERE id = ?", ("1",)),
        ],
    )
    def test_other_statements_are_the_same_object(self, statement: SqlStatement) -> None:
        assert REDACTOR.message(statement, []) is statement

    def test_columns_with_secret_names_are_masked(self) -> None:
        columns = [("id", 1), ("password_hash", 2), ("token", 3)]
        rows = [(1, "$2b$", b"t"), (2, None, memoryview(b"u")), [3, "", 5]]
        clean, places = mask(SqlResult(columns, rows, 3))
        assert clean == SqlResult(
            columns, [(1, MASK, b"[REDACTED]"), (2, None, memoryview(b"[REDACTED]")), [3, "", 5]], 3
        )
        assert places == ["SQL column password_hash", "SQL column token"]

    def test_the_further_result_sets_of_a_statement_are_masked_too(self) -> None:
        first = SqlResult(
            [["id"]], [(1,)], 1, extra={"more": [[[["token"], ["n"]], [["t0ken", 1]], {"s": 2}], 7]}
        )
        clean, places = mask(first)
        assert clean == SqlResult(
            [["id"]], [(1,)], 1, extra={"more": [[[["token"], ["n"]], [[MASK, 1]], {"s": 2}], 7]}
        )
        assert places == ["SQL column token"]
        assert first.extra["more"][0][1] == [["t0ken", 1]]

    def test_what_the_server_says_beside_an_answer_is_masked_too(self) -> None:
        said = {
            "severity": "NOTICE",
            "message_primary": 'password: hunter2, user = ann; {"a": 1}',
            "message_detail": "Key (id, token)=(7, x) and (token)=(x y) already exist.",
            "message_hint": '{"secret": "x"}',
        }
        result = SqlResult(extra={"notices": [said, {"message": "nothing here"}]})
        clean, places = mask(result)
        assert clean.extra["notices"] == [
            {
                "severity": "NOTICE",
                "message_primary": f'password: {MASK}, user = ann; {{"a": 1}}',
                "message_detail": f"Key (id, token)={MASK} and (token)={MASK} already exist.",
                "message_hint": f'{{"secret": "{MASK}"}}',
            },
            {"message": "nothing here"},
        ]
        assert set(places) == {"SQL notice password", "SQL notice token", "SQL notice value secret"}
        assert result.extra["notices"][0] is said

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("SELECT * FROM t WHERE a = ? AND t.b LIKE ? AND c IN (?, ?)", ["a", "b", "c", "c"]),
            ('INSERT INTO t (a, "b") VALUES (%s, lower(%s)), (%s, 1)', ["a", "b", "a"]),
            ("INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET b = ?", ["a", "b"]),
            ("UPDATE t SET a = $2, b = $1 WHERE c = $2 -- d = ?", ["b", "a"]),
            ("SELECT ? /* a = ? */ || '?'", [""]),
            ("SELECT $999999999999", [""] * 20),
        ],
    )
    def test_placeholders_are_named_where_the_text_says_so(self, text: str, names: list[str]) -> None:
        assert list(placeholder_names(text)) == names


class TestRedis:
    @pytest.mark.parametrize(
        ("arguments", "clean"),
        [
            (["AUTH", "user", "secret"], ["AUTH", "user", MASK]),
            ([b"auth", b"secret"], [b"auth", b"[REDACTED]"]),
            (["HELLO", 3, "AUTH", "user", "pw"], ["HELLO", 3, "AUTH", "user", MASK]),
            (["HSET", "k", "name", "ann", "password", "x"], ["HSET", "k", "name", "ann", "password", MASK]),
            (["HMSET", "k", b"api_key", b"x"], ["HMSET", "k", b"api_key", b"[REDACTED]"]),
            (["SET", "k", '{"token": "x"}', "EX", 5], ["SET", "k", '{"token": "[REDACTED]"}', "EX", 5]),
            (["CONFIG", "SET", "requirepass", "x"], ["CONFIG", "SET", "requirepass", MASK]),
            (["ACL", "SETUSER", "ann", "on", ">pw"], ["ACL", "SETUSER", "ann", "on", MASK]),
        ],
    )
    def test_secret_arguments_are_masked(self, arguments: list[Any], clean: list[Any]) -> None:
        found, places = mask(RedisCommand(arguments))
        assert found == RedisCommand(clean)
        assert len(places) == 1

    @pytest.mark.parametrize(
        "arguments", [["GET", "token"], ["SET", "password", "x"], ["HSET", "k", "age", "5"]]
    )
    def test_other_commands_are_the_same_object(self, arguments: list[Any]) -> None:
        command = RedisCommand(arguments)
        assert REDACTOR.message(command, []) is command

    def test_each_command_of_a_pipeline_is_masked(self) -> None:
        command = RedisCommand([["GET", "a"], ["AUTH", "x"]], pipeline=True, transaction=True)
        assert mask(command) == (
            RedisCommand([["GET", "a"], ["AUTH", MASK]], pipeline=True, transaction=True),
            ["Redis AUTH"],
        )

    def test_replies_are_masked_by_field(self) -> None:
        reply = RedisReply([{"name": "ann", "password": "x"}, b'{"token":"t"}', 5])
        assert mask(reply) == (
            RedisReply([{"name": "ann", "password": MASK}, b'{"token":"[REDACTED]"}', 5]),
            ["Redis field password", "Redis value token"],
        )

    @pytest.mark.parametrize(
        ("command", "reply", "clean"),
        [
            (RedisCommand(["HGET", "k", "password"]), "x", MASK),
            (RedisCommand(["HMGET", "k", "name", b"password"]), ["ann", b"x"], ["ann", b"[REDACTED]"]),
            (RedisCommand([["GET", "k"], ["HGET", "k", "otp"]], pipeline=True), ["v", "1"], ["v", MASK]),
        ],
    )
    def test_the_command_says_which_field_is_answered(
        self, command: RedisCommand, reply: Any, clean: Any
    ) -> None:
        assert REDACTOR.message(RedisReply(reply), [], command) == RedisReply(clean)


def test_exceptions_are_left() -> None:
    failure = Failure("ValueError", ['{"password":"x"}'])
    assert REDACTOR.message(failure, []) is failure


def test_attributes_of_instrumentations_are_masked() -> None:
    assert REDACTOR.span_attributes(
        {
            "url.full": "http://u:p@h/?token=x",
            "url.query": "token=x&a=1",
            "http.target": "/p?api_key=k",
            "http.request.header.authorization": ["Bearer x"],
            "http.request.header.x_api_key": "k",
            "db.query.parameter.password": "x",
            "http.request.method": "GET",
            "size": 5,
        }
    ) == {
        "url.full": "http://u:%5BREDACTED%5D@h/?token=%5BREDACTED%5D",
        "url.query": "token=%5BREDACTED%5D&a=1",
        "http.target": "/p?api_key=%5BREDACTED%5D",
        "http.request.header.authorization": [f"Bearer {MASK}"],
        "http.request.header.x_api_key": MASK,
        "db.query.parameter.password": MASK,
        "http.request.method": "GET",
        "size": 5,
    }


keys = st.sampled_from(["password", "apiKey", "age", "user", "tokens", "cvv", "a=b&c", '"'])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just('{"token":"t"}'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
bodies = st.one_of(
    st.tuples(st.just(JSON), st.builds(lambda document, indent: json.dumps(document, indent=indent).encode(),
                                       documents, st.sampled_from([None, 2]))),
    st.tuples(st.sampled_from([JSON, FORM, ("content-type", "multipart/form-data; boundary=b")]),
              st.binary() | st.text(alphabet='{}[]:,"\\=&%token 1').map(str.encode)),
    st.tuples(st.just(FORM), st.lists(st.tuples(keys, st.text())).map(
        lambda pairs: "&".join(f"{key}={value}" for key, value in pairs).encode("utf-8", "replace"))),
)  # fmt: skip
headers = st.lists(
    st.tuples(
        st.sampled_from(["Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "Location", "Accept"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    ),
    max_size=4,
)
urls = st.text(alphabet="htp:/?#@&=%token[]12;", max_size=40).map("http://".__add__)


class TestProperties:
    @given(urls, headers, bodies)
    @example("http://a@b:c@d", [("Cookie", "a")], (JSON, b'"token":"'))
    def test_masking_twice_changes_nothing_more(
        self, url: str, extra: list[tuple[str, str]], body: tuple[tuple[str, str], bytes]
    ) -> None:
        once, _ = mask(HttpRequest("POST", url, [*extra, body[0]], body[1]))
        assert mask(once) == (once, [])
        response, _ = mask(HttpResponse(200, [*extra, body[0]], body[1], [[3, 1], [len(body[1]) - 3, 2]]))
        assert mask(response) == (response, [])
        assert sum(size for size, _ in response.chunks) == len(response.body)

    @given(documents)
    def test_masked_json_has_the_same_form_and_no_secret(self, document: Any) -> None:
        message = HttpRequest("POST", "/", [JSON], json.dumps({"a": document}).encode())
        clean = json.loads(REDACTOR.message(message, []).body or b"")
        assert clean == {"a": masked_by_hand(document)}

    @given(documents)
    def test_a_masked_document_equals_what_it_was(self, document: Any) -> None:
        assert masked_equal(masked_by_hand(document), document)
        assert masked_equal(document, document)


def masked_by_hand(value: Any, name: str = "", inside: bool = False) -> Any:
    """The obvious, slow way."""
    if isinstance(value, dict):
        secret = SensitiveNames()
        return {key: masked_by_hand(item, key, inside or key in secret) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_by_hand(item, "", inside) for item in value]
    if isinstance(value, str) and value:
        return MASK if inside else value.replace('"t"', f'"{MASK}"') if value == '{"token":"t"}' else value
    if type(value) is int and name == "cvv":
        return MASK
    return value


class TestMaskedEqual:
    @pytest.mark.parametrize(
        ("recorded", "live"),
        [
            ({"a": [1, f"Bearer {MASK}"]}, {"a": [1, "Bearer xyz"]}),
            (f"{MASK} and {MASK}", "x and y and z"),
            (MASK, ""),
            (MASK, 123),
            (b"a[REDACTED]c", b"abc"),
            ("http://u:%5BREDACTED%5D@h/", "http://u:pw@h/"),
            (float("nan"), float("nan")),
            ((1, "x"), (1, "x")),
        ],
    )
    def test_a_mask_stands_for_anything(self, recorded: Any, live: Any) -> None:
        assert masked_equal(recorded, live)

    @pytest.mark.parametrize(
        ("recorded", "live"),
        [
            (f"Bearer {MASK}", "Basic xyz"),
            (f"a{MASK}a", "a"),
            (f"a{MASK}b{MASK}c", "axcxb"),
            ("x", MASK),
            (MASK, None),
            (MASK, ["x"]),
            (MASK, True),
            ({"a": MASK}, {"a": "x", "b": 1}),
            ([MASK], ["x", "y"]),
            (1, True),
            (1, 1.0),
            ([1], (1,)),
        ],
    )
    def test_all_else_must_be_equal(self, recorded: Any, live: Any) -> None:
        assert not masked_equal(recorded, live)


def test_json_that_is_called_a_form_is_masked_as_json() -> None:
    said = HttpRequest("POST", "http://shop/login", [FORM], b'{"user": "zoe", "password": "sesame&x=1"}')
    clean, places = mask(said)
    assert clean.body == b'{"user": "zoe", "password": "[REDACTED]"}'
    assert places == ["request body password"]


SECRET = "s3cr3tVALUE9x"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


def said(message: Any) -> str:
    """Everything that is written of the message once it is masked."""
    clean, written = REDACTOR.attributes(message, [])
    assert written == clean.attributes()
    assert clean == mask(message)[0]
    assert mask(clean) == (clean, []), "masking twice changes nothing more"
    return values.dumps(written)


def posted(body: str, kind: str = "application/json", url: str = "http://h/") -> HttpRequest:
    return HttpRequest("POST", url, [("content-type", kind)], body.encode())


class TestWherePeopleHideThem:
    """Places that somebody who searches a folder of cassettes for secrets finds first."""

    @pytest.mark.parametrize(
        "name",
        [
            *("newpassword", "PGPASSWORD", "db_pass", "SMTP_PASS", "usertoken", "sessiontoken", "appsecret"),
            *("connectionString", "masterKey", "ssh_key", "code_verifier", "auth_code", "mfaCode", "otpauth"),
            *("jsessionid", "requirepass", "pass_phrase", "SharedAccessSignature", "passwordhash"),
        ],
    )
    def test_names_in_one_word_and_in_usual_company(self, name: str) -> None:
        assert SECRET not in said(posted(json.dumps({name: SECRET})))

    @pytest.mark.parametrize(
        "name", ["nextpagetoken", "pagetoken", "continuationtoken", "bypass", "byepass_at"]
    )
    def test_names_of_one_word_that_are_none(self, name: str) -> None:
        assert name not in SensitiveNames()

    @pytest.mark.parametrize(
        "header",
        [
            *("X-Original-URI", "X-Original-URL", "X-Forwarded-Uri", "HX-Current-URL", "HX-Redirect"),
            *("Destination", "Origin", "X-Accel-Redirect"),
        ],
    )
    @pytest.mark.parametrize(
        "url", ["/cb?token={}", "https://u:{}@h/cb", "/login?next=%2Freset%3Ftoken%3D{}"]
    )
    def test_urls_in_headers(self, header: str, url: str) -> None:
        assert SECRET not in said(HttpResponse(302, [(header, url.format(SECRET))], b""))

    @pytest.mark.parametrize("header", ["X-Auth", "Authentication", "Auth", "Cookie2", "X-Functions-Key"])
    def test_credentials_of_other_names(self, header: str) -> None:
        assert SECRET not in said(HttpRequest("GET", "http://h/", [(header, f"Bearer {SECRET}")]))

    @pytest.mark.parametrize(
        ("url", "clean"),
        [
            ("/login?next=%2Freset%3Ftoken%3Dx&a=1", "/login?next=%2Freset%3Ftoken%3D%5BREDACTED%5D&a=1"),
            ("/login?next=/reset?token=x", "/login?next=/reset?token=%5BREDACTED%5D"),
            (
                "/p?url=https%3A%2F%2Fu%3Ax%40h%2F%3Fq%3D%C3%A9",
                "/p?url=https%3A%2F%2Fu%3A%5BREDACTED%5D%40h%2F%3Fq%3D%C3%A9",
            ),
            ("/p?q=日本&token=x", "/p?q=日本&token=%5BREDACTED%5D"),
            ("/p?next=/a?b=c", "/p?next=/a?b=c"),
        ],
    )
    def test_urls_in_urls(self, url: str, clean: str) -> None:
        message, _ = mask(HttpRequest("GET", url))
        assert message.url == clean
        assert masked_equal(message.canonical(), HttpRequest("GET", url).canonical())

    @pytest.mark.parametrize(
        "text",
        [
            f"postgres://u:{SECRET}@h/db",
            f"see https://h/reset?token={SECRET}, then",
            f"https://b.s3.aws.com/k?X-Amz-Expires=9&X-Amz-Signature={SECRET}",
            f"https://h/?a=1#access_token={SECRET}",
        ],
    )
    @pytest.mark.parametrize("form", ["json", "json of go", "json of php", "json in json", "text", "html"])
    def test_urls_in_bodies(self, text: str, form: str) -> None:
        document = json.dumps({"link": text, "n": [1, 2]})
        kind = "application/json"
        if form == "json of go":
            document = document.replace("&", "\\u0026")
        elif form == "json of php":
            document = document.replace("/", "\\/")
        elif form == "json in json":
            document = json.dumps({"message": document})
        elif form != "json":
            document, kind = f"<a href='{text}'>", f"text/{'html' if form == 'html' else 'plain'}"
        message = posted(document, kind)
        assert SECRET not in said(message)
        if kind == "application/json":
            clean = json.loads(mask(message)[0].body)
            assert set(clean) == set(json.loads(document))

    def test_urls_without_secrets_stay_as_they_are_written(self) -> None:
        message = posted('{"a":"https:\\/\\/h\\/?x=1\\u0026y=2","b":"https://h/@me?page=2#top"}')
        assert REDACTOR.message(message, []) is message

    def test_web_tokens_under_any_name(self) -> None:
        assert JWT not in said(posted(json.dumps({"refresh": JWT, "access": [JWT]})))
        assert JWT not in said(HttpResponse(200, [("content-type", "text/plain")], f"it is {JWT}.".encode()))
        assert JWT not in said(RedisReply(JWT.encode()))
        assert JWT not in said(SqlResult([("value",)], [(JWT,)], 1))

    @pytest.mark.parametrize(
        "head",
        [
            'Content-Disposition: form-data;\tname="password"',
            'Content-Disposition: form-data;\r\n name="password"',
            "Content-Disposition: form-data; name*=UTF-8''password",
            'content-disposition:form-data;NAME="password"; filename="f"',
        ],
    )
    @pytest.mark.parametrize("end", ["\r\n", "\n"])
    def test_parts_however_their_names_are_written(self, head: str, end: str) -> None:
        body = f"--b\r\n{head}\r\n\r\n{SECRET}\r\n--b--\r\n".replace("\r\n", end)
        assert SECRET not in said(posted(body, "multipart/form-data; boundary=b"))

    def test_parts_are_masked_by_their_own_types(self) -> None:
        body = (
            f"--b\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=1&token={SECRET}\r\n--b--\r\n"
        )
        assert SECRET not in said(posted(body, "multipart/mixed; boundary=b"))

    @pytest.mark.parametrize(
        "body",
        [
            "<a><password>{}</password></a>",
            "<s:Envelope><wsse:Password Type='x'>{}</wsse:Password></s:Envelope>",
            "<a><b password='{}'/></a>",
            '<a><b x="1" api-key="{}">text</b></a>',
            "<a><password><![CDATA[{}]]></password></a>",
            "<a><password>{}",
        ],
    )
    def test_xml(self, body: str) -> None:
        clean, _ = mask(posted(body.format(SECRET), "text/xml; charset=utf-8"))
        assert clean.body.decode() == body.format(MASK)
        said(posted(body.format(SECRET), "application/soap+xml"))

    def test_json_whose_type_says_nothing(self) -> None:
        document = json.dumps({"password": SECRET})
        assert SECRET not in said(posted(document, "application/octet-stream"))
        assert SECRET not in said(posted(f"\ufeff{document}", "binary/octet-stream"))
        assert SECRET not in said(HttpRequest("POST", "/", [], f"user=a&password={SECRET}".encode()))

    @pytest.mark.parametrize(
        "message",
        [
            RedisCommand(["XADD", "s", "MAXLEN", "~", "9", "*", "user", "u", "password", SECRET]),
            RedisCommand(["HSETEX", "h", "EX", "10", "FIELDS", "1", "password", SECRET]),
            RedisCommand(["SENTINEL SET", "m", "auth-pass", SECRET]),
            RedisReply({"requirepass": SECRET}),
            RedisCommand(["SET", "dsn", f"redis://:{SECRET}@h/0"]),
            SqlStatement("INSERT INTO e (payload) VALUES (%s)", (json.dumps({"password": SECRET}),)),
            SqlStatement(
                "INSERT INTO e VALUES (:p, :q)", {"p": {"password": SECRET}, "q": f"http://u:{SECRET}@h"}
            ),
            SqlStatement("INSERT INTO e VALUES (%s)", (DriverValue("psycopg.jsonb", {"token": SECRET}),)),
            SqlStatement("SELECT 1 FROM t WHERE token = ANY(%s)", ([SECRET],)),
            SqlResult([("payload",)], [(json.dumps({"a": [{"password": SECRET}]}),)], 1),
            SqlResult([("payload",)], [({"a": {"password": SECRET}},)], 1),
            SqlResult([("credentials",)], [({"user": SECRET},)], 1),
            SqlResult(
                [("n",)], [(1,)], 1, extra={"more": [[[("p",)], [(json.dumps({"token": SECRET}),)], {}]]}
            ),
            FunctionCall("f", [f"amqp://u:{SECRET}@h//"], {"credentials": {"key": [SECRET]}}),
            Failure("E", [f"cannot reach postgres://u:{SECRET}@h/db"]),
            Failure("E", [1], {"url": f"http://h/?api_key={SECRET}"}),
            Failure("E", [], {}, Failure("E", [f'host=h password={SECRET} user="u"'])),
            Failure("E", [f"DETAIL:  Key (token)=({SECRET}) already exists."]),
        ],
        ids=lambda message: f"{type(message).__name__}",
    )
    def test_data(self, message: Any) -> None:
        assert SECRET not in said(message)

    @pytest.mark.parametrize(
        "kind",
        [
            *("application/x-www-form-urlencoded", "text/html", "application/json", "application/xml"),
            *("multipart/form-data; boundary=b", ""),
        ],
    )
    @pytest.mark.parametrize(
        "piece",
        [
            "x",
            "://",
            ";",
            "\\",
            "eyJ",
            "<",
            "a='",
            "%3Fa%3D",
            "http://u:@h/?",
            "--b\n",
            '{"',
            "a=1&",
            "&",
            "[",
            "\n",
        ],
    )
    def test_a_large_body_takes_a_moment(self, piece: str, kind: str) -> None:
        """What takes a time that grows with the square of the size would take half an hour."""
        said(posted(f"http://h/?{piece * (1_000_000 // len(piece))}", kind))

    def test_what_is_binary_stays_whole(self) -> None:
        pickled = pickle.dumps({"url": f"http://u:{SECRET}@h/"})
        for message in (RedisReply(pickled), KafkaRecords([KafkaRecord("t", value=pickled)])):
            assert REDACTOR.message(message, []) is message

    def test_failures_keep_what_explains_them(self) -> None:
        failure = Failure(
            "E", ['password authentication failed for user "u"', "token: expired", 5], {"a": "b=c"}
        )
        assert REDACTOR.message(failure, []) is failure

    def test_events_states_and_resources(self) -> None:
        dsn = f"postgres://u:{SECRET}@h/db"
        span = Span(
            "1" * 32, "2" * 16, "s", events=[Event("exception", 1, {"exception.message": dsn, "n": 1})]
        )
        span.status = Status(StatusCode.ERROR, f"E: {dsn}")
        REDACTOR.span_texts(span)
        assert SECRET not in repr(span)
        assert (span.events[0].attributes["n"], span.status.code) == (1, StatusCode.ERROR)
        assert REDACTOR.texts(
            {"process.command_args": ["app", f"--dsn={dsn}"], "service.name": "s", "n": 1}
        ) == {
            "process.command_args": ["app", "--dsn=postgres://u:%5BREDACTED%5D@h/db"],
            "service.name": "s",
            "n": 1,
        }

    def test_attributes_of_an_app_by_their_names(self) -> None:
        dsn = f"postgres://u:{SECRET}@h/db"
        given: dict[str, Any] = {
            "app.password": SECRET,
            "rpc.grpc.request.metadata.authorization": [f"Bearer {SECRET}"],
            "db.connection_string": dsn,
            "app.database_url": dsn,
            "app.error.message": f"cannot reach {dsn}",
        }
        assert SECRET not in repr(REDACTOR.span_attributes(given))
        plain: Attributes = {
            "gen_ai.usage.input_tokens": 5,
            "timetracer.secret": "ours",
            "error.type": "E",
            "note": dsn,
        }
        assert REDACTOR.span_attributes(plain) is plain

    def test_names_of_spans(self) -> None:
        span = Span("1" * 32, "2" * 16, f"GET http://h/?token={SECRET}")
        REDACTOR.span_texts(span)
        assert span.name == "GET http://h/?token=%5BREDACTED%5D"
