"""Loading a cassette, as a multiple of what msgspec needs for the same bytes and types."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure, line, ratio
from benchmarks.replayed import Task
from benchmarks.replaying import Tool, upstream
from timetracer_otel.cassette import Cassette
from timetracer_otel.formats import json_reader
from timetracer_otel.span import Resource, Scope, Span, SpanKind

ROUNDS = 15
SIZES = (3, 30, 300)
STRUCTURE_SPANS = 1000


def recorded(sizes: Sequence[int]) -> dict[int, bytes]:
    """By size, the cassette of a block that makes that many calls with httpx, with their standard spans."""
    found: dict[int, bytes] = {}
    with tempfile.TemporaryDirectory() as name, upstream() as base:
        tool = Tool("ours", base, Path(name), None)
        for calls in sizes:
            task = Task(calls, equal=False, asynchronous=False)
            tool.measure(task)
            (path,) = Path(name, "ours", task.name).rglob("*.json")
            found[calls] = path.read_bytes()
        tool.stop()
    return found


def structure(spans: int) -> bytes:
    """A trace as it comes from a collector: no payloads, six attributes a span."""
    trace_id = "4db3f5707b44ee032a5560055563b60b"
    resource = Resource({"service.name": "shop", "telemetry.sdk.language": "python"})
    scope = Scope("opentelemetry.instrumentation.httpx", "0.66b1")
    begin = 1_760_000_000_000_000_000
    made = [
        Span(
            trace_id,
            f"{number + 1:016x}",
            "GET",
            # a tree three deep
            "" if not number else f"{1 if number < 20 else number % 20 + 1:016x}",
            SpanKind.CLIENT if number else SpanKind.SERVER,
            begin + number * 1_000,
            begin + number * 1_000 + 800,
            {
                "http.request.method": "GET",
                "url.full": f"http://rates.internal/rates?item={number}",
                "server.address": "rates.internal",
                "server.port": 80,
                "http.response.status_code": 200,
                "network.protocol.version": "1.1",
            },
            scope=scope,
            resource=resource,
        )
        for number in range(spans)
    ]
    return Cassette.from_spans(made).dump()


def samples(action: Callable[[], object], at_least: float) -> Iterator[float]:
    """Seconds of CPU of one time, each the best of as many as fit in that many seconds."""
    while True:
        best = float("inf")
        end = time.perf_counter() + at_least
        while time.perf_counter() < end:
            begin = time.thread_time()
            action()
            best = min(best, time.thread_time() - begin)
        yield best


def report(rounds: int = ROUNDS, at_least: float = 0.05) -> list[str]:
    """What loading costs, as lines."""
    documents = {f"a cassette of {calls} calls": data for calls, data in recorded(SIZES).items()}
    documents[f"a trace of {STRUCTURE_SPANS} spans without payloads"] = structure(STRUCTURE_SPANS)
    lines = ["", "loading / a bare typed decode of the same bytes"]
    for name, data in documents.items():
        ours = samples(lambda data=data: Cassette.load(data), at_least)  # type: ignore[misc]  # its own data
        bare = samples(lambda data=data: json_reader.typed(data), at_least)  # type: ignore[misc]  # as above
        pairs = [(next(ours), next(bare)) for _ in range(rounds)]
        figure = ratio([one for one, _ in pairs], [other for _, other in pairs])
        milliseconds = Figure([one * 1e3 for one, _ in pairs]).median
        lines.append(line(f"{name} ({len(data) / 1024:.0f} KiB, {milliseconds:.2f} ms)", figure, "budget 2"))
    return lines


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    print("\n".join(report(parser.parse_args().rounds)))


if __name__ == "__main__":
    _main()
