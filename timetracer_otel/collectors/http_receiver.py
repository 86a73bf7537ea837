"""OTLP over HTTP: ``POST /v1/traces``, protobuf or JSON.

The specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

from __future__ import annotations

import ipaddress
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from timetracer_otel.collectors.inbox import Inbox
from timetracer_otel.collectors.otlp import LIMITS, Encoding, Taken, response, take
from timetracer_otel.errors import CollectingError

PATH: Final = "/v1/traces"
_TYPES: Final[dict[str, Encoding]] = {"application/json": "json", "application/x-protobuf": "protobuf"}
_STATUSES: Final = {"malformed": 400, "too large": 413, "busy": 503}
_CODES: Final = {400: 3, 403: 7, 404: 5, 405: 12, 411: 3, 413: 8, 415: 3, 503: 14}
"""The code of google.rpc.Status that goes with each HTTP status."""
_LATER: Final = "2"
"""Seconds after which to come again."""
_CONNECTIONS: Final = 128
_IDLE: Final = 60.0


class HttpReceiver:
    """A server of its own thread.

    Args:
        host: the address to listen at.
        port: 0 for any.
        inbox: takes what comes.

    Raises:
        CollectingError: it cannot listen there.
    """

    def __init__(self, host: str, port: int, inbox: Inbox) -> None:
        try:
            self._server = _Server((host, port), inbox)
        except (OSError, OverflowError) as error:
            said = getattr(error, "strerror", None) or error
            raise CollectingError(f"cannot listen at {host}:{port}: {said}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """Where it takes traces."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}{PATH}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Take no more; what is being taken is taken to its end."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], inbox: Inbox) -> None:
        super().__init__(address, _Handler)
        self.inbox = inbox
        self.local = ipaddress.ip_address(str(self.server_address[0])).is_loopback
        self._room = threading.BoundedSemaphore(_CONNECTIONS)

    def server_bind(self) -> None:
        """Without looking up the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, where there is room for one more."""
        self._room.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Take traces."""
        kind = self.headers.get_content_type()
        encoding = _TYPES.get(kind)
        if not self._is_for_us():
            self._refuse(403, "protobuf", f"the host {self.headers.get('host', '')!r} is not this one")
        elif self.path.partition("?")[0] != PATH:
            self._refuse(404, encoding or "json", f"only {PATH} is taken here, no metrics and no logs")
        elif encoding is None:
            self._refuse(415, "json", f"{kind}: send application/x-protobuf or application/json")
        elif self.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip", "zstd"):
            self._refuse(415, encoding, "send it as it is, or as gzip")
        else:
            self._take(encoding)

    def do_GET(self) -> None:
        """Nothing is to be had here."""
        self._refuse(405, "json", f"POST traces to {PATH}")

    do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  # the base's names

    def _take(self, encoding: Encoding) -> None:
        body = self._body(encoding)
        if body is None:
            return
        taken = take(body, encoding, self.server.inbox)
        if taken.outcome != "taken":
            self._refuse(_STATUSES[taken.outcome], encoding, taken.reason)
            return
        self._answer(200, encoding, _written(taken, encoding))

    def _body(self, encoding: Encoding) -> bytes | None:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks(encoding)
        given = self.headers.get("content-length", "")
        if not given.isascii() or not given.isdigit():
            self._refuse(411, encoding, "the length of the body is not said")
            return None
        if len(given) > 12 or int(given) > LIMITS.max_bytes:
            self._refuse(413, encoding, f"more than {LIMITS.max_bytes} bytes")
            return None
        body = self.rfile.read(int(given))
        return body if len(body) == int(given) else None

    def _chunks(self, encoding: Encoding) -> bytes | None:
        """A body of chunks (RFC 9112, section 7.1)."""
        pieces: list[bytes] = []
        room = LIMITS.max_bytes
        while True:
            line = self.rfile.readline(200).partition(b";")[0].strip()
            try:
                size = int(line, 16) if line.isalnum() else -1
            except ValueError:
                size = -1
            if size < 0:
                self._refuse(400, encoding, "a chunk of the body has no size")
                return None
            if size > room:
                self._refuse(413, encoding, f"more than {LIMITS.max_bytes} bytes")
                return None
            if not size:
                while self.rfile.readline(65536).strip():  # trailers
                    pass
                return b"".join(pieces)
            room -= size
            pieces.append(self.rfile.read(size))
            self.rfile.readline(3)

    def _is_for_us(self) -> bool:
        """A page in a browser that had its own name point here is not answered: its Host is that name."""
        if not self.server.local:
            return True
        host = self.headers.get("host", "")
        name = host[1 : host.find("]")] if host.startswith("[") else host.rpartition(":")[0] or host
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _refuse(self, status: int, encoding: Encoding, reason: str) -> None:
        # what was not read of the request would be taken for the next one
        self.close_connection = True
        self._answer(status, encoding, _status(_CODES[status], reason, encoding), busy=status == 503)

    def _answer(self, status: int, encoding: Encoding, body: bytes, *, busy: bool = False) -> None:
        self.send_response(status)
        self.send_header(
            "Content-Type", "application/json" if encoding == "json" else "application/x-protobuf"
        )
        self.send_header("Content-Length", str(len(body)))
        if busy:
            self.send_header("Retry-After", _LATER)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """The ``Server`` header."""
        return "timetracer-otel"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Silence."""


def _written(taken: Taken, encoding: Encoding) -> bytes:
    answer = response(taken)
    if encoding == "protobuf":
        return answer.SerializeToString()
    if not taken.refused:
        return b"{}"
    partial = answer.partial_success
    said = {"rejectedSpans": str(partial.rejected_spans), "errorMessage": partial.error_message}
    return json.dumps({"partialSuccess": said}).encode()


def _status(code: int, reason: str, encoding: Encoding) -> bytes:
    """``google.rpc.Status``: its code is field 1, its message field 2."""
    reason = reason[:1000]
    if encoding == "json":
        return json.dumps({"code": code, "message": reason}).encode()
    text = reason.encode("utf-8", "replace")[:1000]
    length = bytes([len(text)]) if len(text) < 128 else bytes([len(text) & 127 | 128, len(text) >> 7])
    return bytes([0x08, code, 0x12]) + length + text
