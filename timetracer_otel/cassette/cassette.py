"""The cassette: one entry span, everything below it, and its dependency calls."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from timetracer_otel import attributes as names
from timetracer_otel.cassette.call import Call
from timetracer_otel.cassette.gaps import STRUCTURE_ONLY, Gap, listed_gaps
from timetracer_otel.errors import (
    CassetteError,
    CassetteFormatError,
    CassetteLimitError,
    CodecError,
)
from timetracer_otel.files import read_file
from timetracer_otel.formats import Compression, Encoding, Limits, decode, encode
from timetracer_otel.messages import (
    WEBSOCKET,
    Answer,
    Failure,
    HttpRequest,
    HttpResponse,
    Request,
    graphql,
    read_answer,
    read_request,
)
from timetracer_otel.span import AttributeValue, Resource, Span, SpanKind, StatusCode
from timetracer_otel.tree import SpanTree

VERSION: Final = "1"
"""Of the cassette format; a reader of version 1 reads every ``1`` and ``1.x``."""

_WHY_NOT: Final = "it holds structure only: no request and no answer was recorded with its spans"
_METHODS: Final = (names.HTTP_REQUEST_METHOD, "http.method")
_NO_SPANS: Final = "missing required field `resourceSpans`"
_CONVERT: Final = "timetracer-otel convert makes cassettes of traces of other tools and of timetracer 1.x"
_OPERATIONS: Final = 3
_SHORT: Final = 100
"""Of what is asked, in a title: its operations, and characters."""
_OVER_HTTP: Final = ("http", "websocket")
_PATHS: Final = (names.HTTP_ROUTE, "url.path", names.URL_FULL, "http.target", "http.url")


class Cassette:
    """One entry span and everything below it in one process, payloads included.

    Made by :meth:`load` from a file or :meth:`from_spans` from spans.
    """

    def __init__(self, tree: SpanTree) -> None:
        self._tree = tree

    @classmethod
    def from_spans(cls, spans: Sequence[Span], *, entry_id: str | None = None) -> Self:
        """The cassette of those spans.

        Args:
            spans: the entry and everything below it, in any order; they are kept, not copied.
            entry_id: the entry's span id; by default the best of the spans without a parent: one
                recorded as an entry, else the earliest that is SERVER or CONSUMER, else the earliest.

        Raises:
            CassetteFormatError: they are not a tree, or the entry is not among them.
        """
        return cls(SpanTree(spans, entry_id))

    @classmethod
    def load(cls, source: str | PathLike[str] | bytes, limits: Limits | None = None) -> Self:
        """The cassette in a file, in any encoding and compression, whatever its name.

        Args:
            source: a path, or the file's bytes.
            limits: what it may hold.

        Raises:
            CassetteNotFound: there is no such file.
            CassetteFormatError: it is not a cassette, or of a newer version than can be read.
            CassetteLimitError: it holds more than ``limits`` allow.
            CassetteError: the file cannot be read.
        """
        limits = limits or Limits()
        if isinstance(source, bytes):
            return cls._from_bytes(source, limits)
        try:
            return cls._from_bytes(read_file(Path(source), limits.max_bytes), limits)
        except CassetteError as error:
            raise type(error)(f"{os.fspath(source)}: {error}") from error

    @classmethod
    def _from_bytes(cls, data: bytes, limits: Limits) -> Self:
        try:
            cassette = cls.from_spans(decode(data, limits))
        except MemoryError:
            raise CassetteLimitError("there is not enough memory to read it") from None
        except CassetteFormatError as error:
            if not str(error).endswith(_NO_SPANS):
                raise
            raise CassetteFormatError(f"{error}; {_CONVERT}") from error
        version = cassette.entry.resource.attributes.get(names.CASSETTE_VERSION, VERSION)
        if version != VERSION:
            _check_version(version)
        return cassette

    def dump(self, encoding: Encoding = "json", compression: Compression = "none") -> bytes:
        """The cassette as one OTLP ``TracesData`` document.

        Raises:
            CodecError: an attribute value that OTLP cannot carry.
            CassetteLimitError: an attribute value nested too deeply.
        """
        return encode(self.spans, encoding, compression)

    # the tree

    @property
    def entry(self) -> Span:
        """The entry span."""
        return self._tree.entry

    @property
    def spans(self) -> list[Span]:
        """Every span: the entry, then the others by start."""
        return self._tree.spans

    @property
    def resource(self) -> Resource:
        """The process that was recorded."""
        return self.entry.resource

    def span(self, span_id: str) -> Span | None:
        """The span of that id."""
        return self._tree.find(span_id)

    def parent(self, span: Span) -> Span | None:
        """The span above; the entry for one whose parent is not here, ``None`` for the entry."""
        return self._tree.parent(span)

    def children(self, span_id: str) -> list[Span]:
        """The spans directly below that one, by start."""
        return self._tree.children(span_id)

    def path(self, span: Span) -> tuple[str, ...]:
        """The names of the spans above, from the entry down; the entry itself as ``""``."""
        return self._tree.path(span)

    def append(self, spans: Iterable[Span]) -> None:
        """Add late spans.

        Raises:
            CassetteFormatError: one is there already, or they make no tree.
        """
        self._tree = SpanTree([*self.spans, *spans], self.entry.span_id)

    # the recording

    def calls(self) -> list[Call]:
        """The dependency calls in the order they were made, new objects each time."""
        calls = [
            Call(span, self._tree.path(span))
            for span in self.spans
            if names.CALL_INTEGRATION in span.attributes
        ]
        if all(call.index >= 0 for call in calls):
            calls.sort(key=lambda call: call.index)
        else:
            calls.sort(key=lambda call: call.span.start_time_unix_nano)
        return calls

    def read_messages(self) -> None:
        """Read every message, as a replay will.

        Raises:
            CodecError: one is malformed; the text says of which span.
        """
        span = self.entry
        try:
            _ = self.inbound_message, self.inbound_answer
            for call in self.calls():
                span = call.span
                _ = call.request, call.answer
        except CodecError as error:
            raise CodecError(f"span {span.span_id} ({span.name[:60]}): {error}") from error

    @property
    def gaps(self) -> list[Gap]:
        """What could not be recorded."""
        return listed_gaps(self.entry)

    def add_gaps(self, gaps: Iterable[Gap]) -> None:
        """List more gaps; one that is listed already is not repeated."""
        merged = list(dict.fromkeys([*self.gaps, *gaps]))
        if merged:
            self.entry.attributes[names.GAPS] = [gap.value() for gap in merged]

    @property
    def inbound_request(self) -> HttpRequest | None:
        """The request that began it; ``None`` when it was not HTTP or was not recorded.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        return self._http_request() if self.inbound_family == "http" else None

    @property
    def inbound_websocket(self) -> HttpRequest | None:
        """The handshake of the websocket that began it.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        return self._http_request() if self.inbound_family == "websocket" else None

    def _http_request(self) -> HttpRequest | None:
        attributes = self.entry.attributes
        if (
            not self._inbound
            or names.HTTP_REQUEST_METHOD not in attributes
            or names.URL_FULL not in attributes
        ):
            return None
        request = read_request("http", attributes)
        return request if isinstance(request, HttpRequest) else None

    @property
    def inbound_response(self) -> HttpResponse | Failure | None:
        """The response it ended in, or the exception the app raised.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        answer = read_answer("http", self.entry.attributes) if self._inbound else None
        return answer if isinstance(answer, HttpResponse | Failure) else None

    @property
    def inbound_message(self) -> Request | None:
        """What began it, HTTP or not: a request, a task, messages of a topic, an RPC; ``None`` when it
        was not recorded or its family is not known here.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        if self.inbound_family in _OVER_HTTP:
            return self._http_request()
        try:
            return read_request(self.inbound_family, self.entry.attributes)
        except KeyError:
            return None

    @property
    def inbound_answer(self) -> Answer | Failure | None:
        """What came of it.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        if self.inbound_family in _OVER_HTTP:
            return self.inbound_response
        return read_answer(self.inbound_family, self.entry.attributes)

    @property
    def inbound_family(self) -> str:
        """The message family of what began it; ``websocket`` for a connection that came in."""
        attributes = self.entry.attributes
        websocket = attributes.get(names.HTTP_REQUEST_METHOD) == WEBSOCKET
        return str(attributes.get(names.ENTRY_FAMILY, "websocket" if websocket else "http"))

    @property
    def _inbound(self) -> bool:
        attributes = self.entry.attributes
        return (
            self.entry.kind is SpanKind.SERVER
            and names.CALL_INTEGRATION not in attributes
            and names.ENTRY_FAMILY not in attributes
        )

    # for people

    @property
    def title(self) -> str:
        """:attr:`route`, with what a request of GraphQL asks for: ``POST /graphql mutation Pay``; what a
        call asks for that was made outside of everything: ``GET http://rates/EUR``.
        """
        if self._inbound:
            return f"{self.route}{_operations(self.entry)}"
        if names.CALL_INTEGRATION in self.entry.attributes:
            with suppress(CodecError):  # what shows its payload says so
                asked = Call(self.entry, ()).request
                return asked.title()[:_SHORT] if asked is not None else self.route
        return self.route

    @property
    def route(self) -> str:
        """``POST /checkout``, by the route where it is known; the span's name where it is not HTTP."""
        attributes = self.entry.attributes
        if isinstance(title := attributes.get(names.ENTRY_TITLE), str):
            return title
        method = next((value for name in _METHODS if isinstance(value := attributes.get(name), str)), "")
        path = next(
            (value for name in _PATHS if isinstance(value := attributes.get(name), str) and value), ""
        )
        if not method or not path or not self._inbound:
            return self.entry.name
        return f"{method} {_path_of(path)}"

    @property
    def started(self) -> int:
        """When the entry began, in nanoseconds since the epoch."""
        return self.entry.start_time_unix_nano

    @property
    def duration(self) -> int:
        """How long the entry took, in nanoseconds; 0 when it never ended."""
        return max(0, self.entry.end_time_unix_nano - self.entry.start_time_unix_nano)

    @property
    def status(self) -> int | None:
        """The HTTP status it was answered with; ``None`` where there was none."""
        status = self.entry.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
        return status if self._inbound and isinstance(status, int) else None

    @property
    def has_error(self) -> bool:
        """True when any span failed, or the answer was a server error or held errors of GraphQL."""
        return (
            (self.status or 0) >= 500
            or any(span.status.code is StatusCode.ERROR for span in self.spans)
            or answers_with_errors(self.entry)
        )

    @property
    def replayable(self) -> bool:
        """True unless :attr:`why_not` says otherwise."""
        return self.why_not is None

    @property
    def why_not(self) -> str | None:
        """Why it cannot be replayed; ``None`` when it can."""
        if any(gap.kind == STRUCTURE_ONLY for gap in self.gaps):
            return _WHY_NOT
        recorded = names.CASSETTE_VERSION in self.resource.attributes
        if recorded or self.inbound_message is not None:
            return None
        if any(names.CALL_INTEGRATION in span.attributes for span in self.spans):
            return None
        return _WHY_NOT

    def __repr__(self) -> str:
        return f"<Cassette {self.title!r} {self.entry.trace_id[:16]} {len(self.spans)} spans>"


