"""Whatever the spans and however they are written: a conversion loses none, and mixes none."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.converting.test_foreign import as_messages, in_snake_case, tag
from tests.property.spans import by_id, span_lists
from timetracer_otel.cassette import Cassette
from timetracer_otel.converters.making import cassettes_of
from timetracer_otel.converters.runs import document_of, names_on, runs_of_line, runs_of_spans
from timetracer_otel.converters.splitting import split_spans
from timetracer_otel.errors import CassetteError
from timetracer_otel.formats import Limits, decode, encode, json_reader
from timetracer_otel.formats.foreign import read
from timetracer_otel.span import Span

LIMITS = Limits()


def rewritten(item: Any, *, snake: bool, ids: bool, at: str = "") -> Any:
    """OTLP/JSON in another spelling: snake_case keys, ids in base64."""
    if isinstance(item, dict):
        return {
            ("".join(f"_{char.lower()}" if char.isupper() else char for char in key) if snake else key): (
                rewritten(value, snake=snake, ids=ids, at=key)
            )
            for key, value in item.items()
        }
    if isinstance(item, list):
        return [rewritten(value, snake=snake, ids=ids) for value in item]
    if ids and at in ("traceId", "spanId", "parentSpanId") and item:
        return base64.b64encode(bytes.fromhex(item)).decode()
    return item


@given(span_lists(), st.booleans(), st.booleans(), st.sampled_from([None, "trace", "batches"]))
def test_every_spelling_means_the_same(spans: list[Span], snake: bool, ids: bool, around: str | None) -> None:
    document = rewritten(json.loads(encode(spans)), snake=snake, ids=ids)
    if around == "trace":
        document = {"trace": document}
    elif around == "batches":
        document = {"batches": document["resource_spans" if snake else "resourceSpans"]}
    found = read(json.dumps(document).encode())
    assert found.damaged == []
    assert repr(by_id(found.spans)) == repr(spans)


_TAGS = st.lists(
    st.one_of(
        st.builds(tag, st.text(max_size=5), st.text(), st.just("string")),
        st.builds(tag, st.text(max_size=5), st.booleans(), st.just("bool")),
        st.builds(tag, st.text(max_size=5), st.integers(-(2**63), 2**63 - 1), st.just("int64")),
        st.builds(
            tag, st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), st.just("float64")
        ),
        st.builds(
            tag,
            st.text(max_size=5),
            st.binary().map(lambda b: base64.b64encode(b).decode()),
            st.just("binary"),
        ),
    ),
    max_size=4,
)
_MICROSECONDS = st.integers(0, 2**43)


@st.composite
def traces_of_jaeger(draw: st.DrawFn) -> dict[str, Any]:
    """What Jaeger's query service answers."""
    trace = f"{draw(st.integers(1, 2**128 - 1)):032x}"
    spans: list[dict[str, Any]] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        parents = [
            {
                "refType": draw(st.sampled_from(["CHILD_OF", "FOLLOWS_FROM"])),
                "traceID": trace,
                "spanID": "1".zfill(16),
            }
        ]
        spans.append(
            {
                "traceID": trace,
                "spanID": f"{number:016x}",
                "operationName": draw(st.text()),
                "references": parents if number > 1 else [],
                "startTime": draw(_MICROSECONDS),
                "duration": draw(_MICROSECONDS),
                "tags": draw(_TAGS),
                "logs": draw(
                    st.lists(st.fixed_dictionaries({"timestamp": _MICROSECONDS, "fields": _TAGS}), max_size=2)
                ),
                "processID": "p1",
            }
        )
    return {
        "data": [
            {
                "traceID": trace,
                "spans": spans,
                "processes": {"p1": {"serviceName": "shop", "tags": draw(_TAGS)}},
            }
        ]
    }


@given(traces_of_jaeger(), st.booleans())
def test_messages_of_jaeger_mean_what_its_json_means(document: dict[str, Any], snake: bool) -> None:
    messages = as_messages(document)
    found = read(json.dumps(in_snake_case(messages) if snake else messages).encode())
    meant = read(json.dumps(document).encode())
    assert (found.damaged, repr(found.spans)) == (meant.damaged, repr(meant.spans))


@given(span_lists(min_size=1))
def test_spans_keep_their_very_bytes_and_written_anew_mean_the_same(spans: list[Span]) -> None:
    for runs in (runs_of_line(encode(spans), LIMITS), runs_of_spans(spans)):
        document = document_of([(run.origin, [piece.raw for piece in run.pieces]) for run in runs])
        assert repr(by_id(decode(document))) == repr(spans)


_WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 1, -1, 2**64, 1.5, "", "x", "true", "NaN", "1e999", "AA=", "f" * 16, "0" * 32, [], {}]
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """OTLP/JSON in which some values are others than they were."""
    document = json.loads(encode(draw(span_lists(min_size=1))))
    places: list[tuple[Any, Any]] = []
    around = [document]
    while around:
        item = around.pop()
        inside = list(item.items() if isinstance(item, dict) else enumerate(item))
        places += [(item, key) for key, _ in inside]
        around += [value for _, value in inside if isinstance(value, dict | list)]
    for at in draw(st.lists(st.integers(0, len(places) - 1), max_size=3)):
        item, key = places[at]
        item[key] = draw(_WRONG)
    return json.dumps(document).encode()


@given(documents(), st.sampled_from([LIMITS, Limits(max_depth=1), Limits(max_spans=2)]))
def test_what_is_only_checked_is_refused_where_it_would_be_when_it_is_read(
    data: bytes, limits: Limits
) -> None:
    try:
        document = json_reader.typed(data)
    except msgspec.MsgspecError:
        return
    names: set[str] = set()
    try:
        spans = json_reader.spans_of(document, limits)
    except CassetteError:
        with pytest.raises(CassetteError):
            json_reader.checked(data, limits, names)
        return
    wires = json_reader.checked(data, limits, names)
    assert names == {name for span in spans for name in names_on(span)}
    assert [
        (wire.trace_id, wire.span_id, wire.parent_span_id, wire.start_time_unix_nano) for wire in wires
    ] == [(span.trace_id, span.span_id, span.parent_span_id, span.start_time_unix_nano) for span in spans]


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Spans of one trace whose parents are any of them, themselves, or in no file."""
    spans = draw(span_lists(min_size=1))
    ids = [span.span_id for span in spans]
    for span in spans:
        span.trace_id = "1" * 32
        span.parent_span_id = draw(st.sampled_from(["", "f" * 16, *ids]))
        span.flags = draw(st.sampled_from([0, 0x100, 0x300]))
        # hypothesis tries words that stand in the code, too
        span.attributes = {k: v for k, v in span.attributes.items() if not k.startswith("timetracer.")}
    return spans


@given(traces())
def test_each_span_is_in_one_part_and_below_its_entry(spans: list[Span]) -> None:
    parts = split_spans(spans)
    assert Counter(span.span_id for part in parts for span in part) == Counter(span.span_id for span in spans)
    where = {span.span_id: number for number, part in enumerate(parts) for span in part}
    for number, part in enumerate(parts):
        for span in part[1:]:
            assert where.get(span.parent_span_id, number) == number


@given(traces())
def test_every_part_is_a_cassette_that_can_be_read(spans: list[Span]) -> None:
    names = Counter(span.name for span in spans)
    entries = {part[0].span_id for part in split_spans(spans)}
    made = [Cassette.load(cassette.dump()) for cassette in cassettes_of(spans, None)]
    assert Counter(span.name for cassette in made for span in cassette.spans) == names
    assert {cassette.entry.span_id for cassette in made} == entries
