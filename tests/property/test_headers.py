"""Headers come back the same, whatever was read before by the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from timetracer_otel.errors import CodecError
from timetracer_otel.messages.headers import HeaderAttributes

PREFIX, ORDER = "http.request.header.", "timetracer.http.request.header_names"

names = st.sampled_from(["accept", "Accept", "ACCEPT", "x-id", "X-Id", "größe", "x\n"])
texts = st.sampled_from(["", "1", "a, b", "größe", "two\nlines", "\x7f", "€"])
written = st.lists(st.tuples(names, texts), max_size=4)
values = st.one_of(
    st.lists(texts, max_size=2),
    texts,
    st.integers(0, 1),
    st.lists(st.booleans() | st.integers(0, 1)),
    st.none(),
)
said = st.fixed_dictionaries(
    {"http.request.method": st.just("GET")},
    optional={
        f"{PREFIX}accept": values,
        f"{PREFIX}Accept": values,
        f"{PREFIX}x-id": values,
        ORDER: st.lists(names | st.integers(0, 1) | st.lists(names, max_size=1), max_size=4) | texts,
    },
)


def outcome(read: Callable[[Any], Any], attributes: Any) -> Any:
    try:
        return read(attributes)
    except CodecError as error:
        return str(error)


@given(st.lists(said, min_size=2, max_size=6))
def test_a_reader_that_read_others_before_reads_what_a_new_one_does(given: list[Any]) -> None:
    reader = HeaderAttributes(PREFIX, ORDER)
    for attributes in given:
        assert outcome(reader.read, attributes) == outcome(HeaderAttributes(PREFIX, ORDER).read, attributes)


@given(st.lists(written, min_size=1, max_size=4))
def test_what_was_written_is_read_again(given: list[list[tuple[str, str]]]) -> None:
    reader = HeaderAttributes(PREFIX, ORDER)
    for headers in given:
        attributes: dict[str, Any] = {}
        reader.write(headers, attributes)
        sendable = all("\n" not in text and "€" not in text for pair in headers for text in pair)
        if sendable:
            assert reader.read(attributes) == headers
        else:
            assert "cannot be sent" in outcome(reader.read, attributes)
