"""Finding the answer of one call among many: it must not take longer among more."""

from __future__ import annotations

import time

from benchmarks.figures import Figure, line
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.messages import (
    Answer,
    HttpRequest,
    HttpResponse,
    RedisCommand,
    RedisReply,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers.matching import Matcher, RecordedCalls
from timetracer_otel.span import Span, SpanKind

ROUNDS = 9
SIZES = (10, 1000)


def request(family: str, number: int) -> HttpRequest | SqlStatement | RedisCommand:
    """One request of that family."""
    match family:
        case "http":
            return HttpRequest("GET", f"http://rates/rates?page={number}", [("accept", "*/*")])
        case "db":
            return SqlStatement("SELECT id, name FROM goods WHERE id = :id", {"id": number}, system="sqlite")
        case _:
            return RedisCommand(["GET", f"key:{number}"])


ANSWERS: dict[str, Answer] = {
    "http": HttpResponse(200, [], b"{}"),
    "db": SqlResult(),
    "redis": RedisReply("value"),
}


def recorded(family: str, calls: int, *, equal: bool) -> list[Call]:
    """A request with that many calls, as they are read from a cassette."""
    trace_id = "4db3f5707b44ee032a5560055563b60b"
    entry = Span(trace_id, f"{calls + 1:016x}", "GET /", kind=SpanKind.SERVER, end_time_unix_nano=1)
    spans = [entry]
    for index in range(calls):
        asked = request(family, 0 if equal else index)
        attributes = {**asked.attributes(), **ANSWERS[family].attributes()}
        attributes |= {names.CALL_INTEGRATION: "any", names.CALL_FAMILY: family, names.CALL_INDEX: index}
        spans.append(
            Span(trace_id, f"{index + 1:016x}", "GET", entry.span_id, SpanKind.CLIENT, attributes=attributes)
        )
    return Cassette.from_spans(spans).calls()


def microseconds(calls: list[Call], *, equal: bool) -> float:
    """CPU to find the answer of one call, the first look at the cassette included."""
    live = [request(call.family, 0 if equal else call.index) for call in calls]
    begin = time.thread_time()
    matcher = Matcher(RecordedCalls(calls), Redactor())
    for one in live:
        assert matcher.match(one, ("",), 0) is not None
    return (time.thread_time() - begin) / len(calls) * 1e6


def report(rounds: int = ROUNDS) -> list[str]:
    """What matching costs, as lines."""
    lines = ["", "finding the answer of one call, µs of CPU"]
    for family in ANSWERS:
        for equal in (False, True):
            for calls in SIZES:
                samples = [
                    min(microseconds(recorded(family, calls, equal=equal), equal=equal) for _ in range(3))
                    for _ in range(rounds)
                ]
                kind = "equal" if equal else "distinct"
                lines.append(line(f"{family}, of {calls} {kind} calls", Figure(samples), spec=".1f"))
    return lines
