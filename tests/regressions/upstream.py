"""What the shop calls."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream:
    """A server of rates, in a thread of the tests' process."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # EUR waits for the others, in vain where it is asked alone
    _others = threading.Semaphore(0)

    def do_GET(self) -> None:
        if self.path == "/broken":
            self._answer(503, {"error": "down"})
        elif self.path.startswith("/rates/"):
            currency = self.path.rpartition("/")[2]
            if currency == "EUR":
                self._others.acquire(timeout=0.05)
            else:
                self._others.release()
            self._answer(200, {"rate": {"EUR": 1.5, "USD": 2.0, "GBP": 1.2}[currency]})
        else:
            self._answer(200, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(202, {})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass
