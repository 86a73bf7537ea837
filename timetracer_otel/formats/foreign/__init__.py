"""Traces as others write them: OTLP/JSON in every spelling met, Tempo, Jaeger, Zipkin, what the Python SDK
prints. Recognised by content.

One damaged span costs no other. Speed is not the aim: what is written as OTLP has it is read by
:mod:`timetracer_otel.formats.json_reader`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.foreign import console, jaeger, otlp, zipkin
from timetracer_otel.formats.foreign.fields import Plain, get
from timetracer_otel.formats.limits import DEFAULT, Limits
from timetracer_otel.span import Span

__all__ = ["JSON_KINDS", "JsonKind", "Read", "parse", "read"]

JsonKind: TypeAlias = Literal["otlp", "tempo", "jaeger", "zipkin", "console"]
JSON_KINDS: Final[tuple[JsonKind, ...]] = ("otlp", "tempo", "jaeger", "zipkin", "console")

_OTHER_SIGNALS: Final = ("resourceMetrics", "resourceLogs", "resourceProfiles")
_RESOURCES: Final = ("resourceSpans", "resource_spans", "batches")
_AROUND: Final = ("trace", "result")
_MAX_DEPTH: Final = 3
_NONE: Final = "JSON, but neither OTLP, Tempo, Jaeger nor Zipkin"


class Read(msgspec.Struct):
    """What a document held.

    Attributes:
        spans: those that could be read.
        damaged: for each that could not, why.
        other: it is of another signal: metrics, logs, profiles.
    """

    spans: list[Span] = msgspec.field(default_factory=list)
    damaged: list[str] = msgspec.field(default_factory=list)
    other: bool = False


def parse(data: bytes, limits: Limits = DEFAULT) -> Plain:
    """A JSON document as Python has it; ``NaN`` and lone surrogates, which some write, included.

    Raises:
        CassetteFormatError: it is not JSON.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    if len(data) > limits.max_objects and data.count(b"{") + data.count(b"[") > limits.max_objects:
        raise CassetteLimitError(f"more than {limits.max_objects} JSON objects; split the document")
    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise CassetteLimitError("JSON nested too deeply to be read") from error
    except (msgspec.MsgspecError, ValueError) as error:
        reason = error
    try:
        return json.loads(data)
    except RecursionError as error:
        raise CassetteLimitError("JSON nested too deeply to be read") from error
    except ValueError:
        raise CassetteFormatError(f"not JSON: {reason}") from None


def read(data: bytes, kind: JsonKind | None = None, limits: Limits = DEFAULT) -> Read:
    """The spans of a JSON document.

    Args:
        data: the document, or one line of a file of them.
        kind: what it is; by default its content says so.
        limits: what it may hold.

    Raises:
        CassetteFormatError: it is no JSON, or none of those formats.
        CassetteLimitError: it holds more than ``limits`` allow.
    """
    found = Read()
    _READERS[kind](parse(data, limits), found, limits)
    if len(found.spans) > limits.max_spans:
        raise CassetteLimitError(f"{len(found.spans)} spans in one document; split it")
    return found


def _any(document: Plain, found: Read, limits: Limits, depth: int = _MAX_DEPTH) -> None:
    if isinstance(document, list) and depth:
        if document and all(_is_zipkin(item) for item in document):
            found.spans += zipkin.read_spans(document, found.damaged.append)
        else:
            for item in document:
                _any(item, found, limits, depth - 1)
    elif not isinstance(document, dict):
        raise CassetteFormatError(f"{_NONE}: {type(document).__name__}")
    elif any(name in document for name in _RESOURCES):
        _otlp(document, found, limits)
    elif "traceID" in document or "data" in document or jaeger.holds_messages(document):
        _jaeger(document, found, limits)
    elif console.is_one(document):
        _console(document, found, limits)
    elif _is_zipkin(document):
        found.spans += zipkin.read_spans([document], found.damaged.append)
    elif any(get(document, name) is not None for name in _OTHER_SIGNALS):
        found.other = True
    elif around := [document[name] for name in _AROUND if isinstance(document.get(name), dict | list)]:
        if depth:
            _any(around[0], found, limits, depth - 1)
    elif document:
        keys = ", ".join(map(repr, list(document)[:4]))
        raise CassetteFormatError(f"{_NONE}: an object with {keys[:100]}")


def _is_zipkin(item: Plain) -> bool:
    return isinstance(item, dict) and "traceId" in item and "id" in item


def _otlp(document: Plain, found: Read, limits: Limits) -> None:
    for _ in range(_MAX_DEPTH):
        if not isinstance(document, dict):
            break
        resources = next((document[name] for name in _RESOURCES if name in document), None)
        if resources is not None:
            found.spans += otlp.read_resources(resources, limits.max_depth, found.damaged.append)
            return
        document = next((document[name] for name in _AROUND if name in document), None)
    raise CassetteFormatError("no OTLP JSON: it has no resourceSpans")


def _jaeger(document: Plain, found: Read, limits: Limits) -> None:
    for trace in _traces(document):
        if not isinstance(trace, dict):
            raise CassetteFormatError("no Jaeger JSON: a trace in it is no object")
        if "spans" not in trace and _is_span_of_jaeger(
            trace
        ):  # one a line, as its storages and Kafka have it
            trace = {"spans": [trace]}
        found.spans += jaeger.read_trace(trace, found.damaged.append)


def _traces(document: Plain) -> list[Plain]:
    if isinstance(document, dict) and "data" in document:
        document = document["data"]
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and ("spans" in document or _is_span_of_jaeger(document)):
        return [document]
    if document is None:
        return []
    raise CassetteFormatError("no Jaeger JSON: it has neither data nor spans")


def _is_span_of_jaeger(item: dict[str, Plain]) -> bool:
    return "spanID" in item or jaeger.is_message(item)


def _zipkin(document: Plain, found: Read, limits: Limits) -> None:
    items = document if isinstance(document, list) else [document]
    traces = items if items and all(isinstance(item, list) for item in items) else [items]
    for trace in traces:
        found.spans += zipkin.read_spans(trace, found.damaged.append)


def _console(document: Plain, found: Read, limits: Limits) -> None:
    for item in document if isinstance(document, list) else [document]:
        if not console.is_one(item):
            found.damaged.append("no span of the console: it has no context with ids")
            continue
        try:
            found.spans.append(console.read_span(item, limits.max_depth))
        except CassetteFormatError as error:
            found.damaged.append(str(error))


_READERS: Final[dict[JsonKind | None, Callable[[Plain, Read, Limits], None]]] = {
    None: _any,
    "otlp": _otlp,
    "tempo": _otlp,
    "jaeger": _jaeger,
    "zipkin": _zipkin,
    "console": _console,
}
