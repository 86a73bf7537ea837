"""An HTTP server of our own, with every answer that a client library finds hard.

It sends exactly the bytes written here (no ``Date``, no ``Server``), counts what arrives, and
lets a test hold back parts of an answer (``Upstream.gate``).
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import re
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import brotli

from tests.services.ports import free_port

TEXT = "The quick brown fox jumps over the lazy dog. Ünïcödé ✓\n" * 40
BINARY = bytes(range(256)) * 16
Headers = list[tuple[str, str]]


class Upstream:
    """The server: runs in a thread of the tests' process.

    ``arrived`` counts requests by method, ``connections`` what was accepted before any request.
    """

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.connections = 0
        self._port = free_port()
        self._server: _Server | None = None
        self.fresh()
        self.start()

    @property
    def url(self) -> str:
        """Where it listens; the same every time it starts."""
        return f"http://127.0.0.1:{self._port}"

    def fresh(self) -> None:
        """Forget everything that was counted; shut all gates."""
        self.arrived = Counter()
        self.connections = 0
        self.asked: Counter[str] = Counter()
        self.gates: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(0))

    def gate(self, name: str) -> None:
        """Let one more held back event of ``/gate/<name>`` out."""
        self.gates[name].release()

    def start(self) -> None:
        """Listen."""
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and end every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.end_connections()

    remove = stop


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream: Upstream, port: int) -> None:
        self.upstream = upstream
        self.lock = threading.Lock()
        self.open_sockets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        with self.lock:
            self.open_sockets.add(connection)
            self.upstream.connections += 1
        return connection, address

    def close_request(self, request: socket.socket) -> None:  # type: ignore[override]  # always a socket here
        with self.lock:
            self.open_sockets.discard(request)
        super().close_request(request)

    def end_connections(self) -> None:
        with self.lock:
            for connection in self.open_sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up early are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer, unless an answer flushes
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *message: object) -> None:
        """Silence."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        upstream = self.server.upstream
        with self.server.lock:
            upstream.arrived[self.command] += 1
            upstream.asked[url.path] += 1
            self.turn = upstream.asked[url.path]
        self.query = parse_qs(url.query)
        self.body = self._read_body()
        place, _, self.rest = url.path.lstrip("/").partition("/")
        _ANSWERS.get(place, _not_found)(self)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method is answered alike; the base class looks for ``do_GET`` and so on."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        """Leave to send the body, at once."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def _read_body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def reply(
        self,
        body: bytes,
        content_type: str = "text/plain; charset=utf-8",
        status: int = 200,
        headers: Headers | None = None,
        reason: str | None = None,
    ) -> None:
        """One whole answer."""
        self.send_response_only(status, reason)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers or []:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reply_json(self, value: object, status: int = 200, headers: Headers | None = None) -> None:
        """One whole JSON answer."""
        self.reply(json.dumps(value).encode(), "application/json", status, headers)

    def begin_chunks(self, content_type: str, headers: Headers | None = None) -> None:
        """The head of a chunked answer."""
        self.send_response_only(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers or []:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data: bytes) -> None:
        """One chunk, sent at once; an empty one ends the answer."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def _not_found(on: _Handler) -> None:
    on.reply_json({"error": f"nothing at {on.path}"}, 404)


def _json(on: _Handler) -> None:
    on.reply_json({"place": on.rest, "query": on.query, "price": 12.5, "tags": ["a", "ü"], "none": None})


def _echo(on: _Handler) -> None:
    names = ("content-type", "authorization", "x-custom", "cookie", "accept", "content-length")
    body = on.body
    headers = {name: on.headers.get_all(name) for name in names if on.headers.get_all(name)}
    boundary = re.search("boundary=(.+)", on.headers.get("content-type", ""))
    if boundary:
        body = body.replace(boundary[1].encode(), b"BOUNDARY")
        headers["content-type"] = ["multipart with a boundary"]
    on.reply_json(
        {
            "method": on.command,
            "path": on.path,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
    )


def _status(on: _Handler) -> None:
    on.reply_json({"asked for": int(on.rest)}, int(on.rest), [("X-Why", "because you asked")])


def _reason(on: _Handler) -> None:
    on.reply(b"short and stout", status=418, reason="I am a little teapot")


def _empty(on: _Handler) -> None:
    on.send_response_only(204)
    on.send_header("X-Empty", "yes")
    on.end_headers()


def _not_modified(on: _Handler) -> None:
    on.send_response_only(304)
    on.send_header("ETag", '"1"')
    on.end_headers()


def _redirect(on: _Handler) -> None:
    left = int(on.rest)
    location = f"/redirect/{left - 1}" if left > 1 else "/json/landed"
    on.reply(b"see there", status=302, headers=[("Location", location), ("X-Left", str(left))])


def _see_other(on: _Handler) -> None:
    status = int(on.rest)
    on.reply(b"", status=status, headers=[("Location", "/echo")])


def _gzip(on: _Handler) -> None:
    on.reply(gzip.compress(TEXT.encode(), mtime=0), headers=[("Content-Encoding", "gzip")])


def _br(on: _Handler) -> None:
    on.reply(brotli.compress(TEXT.encode()), headers=[("Content-Encoding", "br")])


def _gzip_chunks(on: _Handler) -> None:
    whole = gzip.compress(TEXT.encode(), mtime=0)
    on.begin_chunks("text/plain; charset=utf-8", [("Content-Encoding", "gzip")])
    for start in range(0, len(whole), 50):
        on.chunk(whole[start : start + 50])
    on.chunk(b"")


def _binary(on: _Handler) -> None:
    on.reply(BINARY, "application/octet-stream")


def _latin1(on: _Handler) -> None:
    on.reply("Grüße aus Köln".encode("latin-1"), "text/plain; charset=iso-8859-1")


def _large(on: _Handler) -> None:
    line = b"0123456789abcdefghijklmnopqrstuvwxyz\n"
    on.reply(line * (int(on.rest) // len(line)))


def _chunks(on: _Handler) -> None:
    on.begin_chunks("text/plain; charset=utf-8")
    for number in range(int(on.rest)):
        on.chunk(f"line {number} é\n".encode())
    on.chunk(b"")


def _events(on: _Handler) -> None:
    on.begin_chunks("text/event-stream")
    for number in range(int(on.rest)):
        on.chunk(f"id: {number}\nevent: tick\ndata: {json.dumps({'number': number})}\n\n".encode())
    on.chunk(b"")


def _gate(on: _Handler) -> None:
    """Three events; each waits until the test lets it out."""
    gate = on.server.upstream.gates[on.rest]
    on.begin_chunks("text/event-stream")
    for number in range(3):
        gate.acquire()
        on.chunk(f"data: {number}\n\n".encode())
    on.chunk(b"")


def _repeated_headers(on: _Handler) -> None:
    headers = [("X-Twice", "one"), ("X-Between", "-"), ("x-twice", "two"), ("Link", "<a>"), ("Link", "<b>")]
    on.reply(b"look at my headers", headers=headers)


def _set_cookies(on: _Handler) -> None:
    headers = [
        ("Set-Cookie", "flavour=oat-milk; Path=/"),
        ("Set-Cookie", "size=extra-large; Path=/; HttpOnly"),
    ]
    on.reply(b"have some", headers=headers)


def _cookies(on: _Handler) -> None:
    pairs = on.headers.get("cookie", "").split("; ")
    on.reply_json({"names": [pair.partition("=")[0] for pair in pairs]})


def _token(on: _Handler) -> None:
    """Secrets in JSON, beside what is none."""
    on.reply_json({"access_token": "t0ken-of-ada", "expires_in": 3600, "user": json.loads(on.body)["user"]})


def _basic(on: _Handler) -> None:
    right = "Basic " + base64.b64encode(b"ada:l0velace").decode()
    if on.headers.get("authorization") == right:
        on.reply_json({"user": "ada"})
    else:
        on.reply_json({"user": None}, 401, [("WWW-Authenticate", 'Basic realm="r"')])


def _digest(on: _Handler) -> None:
    if on.headers.get("authorization", "").startswith('Digest username="ada"'):
        on.reply_json({"user": "ada", "turn": on.turn})
    else:
        challenge = 'Digest realm="r", nonce="abc123", qop="auth", algorithm=SHA-256, opaque="o"'
        on.reply_json({"user": None}, 401, [("WWW-Authenticate", challenge)])


def _counter(on: _Handler) -> None:
    on.reply_json({"turn": on.turn})


def _flaky(on: _Handler) -> None:
    if on.turn % 3:
        on.reply_json({"turn": on.turn}, 503, [("Retry-After", "0")])
    else:
        on.reply_json({"turn": on.turn})


def _stumble(on: _Handler) -> None:
    """Breaks off twice before it answers."""
    on.close_connection = True
    if on.turn % 3 == 0:
        on.reply_json({"turn": on.turn})


def _nan(on: _Handler) -> None:
    on.reply(b'{"nan": NaN, "infinity": [Infinity, -Infinity], "tiny": 5e-324}', "application/json")


def _int64(on: _Handler) -> None:
    on.reply(
        b'{"int64": 9223372036854775807, "more": 123456789012345678901234567890, "float": 1.0, "1": 1e22}',
        "application/json",
    )


def _hang(on: _Handler) -> None:
    """Says nothing until the client has had enough."""
    on.close_connection = True
    on.connection.recv(1)


def _half(on: _Handler) -> None:
    """Half a body, then nothing until the client has had enough."""
    on.close_connection = True
    on.send_response_only(200)
    on.send_header("Content-Type", "text/plain")
    on.send_header("Content-Length", "10")
    on.end_headers()
    on.wfile.write(b"half ")
    on.wfile.flush()
    on.connection.recv(1)


def _invalid_chunk(on: _Handler) -> None:
    """In one packet: what aiohttp makes of a bad chunk depends on what it had read before."""
    on.close_connection = True
    on.send_response_only(200)
    on.send_header("Content-Type", "text/plain")
    on.send_header("Transfer-Encoding", "chunked")
    on.end_headers()
    on.wfile.write(b"4\r\ngood\r\nthis is no chunk size\r\n")


def _cut_off(on: _Handler) -> None:
    """Promises ten bytes, sends five and hangs up."""
    on.close_connection = True
    on.send_response_only(200)
    on.send_header("Content-Length", "10")
    on.end_headers()
    on.wfile.write(b"half ")


def _no_http(on: _Handler) -> None:
    on.close_connection = True
    on.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def _old(on: _Handler) -> None:
    on.close_connection = True
    on.wfile.write(b"HTTP/1.0 200 Fine\r\nContent-Type: text/plain\r\nX-Old: yes\r\n\r\nuntil I hang up")


def _health(on: _Handler) -> None:
    on.reply_json({"status": "ok"})


_ANSWERS: dict[str, Callable[[_Handler], None]] = {
    "basic": _basic,
    "binary": _binary,
    "br": _br,
    "chunks": _chunks,
    "cookies": _cookies,
    "counter": _counter,
    "cut-off": _cut_off,
    "digest": _digest,
    "echo": _echo,
    "empty": _empty,
    "events": _events,
    "flaky": _flaky,
    "stumble": _stumble,
    "gate": _gate,
    "gzip": _gzip,
    "gzip-chunks": _gzip_chunks,
    "half": _half,
    "hang": _hang,
    "health": _health,
    "int64": _int64,
    "invalid-chunk": _invalid_chunk,
    "json": _json,
    "large": _large,
    "latin1": _latin1,
    "nan": _nan,
    "no-http": _no_http,
    "old": _old,
    "reason": _reason,
    "not-modified": _not_modified,
    "redirect": _redirect,
    "repeated-headers": _repeated_headers,
    "see-other": _see_other,
    "set-cookies": _set_cookies,
    "status": _status,
    "token": _token,
}
