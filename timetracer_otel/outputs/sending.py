"""Spans to a tracing backend: OTLP over HTTP, binary protobuf.

The specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp. What the other side may take another
time (429, 502, 503, 504, no connection) is sent again, as it asks or ever more slowly; what it refuses is
not.
"""

from __future__ import annotations

import email.utils
import gzip
import http.client
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from timetracer_otel.errors import SendingError
from timetracer_otel.formats import otlp_protobuf
from timetracer_otel.span import Span

_PATH: Final = "/v1/traces"
_AGAIN: Final = frozenset({429, 502, 503, 504})
_TRIES: Final = 5
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 30.0
_MAX_RESPONSE: Final = 1024 * 1024


class Sent(msgspec.Struct):
    """What came of sending.

    Attributes:
        spans: that were accepted.
        refused: that the backend says it did not take.
        reasons: what it said of these.
    """

    spans: int = 0
    refused: int = 0
    reasons: list[str] = msgspec.field(default_factory=list)


class Backend:
    """Where to send.

    Args:
        url: as in ``OTEL_EXPORTER_OTLP_ENDPOINT``: ``http://127.0.0.1:4318``; one with a path of its own is
            taken as
            it is.
        headers: sent with each request.
        timeout: seconds to wait for an answer.
        wait: waits so many seconds; for tests.

    Raises:
        SendingError: it is no such URL.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 30.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            _ = parts.port
        except ValueError:
            parts = urllib.parse.SplitResult("", "", "", "", "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SendingError(f"{url[:200]}: give an http:// or https:// URL, as http://127.0.0.1:4318")
        self.url = url if parts.path not in ("", "/") else urllib.parse.urlunsplit(parts._replace(path=_PATH))
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._wait = wait

    def send(self, spans: Sequence[Span]) -> Sent:
        """Send spans, and again where that is asked for.

        Raises:
            SendingError: they were refused, or nobody answers.
        """
        body = gzip.compress(otlp_protobuf.encode(spans), 6)
        pause = _FIRST_WAIT
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._post(body)
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read(_MAX_RESPONSE).decode("utf-8", "replace").strip()
                reason = (
                    f"{error.code} {error.reason}{f': {said[:300]}' if said.isprintable() and said else ''}"
                )
                if error.code not in _AGAIN or attempt == _TRIES:
                    raise SendingError(f"{self.url} answers {reason}") from error
                asked = _retry_after(error.headers.get("Retry-After"))
            except (OSError, http.client.HTTPException) as error:
                if attempt == _TRIES or isinstance(error, socket.gaierror):
                    said = str(getattr(error, "reason", "") or error) or type(error).__name__
                    raise SendingError(f"{self.url}: {said}; is a backend listening there?") from error
                asked = None
            else:
                return self._read(answer, len(spans))
            self._wait(min(asked if asked is not None else pause, _LONGEST_WAIT))
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _post(self, body: bytes) -> bytes:
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "User-Agent": "timetracer-otel",
            **self._headers,
        }
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310  # http or https, looked at above
        with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310  # as above
            read: bytes = response.read(_MAX_RESPONSE)
            return read

    @staticmethod
    def _read(answer: bytes, count: int) -> Sent:
        """What a 200 says: all were taken, or all but some."""
        said = ExportTraceServiceResponse()
        try:
            said.ParseFromString(answer)
        except DecodeError:
            return Sent(count)  # it took them, whatever it says
        refused = min(count, max(0, said.partial_success.rejected_spans))
        reason = said.partial_success.error_message
        return Sent(count - refused, refused, [reason[:300]] if reason else [])


def _retry_after(given: str | None) -> float | None:
    """Seconds to wait (RFC 9110, section 10.2.3); ``None`` where that is not said."""
    if given is None:
        return None
    if given.strip().isdigit():
        return float(given)
    try:
        moment = email.utils.parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
