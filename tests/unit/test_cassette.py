"""A cassette: which span is its entry, what is below it, which calls it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette, Gap
from timetracer_otel.errors import (
    CassetteError,
    CassetteFormatError,
    CassetteLimitError,
    CassetteNotFound,
    CodecError,
)
from timetracer_otel.formats import Compression, Encoding, Limits
from timetracer_otel.messages import (
    Failure,
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.span import Attributes, Resource, Scope, Span, SpanKind, Status, StatusCode

TRACE = "1f2e3d4c5b6a79801122334455667788"
SHOP = Resource({"service.name": "shop", names.CASSETTE_VERSION: "1"})
REQUEST = HttpRequest("POST", "http://shop.local/checkout/7?fast=1", [("Host", "shop.local")], b'{"item": 1}')
RESPONSE = HttpResponse(201, [("content-type", "application/json")], b"{}")


def span(
    number: int,
    parent: int | None = None,
    name: str = "",
    attributes: Attributes | None = None,
    **fields: Any,
) -> Span:
    """A span of that number, which is its id and its start."""
    return Span(
        TRACE,
        f"{number:016x}",
        name or f"span {number}",
        "" if parent is None else f"{parent:016x}",
        start_time_unix_nano=fields.pop("start", number),
        attributes=attributes or {},
        resource=fields.pop("resource", SHOP),
        **fields,
    )


def entry(attributes: Attributes | None = None, **fields: Any) -> Span:
    """A SERVER span with an HTTP exchange."""
    http: Attributes = {**REQUEST.attributes(), **RESPONSE.attributes(), names.HTTP_ROUTE: "/checkout/{id}"}
    return span(
        1, None, "POST /checkout/{id}", {**http, **(attributes or {})}, kind=SpanKind.SERVER, **fields
    )


def call(number: int, parent: int, integration: str, family: str, *messages: Any, **more: Any) -> Span:
    """A span that carries a dependency call."""
    attributes: Attributes = {names.CALL_INTEGRATION: integration, names.CALL_FAMILY: family}
    for message in messages:
        attributes.update(message.attributes())
    return span(
        number, parent, f"{integration} {number}", {**attributes, **more.pop("attributes", {})}, **more
    )


# the entry


@pytest.mark.parametrize(
    ("spans", "chosen"),
    [
        ([span(2, 1), span(1)], 1),
        ([span(2, 9), span(3, 2)], 2),  # its parent is in another process
        ([span(1), span(2, kind=SpanKind.SERVER), span(3, kind=SpanKind.CONSUMER)], 2),
        ([span(5, kind=SpanKind.CONSUMER, start=1), span(4)], 5),
        ([span(3), span(2)], 2),
        ([span(1, kind=SpanKind.SERVER), span(2, attributes={names.ENTRY_FRAMEWORK: "flask"})], 2),
    ],
)
def test_the_entry_is_the_root_that_took_the_request(spans: list[Span], chosen: int) -> None:
    assert Cassette.from_spans(spans).entry.span_id == f"{chosen:016x}"


@pytest.mark.parametrize("root", [span(2, start=5), span(2, 98, start=5, flags=0x300)])
def test_of_spans_that_began_at_once_the_entry_is_one_whose_parent_is_not_missing(root: Span) -> None:
    assert Cassette.from_spans([span(1, 99, start=5), root]).entry is root


def test_the_entry_can_be_named() -> None:
    spans = [span(1), span(2, 1)]
    assert Cassette.from_spans(spans, entry_id=f"{2:016x}").entry is spans[1]
    with pytest.raises(CassetteFormatError, match="entry span 0000000000000009 is missing"):
        Cassette.from_spans(spans, entry_id=f"{9:016x}")


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([], "there are no spans in it"),
        ([span(1), span(2, 1), span(2, 1)], "two of its 3 spans have the same span id"),
        ([span(1, 1)], "span 0000000000000001 is below itself"),
        ([span(1), span(2, 4), span(3, 2), span(4, 3)], "is below itself"),
    ],
)
def test_spans_that_are_no_tree_are_refused(spans: list[Span], message: str) -> None:
    with pytest.raises(CassetteFormatError, match=message):
        Cassette.from_spans(spans)


def test_a_tree_too_deep_to_walk_is_refused() -> None:
    chain = [span(number, number - 1 or None) for number in range(1, 1001)]
    assert len(Cassette.from_spans(chain[::-1]).path(chain[-1])) == 999
    with pytest.raises(CassetteLimitError, match="spans nested more than 1000 deep"):
        Cassette.from_spans([*chain, span(1001, 1000)][::-1])


# the tree


def test_spans_are_the_entry_and_then_the_others_by_start() -> None:
    spans = [span(4, 1), span(2, 1), span(1, start=3), span(3, 2, start=2)]
    cassette = Cassette.from_spans(spans)
    assert [each.span_id[-1] for each in cassette.spans] == ["1", "2", "3", "4"]
    assert cassette.resource is SHOP


def test_a_span_whose_parent_is_missing_is_below_the_entry() -> None:
    made = [entry(), span(2, 1), span(3, 2), span(4, 99), span(5)]
    cassette = Cassette.from_spans(made)
    assert cassette.children(made[0].span_id) == [made[1], made[3], made[4]]
    assert cassette.children(made[1].span_id) == [made[2]]
    assert cassette.children("no such span") == []
    assert [cassette.parent(each) for each in made] == [None, made[0], made[1], made[0], made[0]]
    assert cassette.span(made[3].span_id) is made[3]
    assert cassette.span("no such span") is None


def test_a_path_names_what_is_above_whatever_the_route_is_called() -> None:
    noise: Attributes = {"asgi.event.type": "http.request"}
    made = [
        entry(),
        span(2, 1, "work"),
        span(3, 2, "receive", noise),
        span(4, 3, "step"),
        span(5, 4),
        span(6),
    ]
    cassette = Cassette.from_spans(made)
    assert [cassette.path(each) for each in made] == [
        (),
        ("",),
        ("", "work"),
        ("", "work"),
        ("", "work", "step"),
        ("",),
    ]


def test_late_spans_are_appended() -> None:
    first = [entry(start=5), span(7, 1)]
    cassette = Cassette.from_spans(first)
    late = [span(6, 1), span(3, 6)]
    assert cassette.children(first[0].span_id) == [first[1]]
    cassette.append(late)
    assert cassette.spans == [first[0], late[1], late[0], first[1]]
    assert cassette.children(first[0].span_id) == [late[0], first[1]]
    with pytest.raises(CassetteFormatError, match="the same span id"):
        cassette.append([span(6, 1)])


# calls


def test_calls_hold_their_messages() -> None:
    statement, rows = SqlStatement("SELECT 1", None, system="sqlite"), SqlResult([["1"]], [[1]], 1)
    get, reply = RedisCommand(["GET", "stock"]), RedisReply(b"3")
    failure = Failure("httpx.ConnectTimeout", ["too slow"])
    made = [
        entry(),
        span(2, 1, "price"),
        call(3, 2, "httpx", "http", REQUEST, failure, attributes={names.CALL_LANE: 4, names.CALL_INDEX: 2}),
        call(4, 1, "sqlalchemy", "db", statement, rows, attributes={names.CALL_INDEX: 0}),
        call(5, 1, "redis", "redis", get, reply, attributes={names.CALL_INDEX: 1}),
    ]
    found: list[Any] = [
        (
            each.span,
            each.integration,
            each.family,
            each.lane,
            each.index,
            each.path,
            each.request,
            each.answer,
        )
        for each in Cassette.from_spans(made).calls()
    ]
    assert found == [
        (made[3], "sqlalchemy", "db", 0, 0, ("",), statement, rows),
        (made[4], "redis", "redis", 0, 1, ("",), get, reply),
        (made[2], "httpx", "http", 4, 2, ("", "price"), REQUEST, failure),
    ]


def test_calls_without_an_index_are_in_the_order_of_their_start() -> None:
    made = [
        entry(),
        call(2, 1, "httpx", "http", REQUEST, start=9),
        call(3, 1, "httpx", "http", REQUEST, start=8, attributes={names.CALL_INDEX: 5}),
    ]
    found = Cassette.from_spans(made).calls()
    assert [(each.span, each.index) for each in found] == [(made[2], 5), (made[1], -1)]


def test_a_call_without_its_messages_says_so() -> None:
    made = [entry(), call(2, 1, "redis", "redis"), call(3, 1, "carrier-pigeon", "birds")]
    found = Cassette.from_spans(made).calls()
    assert [(each.request, each.answer) for each in found] == [(None, None), (None, None)]


def test_a_damaged_payload_is_seen_when_it_is_read_and_not_before() -> None:
    broken = call(2, 1, "redis", "redis", attributes={names.REDIS_COMMAND: "[", names.REDIS_REPLY: "["})
    [found] = Cassette.load(Cassette.from_spans([entry(), broken]).dump()).calls()
    with pytest.raises(CodecError):
        _ = found.request
    with pytest.raises(CodecError):
        _ = found.answer


def test_an_entry_that_is_a_call_itself_has_nothing_inbound() -> None:
    cassette = Cassette.from_spans([call(1, 0, "httpx", "http", REQUEST, RESPONSE, kind=SpanKind.CLIENT)])
    [found] = cassette.calls()
    assert (found.path, found.request, found.answer) == ((), REQUEST, RESPONSE)
    assert (cassette.inbound_request, cassette.inbound_response, cassette.status) == (None, None, None)
    assert (cassette.title, cassette.route) == ("POST http://shop.local/checkout/7?fast=1", "httpx 1")


# inbound


def test_the_inbound_exchange_is_on_the_entry() -> None:
    cassette = Cassette.from_spans([entry()])
    assert cassette.inbound_request == REQUEST
    assert cassette.inbound_response == RESPONSE


def test_an_exception_is_an_inbound_response_too() -> None:
    failure = Failure("builtins.KeyError", ["stock"])
    assert Cassette.from_spans([entry(failure.attributes())]).inbound_response == failure


# for people


@pytest.mark.parametrize(
    ("attributes", "title"),
    [
        ({"http.request.method": "GET", "http.route": "/a/{id}", "url.path": "/a/1"}, "GET /a/{id}"),
        ({"http.request.method": "GET", "url.path": "/a/1"}, "GET /a/1"),
        ({"http.request.method": "GET", "url.full": "http://x/a?b=c"}, "GET /a"),
        ({"http.request.method": "GET", "url.full": "http://x"}, "GET /"),
        ({"http.request.method": "GET", "url.full": "http://[x"}, "GET http://[x"),
        ({"http.method": "GET", "http.target": "/a?b=c"}, "GET /a"),
        ({"http.request.method": "GET"}, "job"),
        ({"http.route": "/a"}, "job"),
        ({"http.request.method": 1, "http.route": [2]}, "job"),
    ],
)
def test_the_title_is_method_and_route(attributes: Attributes, title: str) -> None:
    assert Cassette.from_spans([span(1, None, "job", attributes, kind=SpanKind.SERVER)]).title == title


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ({"query": "mutation Pay { pay }"}, " mutation Pay"),
        ([{"query": "{ a }"}, {"query": "{ b, c }"}], " query {a}, query {b, c}"),
        ([{"query": f"{{ f{n} }}"} for n in range(4)], " query {f0}, query {f1}, query {f2}, ..."),
        ({"query": "shoes"}, ""),
    ],
)
def test_the_title_of_graphql_says_what_is_asked_and_the_route_does_not(sent: Any, asked: str) -> None:
    attributes: Attributes = {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.request.body.content": json.dumps(sent),
    }
    cassette = Cassette.from_spans([span(1, None, "job", attributes, kind=SpanKind.SERVER)])
    assert (cassette.title, cassette.route) == (f"POST /graphql{asked}", "POST /graphql")


def test_the_title_of_graphql_in_a_url_says_what_is_asked() -> None:
    attributes: Attributes = {
        "http.request.method": "GET",
        "http.route": "/graphql",
        "url.full": "http://shop/graphql?query=query%20Who%20%7B%20me%20%7D",
    }
    cassette = Cassette.from_spans([span(1, None, "job", attributes, kind=SpanKind.SERVER)])
    assert cassette.title == "GET /graphql query Who"


def test_times_and_status() -> None:
    cassette = Cassette.from_spans([entry(start=10, end_time_unix_nano=25)])
    assert (cassette.started, cassette.duration, cassette.status, cassette.has_error) == (10, 15, 201, False)
    assert Cassette.from_spans([entry(start=10)]).duration == 0


@pytest.mark.parametrize(
    ("spans", "has_error"),
    [
        ([entry({names.HTTP_RESPONSE_STATUS_CODE: 404})], False),
        ([entry({names.HTTP_RESPONSE_STATUS_CODE: 500})], True),
        ([entry(), span(2, 1, status=Status(StatusCode.ERROR))], True),
        ([entry(), span(2, 1, status=Status(StatusCode.OK))], False),
    ],
)
def test_an_error_anywhere_is_an_error(spans: list[Span], has_error: bool) -> None:
    assert Cassette.from_spans(spans).has_error is has_error


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ([span(1)], None),  # recorded by us, so there was nothing to record
        ([entry(resource=Resource())], None),
        ([span(1, resource=Resource()), call(2, 1, "redis", "redis", resource=Resource())], None),
        (
            [span(1, resource=Resource()), span(2, 1, resource=Resource())],
            "it holds structure only: no request and no answer was recorded with its spans",
        ),
    ],
)
def test_structure_alone_cannot_be_replayed(spans: list[Span], reason: str | None) -> None:
    cassette = Cassette.from_spans(spans)
    assert (cassette.why_not, cassette.replayable) == (reason, reason is None)


# gaps


def test_gaps_are_listed_on_the_entry_once_each() -> None:
    cassette = Cassette.from_spans([entry()])
    assert cassette.gaps == []
    cassette.add_gaps([])
    assert names.GAPS not in cassette.entry.attributes
    cassette.add_gaps([Gap("masked", "header cookie", "0" * 15 + "2"), Gap("body too large", "")])
    cassette.add_gaps([Gap("body too large", ""), Gap("masked", "header cookie")])
    assert cassette.entry.attributes[names.GAPS] == [
        {"kind": "masked", "detail": "header cookie", "span_id": "0000000000000002"},
        {"kind": "body too large"},
        {"kind": "masked", "detail": "header cookie"},
    ]
    assert Cassette.load(cassette.dump()).gaps == [
        Gap("masked", "header cookie", "0000000000000002"),
        Gap("body too large", ""),
        Gap("masked", "header cookie"),
    ]


def test_gaps_of_other_forms_are_read() -> None:
    listed: Attributes = {names.GAPS: ["no body", {"kind": "masked", "more": 1}, None]}
    assert Cassette.from_spans([entry(listed)]).gaps == [
        Gap("no body", ""),
        Gap("masked", ""),
        Gap("None", ""),
    ]
    assert Cassette.from_spans([entry({names.GAPS: "none"})]).gaps == []


# files


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_cassette_is_loaded_as_it_was_dumped_whatever_the_name(
    encoding: Encoding, compression: Compression, tmp_path: Path
) -> None:
    spans = [
        entry(),
        span(2, 1, scope=Scope("a")),
        span(3, 2, scope=Scope("b")),
        span(4, 1, scope=Scope("a")),
    ]
    cassette = Cassette.from_spans(spans)
    file = tmp_path / "any name.txt"
    file.write_bytes(cassette.dump(encoding, compression))
    assert Cassette.load(file).spans == cassette.spans == spans
    assert Cassette.load(str(file)).spans == spans
    assert Cassette.load(file.read_bytes()).spans == spans


@pytest.mark.parametrize("version", ["2", "2.0", "10", "", "next", 2])
def test_a_newer_version_is_refused(version: str | int) -> None:
    newer = Cassette.from_spans([entry(resource=Resource({names.CASSETTE_VERSION: version}))])
    with pytest.raises(CassetteFormatError, match="this release reads version 1; upgrade timetracer-otel"):
        Cassette.load(newer.dump())


@pytest.mark.parametrize("version", [{}, {names.CASSETTE_VERSION: "1.7"}, {names.CASSETTE_VERSION: 1}])
def test_no_version_and_minor_versions_are_read(version: Attributes) -> None:
    cassette = Cassette.from_spans([entry(resource=Resource(version))])
    assert Cassette.load(cassette.dump()).spans == cassette.spans


def test_errors_name_the_file(tmp_path: Path) -> None:
    broken, locked = tmp_path / "broken.json", tmp_path / "file" / "x"
    broken.write_bytes(b'{"resourceSpans": [')
    (tmp_path / "file").write_bytes(b"")
    whole = tmp_path / "whole.json"
    whole.write_bytes(Cassette.from_spans([entry()]).dump())

    def error_of(path: Path, limits: Limits | None = None) -> tuple[type[Exception], str]:
        with pytest.raises(CassetteError) as caught:
            Cassette.load(path, limits)
        return caught.type, str(caught.value).removeprefix(f"{path}: ")

    missing = tmp_path / "missing.json"
    assert error_of(missing) == (CassetteNotFound, "there is no such file")
    assert error_of(tmp_path) == (CassetteNotFound, "that is a folder; name one cassette in it")
    assert error_of(locked) == (CassetteError, "it cannot be read: Not a directory")
    assert error_of(tmp_path / "file") == (CassetteFormatError, "the file is empty")
    assert error_of(broken) == (
        CassetteFormatError,
        "not an OTLP JSON document: Input data was truncated",
    )
    assert error_of(whole, Limits(max_bytes=10)) == (
        CassetteLimitError,
        "more than 10 bytes; that is not read",
    )
    assert error_of(Path("/dev/zero")) == (CassetteFormatError, "that is a device, not a file")
    assert error_of(Path("a\0b")) == (CassetteNotFound, "that is not a path: it holds a null character")
