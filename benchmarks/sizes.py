"""What a recording takes: bytes on disk by encoding and compression, memory while requests are open."""

from __future__ import annotations

import gc
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.figures import Figure, line
from benchmarks.load import ANSWER
from timetracer_otel import config
from timetracer_otel.cassette import Cassette
from timetracer_otel.exporters.processor import tap
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.formats import Compression, Encoding
from timetracer_otel.integrations.httpx import HttpxIntegration
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.opening import store_for

OPEN_TRACES = 300
CALLS = (0, 4, 50)


def on_disk(folder: Path) -> Iterator[str]:
    """Of what a service recorded there, by path: bytes a request in every encoding."""
    yield from ("", "bytes of a cassette")
    seen: set[str] = set()
    for path in sorted(folder.rglob("GET__*.json")):
        cassette = Cassette.load(path)
        if cassette.title in seen:
            continue
        seen.add(cassette.title)
        data = cassette.dump()
        for encoding in get_args(Encoding):
            for compression in get_args(Compression):
                size = len(cassette.dump(encoding, compression))
                name = f"{cassette.title}, {encoding}, {compression}"
                yield line(name, Figure([size]), f"{size / len(data):.2f} of plain JSON", spec=".0f")


def kib_a_trace(calls: int, traces: int) -> float:
    """KiB that an open request holds after it made that many httpx calls: spans, payloads and all."""
    settings = config.load({})
    headers = [("content-type", "application/json"), ("content-length", str(len(ANSWER)))]
    with tempfile.TemporaryDirectory() as folder:
        provider = TracerProvider(shutdown_on_exit=False)
        recorder = tap(provider).recorder = Recorder(store_for(settings, folder), settings, provider)
        caller = HttpxIntegration()
        tracer = provider.get_tracer(caller.scopes[0])
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        entries = []
        for _ in range(traces):
            entry = tracer.start_span("GET /", kind=trace.SpanKind.SERVER)
            entries.append(entry)
            with trace.use_span(entry):
                for call in range(calls):
                    url = f"http://rates/rates?page={call}"
                    attributes = {"http.request.method": "GET", "url.full": url, "server.address": "rates"}
                    with tracer.start_as_current_span(
                        "GET", kind=trace.SpanKind.CLIENT, attributes=attributes
                    ):
                        exchange = recorder.begin(caller, HttpRequest("GET", url, [("accept", "*/*")]))
                        with exchange:
                            pass
                        exchange.finish(HttpResponse(200, list(headers), bytes(bytearray(ANSWER))))
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for entry in entries:
            entry.end()
        recorder.close()
    return held / traces / 1024


def report(traces: int = OPEN_TRACES) -> list[str]:
    """What an open request holds, as lines."""
    held = {calls: Figure([kib_a_trace(calls, traces)]) for calls in CALLS}
    return [
        "",
        "memory of a request that is open, KiB",
        *(line(f"after {calls} httpx calls", figure, spec=".1f") for calls, figure in held.items()),
    ]
