"""Spans on their way through a conversion: as JSON that is not looked into again, with what splitting needs.

A run is what one document says of one trace in one scope. A span written as OTLP has it keeps its very bytes;
all others are written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Raw

from timetracer_otel.converters.payloads import may_be_payload, may_be_secret
from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats import json_reader, json_writer
from timetracer_otel.formats.json_wire import KeyValue
from timetracer_otel.formats.limits import Limits
from timetracer_otel.span import Resource, Scope, Span, StatusCode


class Piece(msgspec.Struct, array_like=True, gc=False):
    """One span.

    Attributes:
        failed: its status is an error.
        raw: all of it, as a JSON object of OTLP.
    """

    span_id: str
    parent_span_id: str
    kind: int
    flags: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    failed: bool
    raw: bytes


class Origin(msgspec.Struct, array_like=True, frozen=True, cache_hash=True, gc=False):
    """The resource and the scope of spans, as JSON objects of OTLP."""

    resource: bytes
    resource_schema: str
    scope: bytes
    scope_schema: str


class Run(msgspec.Struct, gc=False):
    """Spans of one trace and one origin.

    Attributes:
        marked: one of them may carry a payload.
        named: an attribute may hold a secret by its name.
    """

    trace_id: str
    origin: Origin
    pieces: list[Piece]
    marked: bool
    named: bool = True


class Origins:
    """One object for each origin, however many documents name it: few processes write many of them."""

    def __init__(self) -> None:
        self._known: dict[Origin, Origin] = {}

    def of(self, origin: Origin) -> Origin:
        """The origin that is equal to that one."""
        if len(self._known) >= _MAX_ORIGINS:
            self._known.clear()
        return self._known.setdefault(origin, origin)


class _ScopeSpans(msgspec.Struct, rename="camel", gc=False):
    scope: Raw = Raw(b"{}")
    spans: list[Raw] = []
    schema_url: str = ""


class _ResourceSpans(msgspec.Struct, rename="camel", gc=False):
    scope_spans: list[_ScopeSpans]  # what has none has them under an older name
    resource: Raw = Raw(b"{}")
    schema_url: str = ""


class _Slices(msgspec.Struct, rename="camel", gc=False):
    resource_spans: list[_ResourceSpans]


class _ResourceOnly(msgspec.Struct, gc=False):
    attributes: list[KeyValue] = []


class _ScopeOnly(msgspec.Struct, gc=False):
    name: str = ""
    version: str = ""
    attributes: list[KeyValue] = []


_slices: Final = msgspec.json.Decoder(_Slices).decode
_resource: Final = msgspec.json.Decoder(_ResourceOnly, strict=False).decode
_scope: Final = msgspec.json.Decoder(_ScopeOnly, strict=False).decode
_MAX_ORIGINS: Final = 1_000


def runs_of_line(line: bytes, limits: Limits, origins: Origins | None = None) -> list[Run]:
    """The runs of an OTLP/JSON document, their spans as they stand there.

    Args:
        line: the document.
        limits: what it may hold.
        origins: those of the documents before it.

    Raises:
        CassetteError: it is not written exactly as OTLP has it; what is meant may be clear all the same.
    """
    names: set[str] = set()
    read = iter(json_reader.checked(line, limits, names))
    try:
        slices = _slices(line)
    except RecursionError as error:
        raise CassetteFormatError("JSON nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise CassetteFormatError(str(error)) from error
    marked, named = any(map(may_be_payload, names)), any(map(may_be_secret, names))
    origins = origins or Origins()
    failed, unset = StatusCode.ERROR, UNSET
    runs: list[Run] = []
    for of_resource in slices.resource_spans:
        resource = bytes(of_resource.resource)
        for of_scope in of_resource.scope_spans:
            origin = origins.of(
                Origin(resource, of_resource.schema_url, bytes(of_scope.scope), of_scope.schema_url)
            )
            by_trace: dict[str, list[Piece]] = {}
            # in this order, so that the last raw takes no span of the next scope
            for raw, span in zip(of_scope.spans, read, strict=False):
                status = span.status
                piece = Piece(
                    span.span_id,
                    span.parent_span_id,
                    span.kind,
                    span.flags,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    status is not unset and status.code is failed,
                    bytes(raw),
                )
                pieces = by_trace.get(span.trace_id)
                if pieces is None:
                    by_trace[span.trace_id] = [piece]
                else:
                    pieces.append(piece)
            runs += [Run(trace_id, origin, pieces, marked, named) for trace_id, pieces in by_trace.items()]
    return runs


def runs_of_spans(spans: Iterable[Span]) -> list[Run]:
    """The runs of spans that were read from another format."""
    origins: dict[tuple[int, int], Origin] = {}
    runs: dict[tuple[str, int, int], Run] = {}
    for span in spans:
        of = id(span.resource), id(span.scope)
        key = (span.trace_id, *of)
        run = runs.get(key)
        if run is None:
            origin = origins.get(of)
            if origin is None:
                origin = origins[of] = origin_of(span.resource, span.scope)
            run = runs[key] = Run(span.trace_id, origin, [], marked=False, named=False)
        run.pieces.append(piece_of(span))
        run.marked = run.marked or any(map(may_be_payload, span.attributes))
        run.named = run.named or any(map(may_be_secret, names_on(span)))
    return list(runs.values())


def names_on(span: Span) -> Iterator[str]:
    """The names of all attributes of a span, its events and its links."""
    yield from span.attributes
    for event in span.events:
        yield from event.attributes
    for link in span.links:
        yield from link.attributes


def piece_of(span: Span) -> Piece:
    """A span written as JSON."""
    return Piece(
        span.span_id,
        span.parent_span_id,
        span.kind.value,
        span.flags,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code is StatusCode.ERROR,
        json_writer.encode_span(span),
    )


def origin_of(resource: Resource, scope: Scope) -> Origin:
    """Where spans of that resource and scope come from."""
    return Origin(
        json_writer.encode_resource(resource),
        resource.schema_url,
        json_writer.encode_scope(scope),
        scope.schema_url,
    )


def resource_of(origin: Origin, limits: Limits) -> Resource:
    """The resource as plain data."""
    read = json_reader.read_attributes(_resource(origin.resource).attributes, limits.max_depth)
    return Resource(read, origin.resource_schema)


def scope_of(origin: Origin, limits: Limits) -> Scope:
    """The scope as plain data."""
    wire = _scope(origin.scope)
    read = json_reader.read_attributes(wire.attributes, limits.max_depth)
    return Scope(wire.name, wire.version, read, origin.scope_schema)


def span_of(piece: Piece, resource: Resource, scope: Scope, limits: Limits) -> Span:
    """A span as plain data.

    Raises:
        CassetteError: it cannot be read after all.
    """
    return json_reader.read_span(piece.raw, scope, resource, limits.max_depth)


def document_of(parts: Sequence[tuple[Origin, Sequence[bytes]]]) -> bytes:
    """One OTLP/JSON ``TracesData`` document, grouped by resource.

    Args:
        parts: by origin, the spans.
    """
    by_resource: dict[tuple[bytes, str], list[bytes]] = {}
    for origin, raws in parts:
        schema = b',"schemaUrl":' + _text(origin.scope_schema) if origin.scope_schema else b""
        by_resource.setdefault((origin.resource, origin.resource_schema), []).append(
            b'{"scope":%b,"spans":[%b]%b}' % (origin.scope, b",".join(raws), schema)
        )
    resources: list[bytes] = []
    for (resource, resource_schema), scopes in by_resource.items():
        schema = b',"schemaUrl":' + _text(resource_schema) if resource_schema else b""
        resources.append(b'{"resource":%b,"scopeSpans":[%b]%b}' % (resource, b",".join(scopes), schema))
    return b'{"resourceSpans":[%b]}' % b",".join(resources)


def _text(text: str) -> bytes:
    return msgspec.json.encode(text)
