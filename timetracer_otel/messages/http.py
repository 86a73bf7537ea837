"""HTTP: one request and one response, inbound or outbound, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, ClassVar, Final, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import graphql
from timetracer_otel.messages.base import Canonical, Failure
from timetracer_otel.messages.headers import HeaderAttributes, sendable
from timetracer_otel.span import Attributes, AttributeValue

_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

UNMATCHED_HEADERS = frozenset(
    {
        "host",
        "user-agent",
        "accept-encoding",
        "connection",
        "content-length",
        "transfer-encoding",
        "date",
        "expect",
        "te",
        "keep-alive",
        "traceparent",
        "tracestate",
        "baggage",
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-parentspanid",
        "x-b3-sampled",
        "uber-trace-id",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "sentry-trace",
        "proxy-authorization",
        "proxy-connection",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
    }
)
"""Headers that say nothing of what is asked: the transport's own, those of trace propagation, and
those of a signature, which depend on clock and credentials.
"""


class _Matched(dict[str, bool]):
    """Whether a header of that name, as it is written, is for matching; the first few are remembered."""

    def __missing__(self, name: str) -> bool:
        matched = name.lower() not in UNMATCHED_HEADERS
        if len(self) < 1024 and len(name) < 200:  # whoever sends headers chooses their names
            self[name] = matched
        return matched


_matched = _Matched()
_SIGNATURE = "AWS4-HMAC-SHA256"
_SIGNED = frozenset(
    {"x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token", "awsaccesskeyid"}
)
_SIGNED_OLD = frozenset({"signature", "expires"})

PIECE_BYTES = 64
"""What each further piece of a streamed body counts for beyond its own bytes, towards every limit: its
size and time are kept as well, so a megabyte that came byte by byte would hold a hundred.
"""

_request_headers = HeaderAttributes(names.HTTP_REQUEST_HEADER, names.HTTP_REQUEST_HEADER_NAMES)
_response_headers = HeaderAttributes(names.HTTP_RESPONSE_HEADER, names.HTTP_RESPONSE_HEADER_NAMES)
_FAILURE = "timetracer.http.response.failure"
_WITHOUT_HOST = re.compile(
    r"(?P<scheme>https?)://[^/?#]*(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?", re.S
)
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.I)

WEBSOCKET: Final = "WEBSOCKET"
"""What stands for the method of the handshake of a websocket that came in."""


class HttpRequest(msgspec.Struct):
    """A request. ``body`` is as sent (still content-encoded); ``None`` when it was not recorded.

    ``complete`` is false when its receiver read no further than ``body``. Headers keep order, case
    and repetition; bytes outside ASCII are read as Latin-1. ``headers_recorded`` is false where another
    tool recorded it, and left them out.
    """

    method: str
    url: str
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)
    body: bytes | None = b""
    complete: bool = True
    headers_recorded: bool = True

    family: ClassVar[str] = "http"

    def attributes(self) -> Attributes:
        """Payload attributes of the request."""
        data: Attributes = {names.HTTP_REQUEST_METHOD: self.method, names.URL_FULL: self.url}
        _request_headers.write(self.headers, data)
        if self.body is not None:
            data[names.HTTP_REQUEST_BODY] = _body_value(self.body)
        if not self.complete:
            data[names.HTTP_REQUEST_INCOMPLETE] = True
        if not self.headers_recorded:
            data[names.HTTP_REQUEST_NO_HEADERS] = True
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The request that those attributes carry."""
        return cls(
            method=str(attributes.get(names.HTTP_REQUEST_METHOD, "GET")),
            url=str(attributes.get(names.URL_FULL, "")),
            headers=_request_headers.read(attributes),
            body=_body_bytes(attributes.get(names.HTTP_REQUEST_BODY)),
            complete=attributes.get(names.HTTP_REQUEST_INCOMPLETE) is not True,
            headers_recorded=attributes.get(names.HTTP_REQUEST_NO_HEADERS) is not True,
        )

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return _header(self.headers, name)

    def canonical(self) -> Canonical:
        """Method, URL by its parts, headers that matter, and the body by its content type; GraphQL by
        its operations and variables. Headers and body are ``None`` where they were not recorded.
        """
        parts = split_url(self.url)
        operations = self._operations()
        headers: dict[str, list[str]] = {}
        for name, value in self.headers:
            lower = name.lower()
            if lower not in UNMATCHED_HEADERS:
                # a signature is of this moment and these credentials
                signed = lower == "authorization" and value.startswith(_SIGNATURE)
                headers.setdefault(lower, []).append(_SIGNATURE if signed else value)
        content_type = headers["content-type"][0] if "content-type" in headers else ""
        if not self.headers_recorded and self.body and self.body[:1] in b"{[":
            content_type = "application/json"  # what else begins so
        boundary = _BOUNDARY.search(content_type) if content_type else None
        body = self.body
        if boundary and "multipart/" in content_type.lower():
            headers["content-type"] = [content_type.replace(boundary[1], "boundary")]
            if body is not None:
                body = body.replace(boundary[1].encode("latin-1", "replace"), b"boundary")
        return {
            "method": self.method,
            "url": f"{parts.scheme}://{parts.netloc}{parts.path}",
            "query": (
                []
                if operations and self.method == "GET"
                else _unsigned(parse_qsl(parts.query, keep_blank_values=True))
                if parts.query
                else []
            ),
            "headers": headers if self.headers_recorded else None,
            "body": (
                {"graphql": [one.plain() for one in operations]}
                if operations
                else body_content(body, content_type)
            ),
        }

    def _operations(self) -> tuple[graphql.Operation, ...]:
        """What it asks of a GraphQL server."""
        if self.method == "POST":
            return graphql.in_body(self.body)
        return graphql.in_query(split_url(self.url).query) if self.method == "GET" else ()

    def key(self) -> Hashable:
        """:meth:`canonical` as tuples; only a body with structure is written out."""
        form = self.canonical()
        body = form["body"]
        return (
            form["method"],
            form["url"],
            tuple(map(tuple, form["query"])),
            None
            if form["headers"] is None
            else frozenset((name, *given) for name, given in form["headers"].items()),
            values.canonical(body) if isinstance(body, dict) else body,
        )

    def literal(self) -> Hashable:
        """Requests that are equal in this are so in :meth:`key`; much quicker to make."""
        matched = _matched
        headers = tuple([pair for pair in self.headers if matched[pair[0]]])
        return self.method, self.url, self.body, self.headers_recorded, headers

    def title(self) -> str:
        """``GET http://rates/EUR``; ``POST http://shop/graphql mutation Pay``."""
        operations = self._operations()
        if not operations:
            return f"{self.method} {self.url}"
        url = self.url.partition("?")[0] if self.method == "GET" else self.url
        return f"{self.method} {url} {', '.join(one.title() for one in operations)}"

    @property
    def writes(self) -> bool:
        """True unless the method is safe (RFC 9110, section 9.2.1), or all of it is GraphQL queries."""
        operations = self._operations()
        if operations:
            return any(one.kind != "query" for one in operations)
        return self.method.upper() not in _READS

    def span_attributes(self) -> Attributes:
        """``http.request.method``, ``url.full`` and ``server.address``."""
        return {
            names.HTTP_REQUEST_METHOD: self.method,
            names.URL_FULL: self.url,
            "server.address": split_url(self.url).hostname or "",
        }


class HttpResponse(msgspec.Struct):
    """A response. ``body`` is as received (still content-encoded); ``None`` when not recorded.

    ``chunks`` are ``[bytes, nanoseconds since the request began]`` for each piece, in order, when
    the body came in more than one. ``complete`` is false when the reader stopped before the end;
    ``failure`` is what the library raised while the body was read, after the pieces that are here.
    """

    status: int
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)
    body: bytes | None = b""
    chunks: list[list[int]] | None = None
    reason: str | None = None
    http_version: str | None = None
    complete: bool = True
    failure: Failure | None = None

    family: ClassVar[str] = "http"

    def attributes(self) -> Attributes:
        """Payload attributes of the response."""
        data: Attributes = {names.HTTP_RESPONSE_STATUS_CODE: self.status}
        _response_headers.write(self.headers, data)
        if self.body is not None:
            data[names.HTTP_RESPONSE_BODY] = _body_value(self.body)
        if self.chunks is not None:
            data[names.HTTP_RESPONSE_CHUNKS] = [list(chunk) for chunk in self.chunks]
        if self.reason is not None:
            data[names.HTTP_RESPONSE_REASON] = self.reason
        if self.http_version is not None:
            data[names.HTTP_RESPONSE_VERSION] = self.http_version
        if not self.complete:
            data[names.HTTP_RESPONSE_INCOMPLETE] = True
        if self.failure is not None:
            data[_FAILURE] = values.dumps(self.failure.plain())
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The response that those attributes carry."""
        status = attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
        reason = attributes.get(names.HTTP_RESPONSE_REASON)
        version = attributes.get(names.HTTP_RESPONSE_VERSION)
        failure = attributes.get(_FAILURE)
        return cls(
            status=_status(status),
            headers=_response_headers.read(attributes),
            body=_body_bytes(attributes.get(names.HTTP_RESPONSE_BODY)),
            chunks=_chunks(attributes.get(names.HTTP_RESPONSE_CHUNKS)),
            reason=sendable(reason, "reason phrase") if isinstance(reason, str) else None,
            http_version=sendable(version, "HTTP version") if isinstance(version, str) else None,
            complete=attributes.get(names.HTTP_RESPONSE_INCOMPLETE) is not True,
            failure=Failure.from_plain(values.loads(failure)) if isinstance(failure, str) else None,
        )

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return _header(self.headers, name)

    def pieces(self) -> list[bytes]:
        """The body in the pieces it came in; one piece when that is not known."""
        body = self.body or b""
        if not self.chunks or sum(size for size, _ in self.chunks) != len(body):
            return [body] if body else []
        pieces, start = [], 0
        for size, _ in self.chunks:
            pieces.append(body[start : start + size])
            start += size
        return pieces


def _unsigned(query: list[tuple[str, str]]) -> list[list[str]]:
    """A query without the parts of a presigned URL that are of its moment and its credentials."""
    given = {name.lower() for name, _ in query}
    if given.isdisjoint(_SIGNED):
        return [list(pair) for pair in query]
    left_out = _SIGNED | _SIGNED_OLD if "awsaccesskeyid" in given else _SIGNED
    return [[name, value] for name, value in query if name.lower() not in left_out]


@lru_cache(maxsize=128)
def split_url(url: str) -> SplitResult:
    """The parts of a URL; without a host where that is none: a client may send any ``Host``."""
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port  # read when they are asked for, which may raise too
    except ValueError:
        found = _WITHOUT_HOST.fullmatch(url)
        if found is None:
            return SplitResult("", "", url, "", "")
        return SplitResult(found["scheme"], "", found["path"], found["query"] or "", found["fragment"] or "")
    return parts


def body_content(body: bytes | None, content_type: str) -> Any:
    """A body in the form it is compared in.

    JSON by structure, forms as pairs, other text as text, the rest as bytes; ``None`` when the
    body was not recorded.
    """
    if not body:
        return body if body is None else ""
    kind = content_type.split(";", 1)[0].strip().lower()
    if kind.endswith(("/json", "+json")):
        try:
            return {"json": json.loads(body)}
        except ValueError:
            pass
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        return {"form": [list(pair) for pair in pairs]}
    return _body_value(body)


def _header(headers: list[tuple[str, str]], name: str) -> str | None:
    lower = name.lower()
    for key, value in headers:
        if key.lower() == lower:
            return value
    return None


def _body_value(body: bytes) -> str | bytes:
    """Text as a string, else bytes. Reversible: UTF-8 decodes strictly or not at all."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _body_bytes(value: AttributeValue) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None


def _status(value: AttributeValue) -> int:
    if type(value) is not int or not 100 <= value <= 999:
        raise CodecError(f"the recorded HTTP status {str(value)[:40]!r} is no number from 100 to 999")
    return value


def _chunks(value: AttributeValue) -> list[list[int]] | None:
    if not isinstance(value, list):
        return None
    chunks: list[list[int]] = []
    for chunk in value:
        if not (isinstance(chunk, list) and len(chunk) == 2):
            return None
        size, time = chunk
        if not (isinstance(size, int) and isinstance(time, int) and size >= 0):
            return None
        chunks.append([size, time])
    return chunks
