"""A distributed trace by entry spans: each process's part, with what it received and called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.converting.conftest import Run, cassettes
from tests.converting.traces import BEGAN, MS, SHOP, TRACE, two_services
from timetracer_otel import attributes as names
from timetracer_otel.converters.splitting import split, split_spans
from timetracer_otel.formats import encode
from timetracer_otel.span import Attributes, Span, SpanKind

REMOTE, LOCAL = 0x300, 0x100
SERVER, CLIENT, INTERNAL = SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL
PRODUCER, CONSUMER = SpanKind.PRODUCER, SpanKind.CONSUMER


@dataclass
class One:
    """A span named by one letter, which is its id; it begins and ends when ``at`` says."""

    span_id: str
    parent_span_id: str = ""
    kind: SpanKind = INTERNAL
    process: str = "shop"
    flags: int = 0
    start_time_unix_nano: int = 0
    end_time_unix_nano: int = 100


def parts(*spans: One, recorded: str = "") -> list[str]:
    """The parts as the ids of their spans, the entry first; ``recorded`` as entries are those."""
    by_id = {span.span_id: span for span in spans}
    found = split(by_id, {span.span_id: span.process for span in spans}, recorded)
    return ["".join(span.span_id for span in part) for part in found]


def test_each_service_has_what_it_received_and_what_it_called() -> None:
    found = [
        [(span.resource.attributes["service.name"], span.name) for span in part]
        for part in split_spans(two_services())
    ]
    assert found == [
        [("shop", "POST /checkout"), ("shop", "GET"), ("shop", "price")],
        [("rates", "GET /{currency}"), ("rates", "SELECT")],
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([One("a", kind=SERVER), One("b", "a"), One("c", "b", CLIENT)], ["abc"]),
        # another process, though nothing else says so
        ([One("a", kind=CLIENT), One("b", "a", INTERNAL, "rates")], ["a", "b"]),
        # the same process calls itself
        ([One("a", kind=SERVER), One("b", "a", CLIENT), One("c", "b", SERVER)], ["ab", "c"]),
        ([One("a", kind=PRODUCER), One("b", "a", CONSUMER), One("c", "b")], ["a", "bc"]),
        # two instrumentations see one request: one entry
        ([One("a", kind=SERVER), One("b", "a", SERVER), One("c", "b", CLIENT)], ["abc"]),
        # the instrumentation knows better than any guess
        ([One("a", kind=CLIENT), One("b", "a", SERVER, flags=LOCAL)], ["ab"]),
        ([One("a"), One("b", "a", flags=REMOTE), One("c", "b", flags=LOCAL)], ["a", "bc"]),
        # its caller is in no file
        ([One("b", "gone", SERVER), One("c", "b")], ["bc"]),
        ([One("b", "gone", CLIENT)], ["b"]),
        ([One("b", "gone", CLIENT), One("c", "b")], ["bc"]),
        # spans between were lost: the request that its process worked on
        ([One("a", kind=SERVER), One("c", "gone", CLIENT, start_time_unix_nano=5)], ["ac"]),
        ([One("a", kind=SERVER), One("c", "gone", CLIENT, "rates", 0, 5)], ["a", "c"]),
        ([One("a", kind=SERVER), One("c", "gone", SERVER, start_time_unix_nano=5)], ["a", "c"]),
        (
            [
                One("a", kind=SERVER),
                One("b", "", SERVER, start_time_unix_nano=200, end_time_unix_nano=300),
                One("c", "gone", start_time_unix_nano=250),
                One("d", "gone", start_time_unix_nano=50),
            ],
            ["ad", "bc"],
        ),
        # parents in a circle are cut somewhere, and nothing is lost
        ([One("a", "b"), One("b", "a")], ["ab"]),
        ([One("a", "a")], ["a"]),
        ([One("a", kind=SERVER), One("b", "b", start_time_unix_nano=5)], ["a", "b"]),
        ([], []),
    ],
)
def test_where_a_part_begins(spans: list[One], expected: list[str]) -> None:
    assert parts(*spans) == expected


def test_what_was_recorded_as_an_entry_is_one_though_its_parent_is_missing() -> None:
    spans = [
        One("a", kind=SERVER),
        One("b", "x", start_time_unix_nano=10),
        One("c", "b", CLIENT, start_time_unix_nano=20),
    ]
    assert parts(*spans) == ["abc"]
    assert parts(*spans, recorded="b") == ["a", "bc"]
    # of one whose parent is there the flags and kinds decide
    assert parts(One("a", kind=SERVER), One("b", "a"), recorded="b") == ["ab"]


def test_an_entry_whose_parent_is_missing_is_a_cassette_of_its_own(run: Run) -> None:
    spans = two_services()
    recorded: Attributes = {names.ENTRY_FRAMEWORK: "celery"}
    call: Attributes = {names.CALL_INTEGRATION: "httpx", names.CALL_FAMILY: "http", names.CALL_INDEX: 0}
    for span_id, parent_id, name, at, attributes in (
        ("5" * 16, "f" * 16, "tidy up", 20, recorded),
        ("6" * 16, "5" * 16, "DELETE", 25, call),
        ("7" * 16, "f" * 16, "by the way", 40, {}),
    ):
        began, ended = BEGAN + at * MS, BEGAN + (at + 9) * MS
        spans.append(Span(TRACE, span_id, name, parent_id, INTERNAL, began, ended, attributes, resource=SHOP))
    Path("traces.json").write_bytes(encode(spans))
    assert run("convert", "traces.json", "-o", "cassettes").exit_code == 0
    assert {cassette.title: [span.name for span in cassette.spans[1:]] for cassette in cassettes()} == {
        "GET /{currency}": ["SELECT"],
        "POST /checkout": ["GET", "by the way", "price"],
        "tidy up": ["DELETE"],
    }
