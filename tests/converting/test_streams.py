"""Files of any size: how they are compressed and framed, and what is left of damaged ones."""

from __future__ import annotations

import gzip
import io
import json
import random

import pytest

from tests.converting.traces import two_services
from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats import Limits, encode
from timetracer_otel.formats.compression import compress
from timetracer_otel.formats.streams import Document, documents, pieces, recognise

PROTOBUF = encode(two_services(), "protobuf")
LINES = [json.dumps({"resourceSpans": [], "n": number}).encode() for number in range(3)]


def read(data: bytes, limits: Limits | None = None) -> list[Document]:
    return list(documents(pieces(io.BytesIO(data)), limits=limits or Limits()))


def noise(size: int, seed: int = 1) -> bytes:
    """Text that hardly compresses."""
    return random.Random(seed).randbytes(size).hex().encode()  # noqa: S311  # no secret


def framed(*messages: bytes) -> bytes:
    """As the Collector's file exporter writes what is not plain JSON."""
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_lines(compression: str) -> None:
    data = compress(b"\n".join(LINES) + b"\n", compression)  # type: ignore[arg-type]  # one of those
    assert read(data) == [Document(line, number) for number, line in enumerate(LINES, 1)]


def test_lines_longer_than_what_is_read_at_a_time() -> None:
    lines = [b'{"a": "' + noise(2_000_000) + b'"}', b"", b'{"b": 1}']
    for end in (b"", b"\n", b"\r\n"):
        found = read(gzip.compress(b"\n".join(lines) + end, 1))
        assert [(document.place, document.data.strip()) for document in found] == [
            (1, lines[0]),
            (3, lines[2]),
        ]


@pytest.mark.parametrize(
    "document",
    [
        json.dumps({"resourceSpans": [{"scopeSpans": []}]}, indent=2).encode(),
        b'[\n{"traceId": "1"},\n{"traceId": "2"}\n]',
        b"\xef\xbb\xbf" + json.dumps({"data": []}, indent=1).encode(),
    ],
)
def test_a_document_laid_out_for_people_is_one(document: bytes) -> None:
    assert read(document) == [Document(document.removeprefix(b"\xef\xbb\xbf"), 1)]


def test_a_damaged_first_line_makes_no_document_of_all_lines() -> None:
    assert recognise(b"\n".join([b'{"resourceSp', *LINES, b""])) == "lines"


@pytest.mark.parametrize("inner", ["none", "gzip", "zstd"])
def test_messages_with_their_length(inner: str) -> None:
    messages = [encode(two_services(), "protobuf"), encode(two_services()[:1])]
    data = framed(*(compress(message, inner) for message in messages))  # type: ignore[arg-type]  # one of those
    assert read(data) == [Document(messages[0], 1, binary=True), Document(messages[1], 2)]


def test_one_protobuf_message_is_given_resource_by_resource() -> None:
    found = read(PROTOBUF)
    assert b"".join(document.data for document in found) == PROTOBUF
    assert len(found) == 2  # services


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_comes_before_a_cut_is_kept(compression: str) -> None:
    lines = [b'{"text": "' + noise(900, number) + b'"}' for number in range(400)]
    data = compress(b"\n".join(lines), compression)  # type: ignore[arg-type]  # one of those
    *kept, last, damage = read(data[: len(data) // 2])
    assert len(kept) > 100
    assert [document.data for document in kept] == lines[: len(kept)]
    assert lines[len(kept)].startswith(last.data)
    assert damage == Document(
        b"", len(kept) + 2, f"the {compression} data ends too early; the file was cut short"
    )


def test_several_frames_follow_one_another_and_padding_says_nothing() -> None:
    data = b"".join(gzip.compress(line + b"\n") for line in LINES) + bytes(512)
    assert [document.data for document in read(data)] == LINES


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (
            framed(b"\x0a\0", b"\x0a\0")[:-1],
            [(1, ""), (2, "the stream ends within a message; the file was cut short")],
        ),
        (
            encode(two_services(), "protobuf")[:-1],
            [(1, ""), (2, "the message ends too early; the file was cut short")],
        ),
        (
            encode(two_services(), "protobuf") + b"\x12\0",
            [(1, ""), (2, ""), (3, "no OTLP protobuf from here on")],
        ),
    ],
)
def test_binary_streams_keep_what_came_before(data: bytes, places: list[tuple[int, str]]) -> None:
    assert [(document.place, document.damage) for document in read(data)] == places


def test_sizes_are_bounded_and_the_next_line_is_read() -> None:
    limits = Limits(max_bytes=1000)
    data = b"\n".join([LINES[0], b'{"a": "' + b"x" * 3_000_000 + b'"}', LINES[1]])
    assert read(data, limits) == [
        Document(LINES[0], 1),
        Document(b"", 2, "a line of more than 1000 bytes"),
        Document(LINES[1], 3),
    ]


def test_nothing_is_no_document() -> None:
    assert read(b"") == read(b"\n \n") == read(gzip.compress(b"")) == []


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip", b"hello", b"\x7fELF"])
def test_what_is_neither_is_said(data: bytes) -> None:
    with pytest.raises(CassetteFormatError, match="neither JSON nor OTLP protobuf"):
        read(data)
