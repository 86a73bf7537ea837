"""Bytes <-> spans. Compression and encoding are recognised by content, never by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats import json_reader, json_writer, otlp_protobuf
from timetracer_otel.formats.compression import Compression, compress, decompress
from timetracer_otel.formats.limits import DEFAULT, Limits
from timetracer_otel.span import Span

__all__ = ["Compression", "Encoding", "Limits", "decode", "encode"]

Encoding: TypeAlias = Literal["json", "protobuf"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FIRST_FIELD: Final = b"\x0a"  # TracesData has one field, number 1, of messages


def decode(data: bytes, limits: Limits = DEFAULT) -> list[Span]:
    """The spans of a document in any encoding and compression known here.

    Args:
        data: the whole document.
        limits: what it may hold; more is refused.

    Raises:
        CassetteFormatError: it is no such document, or not a whole one.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    if not data:
        raise CassetteFormatError("the file is empty")
    plain = decompress(data, limits).removeprefix(_BYTE_ORDER_MARK)
    json = plain[:64].lstrip().startswith(b"{")
    if plain.startswith(_FIRST_FIELD):  # or JSON after an empty line
        try:
            return otlp_protobuf.decode(plain, limits)
        except CassetteFormatError:
            if not json:
                raise
    elif not json:
        raise CassetteFormatError(f"neither OTLP JSON nor OTLP protobuf; it begins with {plain[:16]!r}")
    return json_reader.decode(plain, limits)


def encode(spans: Sequence[Span], encoding: Encoding = "json", compression: Compression = "none") -> bytes:
    """One OTLP ``TracesData`` document of those spans, grouped by resource and scope.

    Raises:
        CodecError: an attribute value that OTLP cannot carry.
        CassetteLimitError: an attribute value nested too deeply.
    """
    plain = json_writer.encode(spans) if encoding == "json" else otlp_protobuf.encode(spans)
    return compress(plain, compression)
