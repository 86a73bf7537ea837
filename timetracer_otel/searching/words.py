"""What of a cassette is searched: what a person reads in it, not how it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.bodies import decoded
from timetracer_otel.span import Attributes, AttributeValue, Span

MOST: Final = 1_000_000
"""Characters of one cassette; what follows is not found."""
_MOST_OF_ONE: Final = 100_000
"""Characters of one value."""

_BOOKKEEPING: Final = (
    "timetracer.call.",
    "http.request.header.traceparent",
    names.CASSETTE_VERSION,
    names.DB_COLUMNS,
    names.DB_SERVER,
    names.HTTP_REQUEST_HEADER_NAMES,
    names.HTTP_RESPONSE_CHUNKS,
    names.HTTP_RESPONSE_HEADER_NAMES,
    names.MONGODB_SERVER,
)
"""How attributes begin that nobody looks for, and that nearly every cassette has."""
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
"""As ``json.dumps`` writes what is not ASCII."""
_BODIES: Final = {
    names.HTTP_REQUEST_BODY: names.HTTP_REQUEST_HEADER + "content-encoding",
    names.HTTP_RESPONSE_BODY: names.HTTP_RESPONSE_HEADER + "content-encoding",
}


def words_of(cassette: Cassette) -> str:
    """All that can be found of a cassette: titles, URLs, headers, bodies, statements, parameters, rows,
    replies, exceptions; each text once.
    """
    left = MOST
    texts: dict[str, None] = {}
    for raw in _texts(cassette):
        text = _plain(raw)
        if text in texts:
            continue
        texts[text] = None
        left -= len(text)
        if left <= 0:
            break
    return "\n".join(texts)[:MOST]


def _texts(cassette: Cassette) -> Iterator[str]:
    yield cassette.title
    yield cassette.entry.trace_id
    yield from _of_attributes(cassette.resource.attributes)
    for span in cassette.spans:
        yield span.name
        yield from _of_span(span)


def _of_span(span: Span) -> Iterator[str]:
    yield span.status.message
    yield from _of_attributes(span.attributes)
    for event in span.events:
        yield from _of_attributes(event.attributes)


def _of_attributes(attributes: Attributes) -> Iterator[str]:
    for name, value in attributes.items():
        if name.startswith(_BOOKKEEPING):
            continue
        if name in _BODIES and isinstance(value, bytes):
            value = decoded(value, _coding(attributes.get(_BODIES[name])))
        yield from _of_value(value)


def _coding(header: AttributeValue) -> str | None:
    values = header if isinstance(header, list) else [header]
    return values[0] if values and isinstance(values[0], str) else None


def _of_value(value: AttributeValue) -> Iterator[str]:
    match value:
        case str():
            yield value
        case bytes():
            if (text := _text(value[:_MOST_OF_ONE])) is not None:
                yield text
        case list():
            for item in value:
                yield from _of_value(item)
        case dict():
            for item in value.values():
                yield from _of_value(item)
        case bool() | None:
            return
        case _:
            yield str(value)


def _text(value: bytes) -> str | None:
    """What it says; ``None`` where it is no text, but a picture, say."""
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        cut_in_a_character = len(value) == _MOST_OF_ONE and error.start > len(value) - 4
        return value[: error.start].decode() if cut_in_a_character else None


def _plain(text: str) -> str:
    text = text[:_MOST_OF_ONE]
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    # halves of a pair become the character; what is half for good can be kept nowhere
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
