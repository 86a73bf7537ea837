"""Runs every measurement and prints each beside its budget. Numbers of a busy machine mean little.

Each is a ratio within one run where that is possible, the best of several runs otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

from benchmarks import recording
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import RedisCommand, RedisReply
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers.matching import Matcher, RecordedCalls
from timetracer_otel.span import Span, SpanKind

CALLS = 500


def best(action: Callable[[], object], runs: int = 7) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


def process(*arguments: str) -> float:
    """Seconds of a Python process, without those of one that does nothing."""
    empty = best(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    command = [sys.executable, *arguments]
    return best(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) - empty


def cassette() -> Cassette:
    """A request with many Redis calls."""
    trace_id = "4db3f5707b44ee032a5560055563b60b"
    entry = Span(trace_id, f"{CALLS:016x}", "GET /", kind=SpanKind.SERVER, end_time_unix_nano=1)
    spans = [entry]
    for index in range(CALLS):
        asked, answered = RedisCommand(["GET", f"key:{index}"]), RedisReply("value " * 20)
        attributes = {**asked.attributes(), **answered.attributes()}
        attributes |= {names.CALL_INTEGRATION: "redis", names.CALL_FAMILY: "redis", names.CALL_INDEX: index}
        spans.append(
            Span(
                trace_id, f"{index:016x}", "GET", entry.span_id, SpanKind.CLIENT, index, attributes=attributes
            )
        )
    return Cassette.from_spans(spans)


def loading() -> float:
    """Loading a cassette, as a multiple of decoding the same JSON into plain objects."""
    data = cassette().dump()
    return best(lambda: Cassette.load(data)) / best(lambda: msgspec.json.decode(data))


def matching() -> float:
    """Microseconds to find the answer of one call among many, the first look at the cassette included."""
    calls = cassette().calls()
    live = [RedisCommand(["GET", f"key:{index}"]) for index in range(CALLS)]

    def replay() -> None:
        matcher = Matcher(RecordedCalls(calls), Redactor())
        for request in live:
            matcher.match(request, (), 0)

    return best(replay) / CALLS * 1e6


MEASUREMENTS: dict[str, tuple[Callable[[], float], str]] = {
    "import timetracer_otel, s": (lambda: process("-c", "import timetracer_otel"), "0.05"),
    "timetracer-otel --help, s": (lambda: process("-m", "timetracer_otel", "--help"), "0.15"),
    "loading a cassette / decoding its JSON": (loading, ""),
    "matching one call, µs": (matching, ""),
}


def main() -> None:
    """Print the measurements."""
    for name, (measure, budget) in MEASUREMENTS.items():
        print(f"{name:<42}{measure():>10.3f}{f'   budget {budget}' if budget else ''}")
    print("\n".join(recording.report()))


if __name__ == "__main__":
    main()
