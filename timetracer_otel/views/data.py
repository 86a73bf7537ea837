"""A cassette as plain data for programs: ``timetracer-otel show --json``.

Flat: spans name their parents, so a program needs no recursion. Messages keep the tags of
:mod:`timetracer_otel.values` for what JSON lacks.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import Failure
from timetracer_otel.span import Span


def cassette_data(path: Path, cassette: Cassette) -> dict[str, Any]:
    """Everything that ``show`` shows, and the spans' attributes."""
    calls = {call.span.span_id: call for call in cassette.calls()}
    entry = cassette.entry
    return {
        "path": str(path),
        "title": cassette.title,
        "trace_id": entry.trace_id,
        "span_id": entry.span_id,
        "started_unix_nano": cassette.started,
        "duration_ms": cassette.duration / 1e6,
        "status": cassette.status,
        "error": cassette.has_error,
        "resource": _plain(cassette.resource.attributes),
        **_messages(lambda: cassette.inbound_message, lambda: cassette.inbound_answer),
        "spans": [_span_data(cassette, span, calls.get(span.span_id)) for span in cassette.spans],
        "gaps": [msgspec.structs.asdict(gap) for gap in cassette.gaps],
    }


def _span_data(cassette: Cassette, span: Span, call: Call | None) -> dict[str, Any]:
    parent = cassette.parent(span)
    ended = span.end_time_unix_nano
    data: dict[str, Any] = {
        "span_id": span.span_id,
        "parent_span_id": None if parent is None else parent.span_id,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "offset_ms": (span.start_time_unix_nano - cassette.started) / 1e6,
        "duration_ms": (ended - span.start_time_unix_nano) / 1e6 if ended else None,
        "status": span.status.code.name.lower(),
        "status_message": span.status.message,
        "attributes": _plain({name: value for name, value in span.attributes.items() if name != names.GAPS}),
        "events": [
            {
                "name": event.name,
                "time_unix_nano": event.time_unix_nano,
                "attributes": _plain(event.attributes),
            }
            for event in span.events
        ],
    }
    if call is not None:
        data["call"] = {
            "integration": call.integration,
            "family": call.family,
            "index": call.index,
            "lane": call.lane,
            **_messages(lambda: call.request, lambda: call.answer),
        }
    return data


def _messages(request: Any, answer: Any) -> dict[str, Any]:
    try:
        return {"request": _message(request()), "answer": _message(answer())}
    except CodecError as error:
        return {"request": None, "answer": None, "unreadable": str(error)}


def _message(message: Any) -> Any:
    if message is None:
        return None
    if isinstance(message, Failure):
        return {"exception": _plain(message.plain())}
    data = msgspec.structs.asdict(message)
    if "headers" in data:
        data["headers"] = [list(header) for header in data["headers"]]
    body = data.get("body")
    if isinstance(body, bytes):
        with contextlib.suppress(UnicodeDecodeError):  # else it stays bytes, and becomes a tag
            data["body"] = body.decode()
    failure = data.get("failure")
    if isinstance(failure, Failure):
        data["failure"] = failure.plain()
    return _plain(data)


def _plain(value: Any) -> Any:
    """The value as JSON has it, what it lacks as tags."""
    return json.loads(values.dumps(value))
