"""Chrome's trace event format, which Perfetto (https://ui.perfetto.dev) and ``chrome://tracing`` open.

Complete events (``ph`` is ``X``) nest within one thread; calls that overlap stand in threads of their own.
Each cassette is a process. Times are microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from timetracer_otel.cassette import Cassette
from timetracer_otel.outputs.plain import as_text, plain_attributes
from timetracer_otel.outputs.rows import placed
from timetracer_otel.span import StatusCode

_MICROSECOND: Final = 1000


def document(cassettes: Sequence[Cassette]) -> dict[str, Any]:
    """One document of several cassettes."""
    events: list[dict[str, Any]] = []
    for process, cassette in enumerate(cassettes, 1):
        events += _events(process, cassette)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _events(process: int, cassette: Cassette) -> list[dict[str, Any]]:
    service = as_text(cassette.resource.attributes.get("service.name", "unknown"))
    title = f"{cassette.title} ({service})"
    events: list[dict[str, Any]] = [_metadata("process_name", process, 0, title)]
    spans = placed(cassette)
    events += [
        _metadata("thread_name", process, row, f"beside it {row}" if row else "request")
        for row in range(max(one.row for one in spans) + 1)
    ]
    for span, start, end, row in spans:
        common = {"pid": process, "tid": row}
        arguments = plain_attributes(span.attributes)
        if span.status.code is StatusCode.ERROR:
            arguments["error"] = span.status.message or True
        events.append(
            {
                "name": span.name,
                "cat": span.kind.name.lower(),
                "ph": "X",
                "ts": start / _MICROSECOND,
                "dur": (end - start) / _MICROSECOND,
                "args": {"span_id": span.span_id, "trace_id": span.trace_id, **arguments},
                **common,
            }
        )
        events += [
            {
                "name": event.name,
                "cat": "event",
                "ph": "i",
                "s": "t",
                "ts": event.time_unix_nano / _MICROSECOND,
                "args": plain_attributes(event.attributes),
                **common,
            }
            for event in span.events
        ]
    return events


def _metadata(name: str, process: int, thread: int, value: str) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": process, "tid": thread, "args": {"name": value}}
