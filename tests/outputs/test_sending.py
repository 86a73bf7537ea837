"""Cassettes sent to a tracing backend that speaks OTLP over HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel.errors import SendingError
from timetracer_otel.formats import decode
from timetracer_otel.outputs.sending import Backend
from timetracer_otel.outputs.stripping import without_payloads
from timetracer_otel.span import Span

Answer = tuple[int, dict[str, str], bytes]


class Sink:
    """A backend that answers as it was told, then with 200."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, dict[str, str], list[Span]]] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
                sink.asked.append((self.path, dict(self.headers.items()), decode(body)))
                status, headers, answer = sink.answers.pop(0) if sink.answers else (200, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *message: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def spans(self) -> list[Span]:
        return [span for _, _, spans in self.asked for span in spans]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.close()


def test_spans_are_sent_without_their_payloads(checkout: Path, run: Run, sink: Sink) -> None:
    found = run("send", "cassettes", "--otlp", sink.url, "--header", "X-Key: abc")
    assert (found.exit_code, found.stdout, found.stderr) == (
        0,
        f"2 cassettes sent to {sink.url}/v1/traces: 7 spans taken, 0 refused\n",
        "",
    )
    [(path, headers, spans)] = sink.asked
    assert path == "/v1/traces"
    assert {name: headers[name] for name in ("Content-Type", "Content-Encoding", "X-Key")} == {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "gzip",
        "X-Key": "abc",
    }
    assert spans == without_payloads([*samples.checkout().spans, *samples.failing().spans])


def test_payloads_are_sent_when_asked_for(checkout: Path, run: Run, sink: Sink) -> None:
    assert run("send", "aaaaaaaa", "--otlp", f"{sink.url}/own/path", "--payloads").exit_code == 0
    assert [path for path, _, _ in sink.asked] == ["/own/path"]
    assert sink.spans == samples.checkout().spans


def test_what_may_be_taken_another_time_is_sent_again_as_the_backend_asks(sink: Sink) -> None:
    sink.answers = [(503, {}, b""), (429, {"Retry-After": "7"}, b""), (502, {}, b"")]
    waited: list[float] = []
    sent = Backend(sink.url, wait=waited.append).send(samples.checkout().spans)
    assert (sent.spans, sent.refused) == (5, 0)
    assert waited == [1.0, 7.0, 4.0]
    assert len(sink.asked) == 4


def test_what_is_refused_is_an_error_with_what_the_backend_says(checkout: Path, run: Run, sink: Sink) -> None:
    sink.answers = [(401, {}, b"no key")]
    found = run("send", str(checkout), "--otlp", sink.url)
    assert (found.exit_code, found.stderr) == (
        2,
        f"error: {sink.url}/v1/traces answers 401 Unauthorized: no key\n",
    )


def test_spans_that_the_backend_refuses_are_counted(checkout: Path, run: Run, sink: Sink) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "too old"
    sink.answers = [(200, {}, answer.SerializeToString())]
    found = run("send", str(checkout), "--otlp", sink.url)
    assert (found.exit_code, found.stdout, found.stderr) == (
        1,
        f"1 cassette sent to {sink.url}/v1/traces: 3 spans taken, 2 refused\n",
        "error: the backend says: too old\n",
    )


def test_nobody_there_is_an_error(sink: Sink) -> None:
    sink.close()
    waited: list[float] = []
    with pytest.raises(SendingError, match=r"Connection refused; is a backend listening there\?$"):
        Backend(sink.url, wait=waited.append).send(samples.checkout().spans)
    assert waited == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "ftp://x/", "http://", "http://[", "file:///etc/passwd"])
def test_what_is_no_url_of_a_backend_is_an_error(checkout: Path, run: Run, url: str) -> None:
    found = run("send", str(checkout), "--otlp", url)
    assert (found.exit_code, found.stderr) == (
        2,
        f"error: {url}: give an http:// or https:// URL, as http://127.0.0.1:4318\n",
    )
