"""A real OTLP/HTTP receiver (OTLP specification, section OTLP/HTTP), for what other exporters send."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from timetracer_otel.formats import decode
from timetracer_otel.span import Span, SpanKind


class OtlpSink:
    """Takes ``POST /v1/traces`` in protobuf and keeps what came."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._arrived = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path == "/v1/traces":
                    with sink._arrived:
                        sink.bodies.append(body)
                        sink._arrived.notify_all()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_request(self, code: object = "-", size: object = "-") -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def spans(self) -> list[Span]:
        """Every span that came."""
        return [span for body in self.bodies for span in decode(body)]

    def wait_for(self, kind: SpanKind) -> None:
        """Wait until a span of that kind has come."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: any(span.kind is kind for span in self.spans), timeout=30)
        assert came, f"no {kind.name} span came"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
