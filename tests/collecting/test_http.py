"""OTLP/HTTP as the specification asks: what is answered to what."""

from __future__ import annotations

import gzip
import http.client
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.converting.traces import two_services
from timetracer_otel.collectors.http_receiver import HttpReceiver
from timetracer_otel.collectors.inbox import Inbox
from timetracer_otel.collectors.otlp import LIMITS
from timetracer_otel.converters.tasks import Store
from timetracer_otel.formats import encode

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
Answer = tuple[int, dict[str, str], bytes]


class Receiving:
    """A receiver, and what asks it."""

    def __init__(self, folder: Path, memory: int) -> None:
        self.inbox = Inbox(Store(str(folder), "json", "none", redact=True), memory=memory)
        self.server = HttpReceiver("127.0.0.1", 0, self.inbox)
        self.server.start()
        self.address = urllib.parse.urlsplit(self.server.url).netloc

    def ask(
        self, body: bytes, headers: dict[str, str], path: str = "/v1/traces", method: str = "POST"
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    found = Receiving(tmp_path / "cassettes", memory=1024 * 1024)
    yield found
    found.server.close()


def test_protobuf_is_answered_in_protobuf_and_json_in_json(receiving: Receiving) -> None:
    status, headers, body = receiving.ask(encode(two_services(), "protobuf"), PROTOBUF)
    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"")
    status, headers, body = receiving.ask(
        gzip.compress(encode(two_services())), {**JSON, "Content-Encoding": "gzip"}
    )
    assert (status, headers["content-type"], body) == (200, "application/json", b"{}")
    assert receiving.inbox.received.spans == 2 * len(two_services())


def test_a_body_in_chunks_is_taken(receiving: Receiving) -> None:
    data = encode(two_services())
    connection = http.client.HTTPConnection(receiving.address, timeout=30)
    connection.request("POST", "/v1/traces", iter([data[:100], data[100:]]), JSON, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert receiving.inbox.received.spans == len(two_services())


def test_an_empty_request_is_taken(receiving: Receiving) -> None:
    assert receiving.ask(b"", PROTOBUF)[0] == 200
    assert receiving.ask(b"{}", JSON)[0] in (200, 400)


def test_spans_that_cannot_be_read_are_refused_and_the_others_taken(receiving: Receiving) -> None:
    document = json.loads(encode(two_services()))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "no id"
    status, _, body = receiving.ask(json.dumps(document).encode(), JSON)
    said = json.loads(body)["partialSuccess"]
    assert (status, said["rejectedSpans"]) == (200, "1")
    assert "no id" in said["errorMessage"]
    assert receiving.inbox.received.spans == len(two_services()) - 1


@pytest.mark.parametrize(
    ("body", "headers", "path", "method", "status", "code"),
    [
        (b"{", JSON, "/v1/traces", "POST", 400, 3),
        (b"", JSON, "/v1/traces", "POST", 400, 3),
        (b"\x1f\x8bno gzip", {**JSON, "Content-Encoding": "gzip"}, "/v1/traces", "POST", 400, 3),
        (b"{}", JSON, "/v1/metrics", "POST", 404, 5),
        (b"{}", {"Content-Type": "text/plain"}, "/v1/traces", "POST", 415, 3),
        (b"{}", {**JSON, "Content-Encoding": "br"}, "/v1/traces", "POST", 415, 3),
        (b"", JSON, "/v1/traces", "GET", 405, 12),
        (b"{}", {**JSON, "Host": "evil.example:4318"}, "/v1/traces", "POST", 403, 7),
        (b"", {**JSON, "Content-Length": str(LIMITS.max_bytes + 1)}, "/v1/traces", "POST", 413, 8),
    ],
)
def test_what_will_never_be_taken_is_told_from_what_may_be(
    receiving: Receiving, body: bytes, headers: dict[str, str], path: str, method: str, status: int, code: int
) -> None:
    got, answered, said = receiving.ask(body, headers, path, method)
    assert got == status
    assert "retry-after" not in answered
    if answered["content-type"] == "application/json":
        assert json.loads(said)["code"] == code
        assert json.loads(said)["message"]
    else:
        assert said[:2] == bytes([8, code])


def test_a_bomb_is_too_large(receiving: Receiving) -> None:
    bomb = gzip.compress(b" " * (LIMITS.max_bytes + 1), compresslevel=9)
    assert receiving.ask(bomb, {**JSON, "Content-Encoding": "gzip"})[0] == 413


def test_a_malformed_protobuf_is_answered_with_a_status_message(receiving: Receiving) -> None:
    status, headers, body = receiving.ask(b"\x0a\xff\xff", PROTOBUF)
    assert (status, headers["content-type"]) == (400, "application/x-protobuf")
    assert body[:3] == b"\x08\x03\x12"


def test_when_more_comes_than_can_be_written_the_sender_is_told_when_to_come_again(tmp_path: Path) -> None:
    receiving = Receiving(tmp_path / "cassettes", memory=10_000)  # and nobody writes
    try:
        data = encode(two_services())
        answers = [receiving.ask(data, JSON) for _ in range(10)]
        assert answers[0][0] == 200
        status, headers, body = answers[-1]
        assert (status, headers["retry-after"], json.loads(body)["code"]) == (503, "2", 14)
        receiving.inbox.start()
        assert receiving.inbox.close().written.cassettes == 2
        assert receiving.inbox.received.refused == sum(status == 503 for status, _, _ in answers)
    finally:
        receiving.server.close()


def test_partial_success_in_protobuf_names_the_spans(receiving: Receiving) -> None:
    answer = ExportTraceServiceResponse()
    answer.ParseFromString(receiving.ask(encode(two_services(), "protobuf"), PROTOBUF)[2])
    assert answer.partial_success.rejected_spans == 0
