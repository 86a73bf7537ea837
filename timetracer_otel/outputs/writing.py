"""Cassettes as one document of any format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError
from timetracer_otel.formats import encode
from timetracer_otel.outputs import curl, http_archive, jaeger, speedscope, trace_events, zipkin
from timetracer_otel.outputs.stripping import without_payloads

_LENGTH: Final = 4
_ONLY_PAYLOADS: Final = frozenset({"har", "curl"})


def document(cassettes: Sequence[Cassette], form: str, *, payloads: bool = True) -> bytes:
    """Those cassettes in one document.

    Several of OTLP are written as the Collector's file exporter does: JSON one a line, protobuf with the
    length of each in four bytes before it.

    Args:
        cassettes: at least one.
        form: one of :data:`~timetracer_otel.outputs.formats.FORMATS`.
        payloads: with bodies, headers, parameters and rows.

    Raises:
        CassetteError: there is nothing in them that could be written so.
        CodecError: a message in them cannot be read.
    """
    if form in _ONLY_PAYLOADS and not payloads:
        raise CassetteError(f"{form} is made of payloads: leave out --no-payloads, or choose another format")
    chosen = cassettes if payloads else [_bare(cassette) for cassette in cassettes]
    return _WRITERS[form](chosen)


def _bare(cassette: Cassette) -> Cassette:
    return Cassette.from_spans(without_payloads(cassette.spans), entry_id=cassette.entry.span_id)


def _otlp_json(cassettes: Sequence[Cassette]) -> bytes:
    return b"".join(encode(cassette.spans, "json") + b"\n" for cassette in cassettes)


def _otlp_protobuf(cassettes: Sequence[Cassette]) -> bytes:
    written = [encode(cassette.spans, "protobuf") for cassette in cassettes]
    if len(written) == 1:
        return written[0]
    return b"".join(len(one).to_bytes(_LENGTH, "big") + one for one in written)


def _curl(cassettes: Sequence[Cassette]) -> bytes:
    lines = [line for cassette in cassettes if (line := curl.command(cassette)) is not None]
    if not lines:
        raise CassetteError("none of these was begun by an HTTP request that curl could send")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _json(document: Callable[[Sequence[Cassette]], Any]) -> Callable[[Sequence[Cassette]], bytes]:
    return lambda cassettes: msgspec.json.encode(document(cassettes)) + b"\n"


_WRITERS: Final[dict[str, Callable[[Sequence[Cassette]], bytes]]] = {
    "otlp-json": _otlp_json,
    "otlp-protobuf": _otlp_protobuf,
    "jaeger": _json(lambda cassettes: jaeger.document([cassette.spans for cassette in cassettes])),
    "zipkin": _json(
        lambda cassettes: zipkin.document(span for cassette in cassettes for span in cassette.spans)
    ),
    "perfetto": _json(trace_events.document),
    "speedscope": _json(speedscope.document),
    "har": _json(http_archive.document),
    "curl": _curl,
}
