"""Documents to runs, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from timetracer_otel.converters import older
from timetracer_otel.converters.runs import Origins, Run, runs_of_line, runs_of_spans
from timetracer_otel.converters.spilling import SPAN
from timetracer_otel.errors import CassetteError, CodecError
from timetracer_otel.formats import foreign, otlp_protobuf
from timetracer_otel.formats.limits import DEFAULT, Limits
from timetracer_otel.formats.streams import Document, Framing, Source, documents, pieces

Kind: TypeAlias = Literal[
    "auto", "otlp-json", "otlp-protobuf", "jaeger", "zipkin", "tempo", "console", "timetracer"
]
"""What ``--from`` takes."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_FOREIGN: Final[dict[Kind, foreign.JsonKind]] = {
    "otlp-json": "otlp",
    "jaeger": "jaeger",
    "zipkin": "zipkin",
    "tempo": "tempo",
    "console": "console",
}
_EXACT: Final = b'{"resourceSpans"'


class Piece(msgspec.Struct):
    """What one document of a file came to.

    Attributes:
        place: which line, or which message.
        runs: its spans.
        damage: for each of its spans that could not be read, or for all of it, why.
        spans: how many there are.
        size: about how many bytes of memory they take.
    """

    place: int
    runs: list[Run] = msgspec.field(default_factory=list)
    damage: list[str] = msgspec.field(default_factory=list)
    spans: int = 0
    size: int = 0


def read(
    source: Source, kind: Kind = "auto", framing: Framing | None = None, limits: Limits = DEFAULT
) -> Iterator[Piece]:
    """What a file of traces holds, document by document.

    Args:
        source: the file; compressed or not.
        kind: what it is; by default its content says so.
        framing: how its documents follow one another; by default its content says so.
        limits: what one document may hold.

    Raises:
        CassetteFormatError: it is no such file.
        OSError: it cannot be read.
    """
    origins = Origins()
    for document in documents(pieces(source), framing, limits):
        yield read_document(document, kind, limits, origins)


def read_document(document: Document, kind: Kind, limits: Limits, origins: Origins | None = None) -> Piece:
    """What one document holds; see :func:`read`.

    Args:
        document: which.
        kind: what it is.
        limits: what it may hold.
        origins: those of the documents before it.
    """
    if document.damage:
        return Piece(document.place, damage=[document.damage])
    data = document.data
    if data.isspace():
        return Piece(document.place)
    try:
        if kind in ("auto", "otlp-json") and data.startswith(_EXACT):
            try:
                return _piece(document, runs_of_line(data, limits, origins))
            except CassetteError:
                pass  # what is meant may be clear all the same
        if document.binary:
            return _piece(document, runs_of_spans(otlp_protobuf.decode(data, limits)))
        if kind == "timetracer" or (kind == "auto" and older.is_one(data)):
            return _piece(document, runs_of_spans(older.read(foreign.parse(data, limits))))
        found = foreign.read(data, _FOREIGN.get(kind), limits)
        return _piece(document, runs_of_spans(found.spans), found.damaged)
    except (CassetteError, CodecError) as error:
        return Piece(document.place, damage=[str(error)])


def _piece(document: Document, runs: list[Run], damage: list[str] | None = None) -> Piece:
    spans = sum([len(run.pieces) for run in runs])
    # a binary document is written out as JSON, which is about three times as long
    size = len(document.data) * (3 if document.binary else 1) + SPAN * spans
    return Piece(document.place, runs, damage or [], spans, size)
