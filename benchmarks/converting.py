"""Converting OTLP JSON lines to cassettes: spans a second on one core, and the peak of memory.

Beside it a bare typed decode of the same bytes, and what ``opentelemetry-proto-json`` needs only to read.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from opentelemetry.proto_json.trace.v1.trace import TracesData

from benchmarks.figures import Figure, line, ratio
from timetracer_otel.formats import json_reader, json_writer
from timetracer_otel.span import Resource, Scope, Span, SpanKind, Status, StatusCode

SPANS = 50
"""In a trace, of two services: what one request of a small system makes."""
TRACES = 2_000
ROUNDS = 5
MEGABYTES = (50, 500)
OFFICIAL_LINES = 20
_BATCH = 500
"""Spans a line: what the Collector's batch processor hands on."""
_OPEN = 40
"""Traces whose spans are mixed."""
BEGAN = 1_795_000_000_000_000_000


def trace(number: int, spans: int) -> list[Span]:
    """The spans of one request, half of them of another service."""
    chance = random.Random(number)
    trace_id = f"{chance.getrandbits(128) | 1:032x}"
    ids = [f"{chance.getrandbits(64) | 1:016x}" for _ in range(spans)]
    began = BEGAN + number * 10_000_000
    half = spans // 2
    made = []
    for index in range(spans):
        server = index in (0, half)
        status = Status(StatusCode.ERROR, "failed") if index == 7 and not number % 10 else Status()
        made.append(
            Span(
                trace_id,
                ids[index],
                f"GET {_ROUTES[index >= half]}" if server else "GET",
                ids[1] if index == half else "" if not index else ids[half if index > half else 0],
                SpanKind.SERVER if server else SpanKind.CLIENT,
                began + index * 1_000_000,
                began + index * 1_000_000 + 900_000,
                {
                    "http.request.method": "GET",
                    "url.full": f"http://rates.internal/rates?item={index}",
                    "server.address": "rates.internal",
                    "server.port": 80,
                    "http.response.status_code": 200,
                    "network.protocol.version": "1.1",
                    **({"http.route": _ROUTES[index >= half]} if server else {}),
                },
                status=status,
                scope=_SCOPES[server],
                resource=_RESOURCES[index >= half],
            )
        )
    return made


_ROUTES = ("/orders/{id}", "/rates")
_RESOURCES = [
    Resource(
        {
            "service.name": name,
            "service.version": "1.2.3",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.1",
        }
    )
    for name in ("shop", "rates")
]
_SCOPES = [
    Scope("opentelemetry.instrumentation.httpx", "0.66b1"),
    Scope("opentelemetry.instrumentation.fastapi", "0.66b1"),
]


def lines(traces: int, spans: int) -> Iterator[bytes]:
    """That many traces as JSON lines, the spans of several mixed in each line."""
    chance = random.Random(1)
    for first in range(0, traces, _OPEN):
        mixed = [span for number in range(first, min(first + _OPEN, traces)) for span in trace(number, spans)]
        chance.shuffle(mixed)
        for at in range(0, len(mixed), _BATCH):
            yield json_writer.encode(mixed[at : at + _BATCH]) + b"\n"


def endless(spans: int = SPANS) -> Iterator[bytes]:
    """Lines as above for ever, quickly made: each time the same requests with other trace ids."""
    block = b"".join(lines(_OPEN, spans))
    find = re.compile(rb'(?<="traceId":")[0-9a-f]{8}')  # files are named by the beginning
    for number in itertools.count(1):
        yield find.sub(f"{number:08x}".encode(), block)


def cpu(action: Callable[[], object]) -> float:
    """Seconds of CPU it takes."""
    begin = time.process_time()
    action()
    return time.process_time() - begin


_PROGRAM = """
import resource, sys
from timetracer_otel.cli import cli
try:
    cli.main(sys.argv[1:], prog_name='timetracer-otel')
except SystemExit as end:
    assert not end.code, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
# its own ru_maxrss may be that of the process it was forked from
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(used.ru_utime + used.ru_stime, int(peak) * 1024)
"""


