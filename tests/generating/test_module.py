"""Whatever a cassette says, its test is one function of literals."""

from __future__ import annotations

import ast

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.generating.test_layout import TEXTS
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CodecError
from timetracer_otel.generating.module import Recorded, module, untouched
from timetracer_otel.messages import HttpRequest, HttpResponse, RedisCommand, RedisReply
from timetracer_otel.span import Resource, Scope, Span, SpanKind

NAMES = {"pytest", "app", "timetracer_app", "replay", "response"}
ATTRIBUTES = {
    "fixture",
    "replay",
    "request",
    "resend",
    "status",
    "json",
    "text",
    "body",
    "recorded",
    "calls",
    "raised",
}
WORDS = st.text(alphabet="abc\"'\\#{}();= ", max_size=20)
"""What a header may hold."""
BODIES = TEXTS.map(lambda text: text.encode("utf-8", "replace")) | st.binary()


def cassette(title: str, request: HttpRequest, response: HttpResponse, key: str) -> Cassette:
    entry = Span(
        "1" * 32, "1" * 16, "", title, SpanKind.SERVER, 1, 9,
        {"http.route": title, **request.attributes(), **response.attributes()},
        scope=Scope("test"), resource=Resource({"timetracer.cassette.version": "1"}),
    )  # fmt: skip
    command = RedisCommand(["GET", key])
    call = Span(
        "1" * 32, "2" * 16, "1" * 16, "GET", SpanKind.CLIENT, 2, 3,
        {
            "timetracer.call.integration": "redis", "timetracer.call.family": "redis",
            **command.attributes(), **RedisReply(None).attributes(),
        },
        scope=Scope("test"), resource=entry.resource,
    )  # fmt: skip
    return Cassette.from_spans([entry, call])


@settings(max_examples=60, deadline=None)
@given(
    TEXTS, TEXTS, st.lists(st.tuples(WORDS, WORDS), max_size=4), BODIES, BODIES, TEXTS,
    st.none() | TEXTS, TEXTS, st.sampled_from(["application/json", "text/plain"]),
)  # fmt: skip
def test_nothing_of_a_cassette_becomes_code(
    method: str,
    target: str,
    headers: list[tuple[str, str]],
    body: bytes,
    answer: bytes,
    title: str,
    app: str | None,
    path: str,
    kind: str,
) -> None:
    request = HttpRequest(method, f"http://shop/{target}", [("content-type", kind), *headers], body)
    recorded = Recorded(cassette(title, request, HttpResponse(200, [], answer), title), path)
    try:
        source = module([recorded, recorded], app)
    except CodecError:
        reject()  # no message of HTTP
    tree = ast.parse(source)
    assert [type(node).__name__ for node in tree.body] == [
        "Expr", "Import", "FunctionDef", "FunctionDef", "FunctionDef"
    ]  # fmt: skip
    nodes = list(ast.walk(tree))
    assert {node.id for node in nodes if isinstance(node, ast.Name)} <= NAMES
    assert {node.attr for node in nodes if isinstance(node, ast.Attribute)} <= ATTRIBUTES
    assert not [node for node in nodes if isinstance(node, ast.JoinedStr | ast.Lambda | ast.Starred)]
    assert untouched(source)
    assert not untouched(source.replace("status ==", "status !="))
    assert module([recorded, recorded], app) == source
