"""Attributes written by their shape are the same bytes as attributes written one by one."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.property.spans import attribute_values, texts
from timetracer_otel.formats import decode, encode
from timetracer_otel.formats.json_shapes import attributes_as_json
from timetracer_otel.formats.json_values import pairs
from timetracer_otel.formats.limits import MAX_DEPTH
from timetracer_otel.span import Attributes, Span

NAMES = ["http.method", "http.request.header.accept", 'with "quotes"', "größe"]
ODD: list[Attributes] = [
    {"text": "a\ud800", "list": ["\udfff"], "number": 1.5},
    {"text": "b", "list": ["c"], "number": 1e16},
]
values = (
    attribute_values
    | st.integers()  # of any size
    | st.lists(texts, min_size=1, max_size=2)
    | st.sampled_from(["\ud800", ["\ud800"], 2**63, -(2**63), (), ("a", "b"), bytearray(b"1"), True])
)


@given(rows=st.lists(st.lists(values, min_size=1, max_size=len(NAMES)), max_size=6))
def test_one_shape_after_the_other(rows: list[list[Any]]) -> None:
    for row in rows:
        attributes = dict(zip(NAMES, row, strict=False))
        one_by_one = pairs(attributes, MAX_DEPTH)
        by_shape = attributes_as_json(attributes)
        assert as_bytes(by_shape) == as_bytes(one_by_one)
        assert list(attributes.values()) == row or repr(list(attributes.values())) == repr(row)


def as_bytes(wire: Any) -> bytes | str:
    try:
        return msgspec.json.encode(wire)
    except UnicodeEncodeError:
        return "half a surrogate pair, which the writer replaces"


def test_half_a_surrogate_pair_leaves_the_other_attributes_as_they_are() -> None:
    spans = [Span("1" * 32, f"{n:016x}", "a", attributes=given) for n, given in enumerate(ODD, start=1)]
    assert [span.attributes for span in decode(encode(spans))] == [
        {"text": "a\ufffd", "list": ["\ufffd"], "number": 1.5},
        {"text": "b", "list": ["c"], "number": 1e16},
    ]
