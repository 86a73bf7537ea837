"""The command line that ``export --to curl`` prints, run by a real shell and a real curl."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest
from timetracer_otel.outputs import curl
from timetracer_otel.span import Span, SpanKind


class Taken:
    """A server that keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, list[tuple[str, str]], bytes]] = []
        taken = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                taken.requests.append((self.command, self.path, self.headers.items(), body))
                self.send_response(204)
                self.end_headers()

            do_POST = do_PUT = do_GET = _take  # noqa: N815  # the handler's names

            def log_message(self, *message: object) -> None:
                """Silence."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Taken]:
    found = Taken()
    yield found
    found.close()


def line(request: HttpRequest) -> str | None:
    span = Span("a" * 32, "b" * 16, "x", kind=SpanKind.SERVER, attributes=request.attributes())
    return curl.command(Cassette.from_spans([span]))


BODIES = st.one_of(
    st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)


@pytest.mark.needs("curl")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "PUT"]),
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    body=BODIES,
)
def test_the_server_gets_method_header_and_body_byte_for_byte(
    server: Taken, method: str, value: str, body: bytes
) -> None:
    request = HttpRequest(method, f"{server.url}/a[1]{{b}}?q=%27", [("X-Value", value)], body)
    command = line(request)
    assert command is not None
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=60)
    got_method, path, headers, got = server.requests[-1]
    assert (got_method, path, got) == (method, "/a[1]{b}?q=%27", body)
    assert ("X-Value", value) in headers


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET -o /etc/passwd", "http://shop/"),
        HttpRequest("GET", "file:///etc/passwd"),
        HttpRequest("GET", "-o/etc/passwd"),
    ],
)
def test_what_curl_would_take_for_something_else_is_no_command(request_: HttpRequest) -> None:
    assert line(request_) is None


def test_a_header_that_curl_would_read_from_a_file_is_left_out() -> None:
    request = HttpRequest("GET", "http://shop/", [("@/etc/passwd", ""), ("X-Empty", ""), ("Host", "shop")])
    assert line(request) == "curl --globoff --request GET --url http://shop/ --header 'X-Empty;'"
