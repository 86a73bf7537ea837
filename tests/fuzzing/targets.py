"""What is fuzzed: each takes any bytes, and may raise the errors that are promised and no other."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Final

from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.converters import older, reading
from timetracer_otel.converters.making import cassettes_of, without_repetition
from timetracer_otel.converters.runs import runs_of_spans
from timetracer_otel.converters.splitting import split_spans
from timetracer_otel.errors import CassetteError, CodecError
from timetracer_otel.formats import Limits, decode, foreign, json_reader, otlp_protobuf
from timetracer_otel.formats.compression import decompress
from timetracer_otel.formats.foreign import JSON_KINDS
from timetracer_otel.span import Resource, Scope, Span
from timetracer_otel.views.summary import Summary
from timetracer_otel.views.tree import tree_lines

LIMITS: Final = Limits(max_bytes=1_000_000, max_spans=1000, max_objects=100_000)


def json_document(data: bytes) -> None:
    """OTLP/JSON."""
    with contextlib.suppress(CassetteError):
        json_reader.decode(data, LIMITS)


def protobuf_document(data: bytes) -> None:
    """OTLP/protobuf."""
    with contextlib.suppress(CassetteError):
        otlp_protobuf.decode(data, LIMITS)


def recognition(data: bytes) -> None:
    """What a file is compressed with and how it is encoded."""
    with contextlib.suppress(CassetteError):
        assert len(decompress(data, LIMITS)) <= LIMITS.max_bytes
    with contextlib.suppress(CassetteError):
        decode(data, LIMITS)


def value(data: bytes) -> None:
    """A value of the codec; what can be read can be written and compared."""
    with contextlib.suppress(CodecError):
        read = values.loads(data.decode("utf-8", "surrogateescape"))
        values.canonical(read)
        assert values.canonical(values.loads(values.dumps(read))) == values.canonical(read)


def cassette(data: bytes) -> None:
    """A whole cassette: loaded, summed up, drawn, its messages read."""
    from pathlib import Path

    with contextlib.suppress(CassetteError):
        loaded = Cassette.load(data, LIMITS)
        Summary.of(Path("fuzzed"), loaded).data()
        for full in (False, True):
            for line in tree_lines(loaded, full=full):
                assert line.text.isprintable()
        with contextlib.suppress(CodecError):
            loaded.read_messages()
            for call in loaded.calls():
                if call.request is not None:
                    call.request.canonical()
                    assert call.request.writes in (True, False)


def others_json(data: bytes) -> None:
    """JSON of others, recognised by content, and again as each format; what is read can be written."""
    for kind in (None, *JSON_KINDS):
        with contextlib.suppress(CassetteError):
            spans = foreign.read(data, kind, LIMITS).spans
            for run in runs_of_spans(spans):
                for piece in run.pieces:
                    written = json_reader.read_span(piece.raw, Scope(), Resource(), LIMITS.max_depth)
                    assert written.span_id == piece.span_id


def older_cassette(data: bytes) -> None:
    """A cassette of timetracer 1.x."""
    with contextlib.suppress(CassetteError):
        for made in cassettes_of(older.read(foreign.parse(data, LIMITS)), None):
            assert Cassette.load(made.dump()).spans


def stream(data: bytes) -> None:
    """A file of traces: framing, compression, all readers; each document is read or its damage told."""
    with contextlib.suppress(CassetteError):
        for piece in reading.read(io.BytesIO(data), limits=LIMITS):
            assert piece.place > 0
            assert all(piece.damage)
            by_trace: dict[str, list[Span]] = {}
            for run in piece.runs:
                for one in run.pieces:
                    span = json_reader.read_span(one.raw, Scope(), Resource(), LIMITS.max_depth)
                    by_trace.setdefault(run.trace_id, []).append(span)
            for spans in by_trace.values():
                parts = split_spans(without_repetition(spans))
                assert sum(map(len, parts)) == len({span.span_id for span in spans})


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "json": json_document,
    "protobuf": protobuf_document,
    "recognition": recognition,
    "values": value,
    "cassette": cassette,
    "others": others_json,
    "older": older_cassette,
    "stream": stream,
}
"""By name."""
