"""GraphQL requests: shown, matched and judged by their operations and variables, not by their text."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from timetracer_otel.messages import HttpRequest, HttpResponse, graphql
from timetracer_otel.views.messages import message_lines

URL = "http://shop/graphql"
USER = "query GetUser($id: ID!) { user(id: $id) { ...Names } } fragment Names on User { first last }"
SAME = """
# who is it?
fragment Names on User { first, last }
query GetUser($id: ID!) {
  user(id: $id) { ...Names }
}
"""


def post(query: str | None, variables: Any = None, **more: Any) -> HttpRequest:
    given = {"query": query, "variables": variables, **more}
    body = json.dumps({name: value for name, value in given.items() if value is not None}).encode()
    return HttpRequest("POST", URL, [("content-type", "application/json")], body)


def test_the_text_of_an_operation_does_not_matter() -> None:
    assert post(USER, {"id": 7}).key() == post(SAME, {"id": 7}).key()


@pytest.mark.parametrize(
    "other",
    [
        post(USER, {"id": 8}),
        post(USER.replace("first last", "first"), {"id": 7}),
        post(USER.replace("GetUser", "FindUser"), {"id": 7}),
        post(USER.replace("query", "mutation"), {"id": 7}),
        post(USER.replace("user(id: $id)", 'user(id: "  7")'), {"id": 7}),
    ],
    ids=["variable", "fragment", "name", "kind", "argument"],
)
def test_what_is_asked_does(other: HttpRequest) -> None:
    assert post(USER, {"id": 7}).key() != other.key()


def test_blanks_within_strings_are_said() -> None:
    assert post('{ user(name: "a  b") { id } }').key() != post('{ user(name: "a b") { id } }').key()


def test_no_variables_are_as_good_as_empty_ones() -> None:
    assert post("{ me { id } }").key() == post("{ me { id } }", {}).key()


@pytest.mark.parametrize(
    ("request_", "title"),
    [
        (post(USER, {"id": 7}), "query GetUser"),
        (post("mutation Pay($sum: Int) { pay(sum: $sum) { done } }", {"sum": 3}), "mutation Pay"),
        (post("{ user(id: 1) { name } orders { id } }"), "query {user, orders}"),
        (post("subscription { ticks }"), "subscription {ticks}"),
        (post("query A { a } query B { b }", operationName="B"), "query B"),
        (post(None, extensions={"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}), "abababababab"),
    ],
    ids=["named", "mutation", "anonymous", "subscription", "of several", "persisted"],
)
def test_it_is_shown_by_its_operation(request_: HttpRequest, title: str) -> None:
    assert request_.title() == f"POST {URL} {title}"


def test_a_batch_is_all_its_operations() -> None:
    body = json.dumps([{"query": "query A { a }"}, {"query": "mutation B { b }"}]).encode()
    batch = HttpRequest("POST", URL, [], body)
    assert batch.title() == f"POST {URL} query A, mutation B"
    assert batch.writes
    swapped = HttpRequest("POST", URL, [], json.dumps(json.loads(body)[::-1]).encode())
    assert batch.key() != swapped.key()


def test_a_query_only_reads_even_when_it_is_posted() -> None:
    assert not post(USER, {"id": 7}).writes
    assert post("mutation { pay }").writes


def test_a_get_request_carries_it_in_the_url() -> None:
    asked = [
        HttpRequest("GET", f"{URL}?{urlencode({'query': text, 'variables': json.dumps({'id': 7})})}")
        for text in (USER, SAME)
    ]
    assert asked[0].title() == f"GET {URL} query GetUser"
    assert asked[0].key() == asked[1].key()


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "query shoes"}',
        b'{"query": {"match": {"name": "tea"}}}',
        b'{"query": "{ a }", "page": 2}',
        b'{"query": "{ a "}',
        b'{"query": "} a {"}',
        b'{"query": "query A { a } query B { b }"}',
        b'{"query": "{ a } ~"}',
        b'[{"query": "{ a }"}, {"search": "tea"}]',
        b'{"query": "{ a }", "operationName": 7}',
        b'{"query": "\\"',
        b"[" * 100_000 + b'"query"',
    ],
)
def test_other_json_is_compared_as_it_is(body: bytes) -> None:
    request = HttpRequest("POST", URL, [("content-type", "application/json")], body)
    assert graphql.in_body(body) == ()
    assert request.title() == f"POST {URL}"


def test_errors_inside_a_200_are_said() -> None:
    body = json.dumps({"data": {"user": None}, "errors": [{"message": "no such user", "path": ["user"]}]})
    shown = [str(line) for line in message_lines(HttpResponse(200, [], body.encode()), full=False)]
    assert any("no such user" in line and "GraphQL" in line for line in shown)
    assert graphql.errors(b'{"errors": ["of another kind"], "status": 1}') == ()