def answers_with_errors(span: Span) -> bool:
    """True when the response that the span carries is one of GraphQL with errors in it."""
    body = span.attributes.get(names.HTTP_RESPONSE_BODY)
    if not isinstance(body, str) or '"errors"' not in body:
        return False
    return bool(graphql.errors(body.encode("utf-8", "replace")))


def _operations(entry: Span) -> str:
    """`` mutation Pay``, ``, ...`` for more than three; nothing where the request is not one of GraphQL."""
    body, url = entry.attributes.get(names.HTTP_REQUEST_BODY), entry.attributes.get(names.URL_FULL)
    if isinstance(body, str) and body:
        found = graphql.in_body(body.encode("utf-8", "replace"))
    else:
        found = graphql.in_query(url.partition("?")[2]) if isinstance(url, str) else ()
    shown = ", ".join([one.title() for one in found[:_OPERATIONS]] + ["..."] * (len(found) > _OPERATIONS))
    return f" {shown[:_SHORT]}" if shown else ""


def _check_version(version: AttributeValue) -> None:
    major = str(version).partition(".")[0]
    if major != VERSION:
        raise CassetteFormatError(
            f"a cassette of version {str(version)[:20]!r}, and this release reads version {VERSION};"
            " upgrade timetracer-otel"
        )


def _path_of(target: str) -> str:
    """The path of a URL, of a request target, or of a route template."""
    if target.startswith("/"):
        return target.partition("?")[0]
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return target