def _environment() -> dict[str, str]:
    """As where the package is installed: its bytecode is there, and not made anew in each process."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def of_child(source: Path, store: Path) -> tuple[float, int]:
    """Seconds of CPU and peak bytes of memory of a conversion by the command itself.

    Args:
        source: the input.
        store: a folder that is not there. To remove one before would be measured, too: ext4 leaves the inodes
            of removed files alone for a while, and looks at each again whenever it makes a file.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "convert", str(source), "-o", str(store)],
        capture_output=True,
        text=True,
        check=True,
        env=_environment(),
    )
    used, peak = done.stdout.splitlines()[-1].split()
    return float(used), int(peak)


def piped(size: int, store: Path) -> tuple[float, float, int, int]:
    """Of a conversion of that many bytes: seconds of CPU, seconds, peak bytes of memory, spans."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "convert", "-", "-o", str(store), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=False,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        sent = 0
        for block in endless():
            process.stdin.write(block)
            sent += len(block)
            if sent >= size:
                break
        process.stdin.close()
        said, figures = process.stdout.read().decode().splitlines()
    used, peak = figures.split()
    return float(used), time.perf_counter() - begin, int(peak), json.loads(said)["spans"]


def memory(sizes: Sequence[int], folder: str | None = None) -> list[str]:
    """The peak of memory, as lines, by megabytes of input."""
    found = ["", "memory of a conversion from standard input"]
    for megabytes in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            used, seconds, peak, spans = piped(megabytes * 1_000_000, Path(name, "cassettes"))
        found.append(
            f"  {megabytes:>6,} MB, {spans:>10,} spans: peak {peak / 1e6:4.0f} MB,"
            f" {spans / used:8,.0f} spans a second of CPU, {seconds:4.0f} s"
        )
    return found


def report(
    traces: int = TRACES, spans: int = SPANS, rounds: int = ROUNDS, folder: str | None = None
) -> list[str]:
    """What converting costs, as lines."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        source = Path(name, "traces.jsonl")
        with source.open("wb") as file:
            file.writelines(lines(traces, spans))
        total = traces * spans
        of_child(source, Path(name, "first"))  # makes the bytecode where nobody has
        documents = source.read_bytes().splitlines()
        few = documents[:OFFICIAL_LINES]
        ours, bare, official, peaks = [], [], [], []
        for number in range(rounds):
            used, peak = of_child(source, Path(name, f"cassettes-{number}"))
            ours.append(used / total)
            peaks.append(peak)
            bare.append(cpu(lambda: deque(map(json_reader.typed, documents), maxlen=0)) / total)
            official.append(cpu(lambda: [TracesData.from_json(one) for one in few]) / (len(few) * _BATCH))
        size = source.stat().st_size
    per_second = Figure([1 / one for one in ours])
    return [
        "",
        f"converting {total:,} spans, {spans} a trace ({2} cassettes), {size / total:.0f} bytes a span",
        line("spans a second of CPU, start-up included", per_second, "budget 100,000"),
        line("CPU / a bare typed decode of the same bytes", ratio(ours, bare), ""),
        line("CPU / opentelemetry-proto-json, which only reads", ratio(ours, official), ""),
        f"  peak memory {max(peaks) / 1e6:.0f} MB for {size / 1e6:.0f} MB of input",
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.converting", description=__doc__)
    parser.add_argument("--traces", type=int, default=TRACES)
    parser.add_argument("--spans", type=int, default=SPANS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", help="where input and store are made; a disk's, or /dev/shm")
    parser.add_argument(
        "--memory", type=int, nargs="*", metavar="MB", help="only the peak, for so much input"
    )
    given = parser.parse_args()
    if given.memory is not None:
        print("\n".join(memory(given.memory or MEGABYTES, given.folder)))
        return
    print("\n".join(report(given.traces, given.spans, given.rounds, given.folder)))


if __name__ == "__main__":
    _main()
