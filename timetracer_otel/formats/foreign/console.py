"""What the Python SDK's ``ConsoleSpanExporter`` prints: one JSON object a span, laid out for people or not.

It says nothing of the scope, and nothing of whether a parent is remote; times are of microseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.formats.checks import too_deep
from timetracer_otel.formats.foreign.fields import (
    Plain,
    dicts,
    int64,
    kind,
    nanoseconds,
    parent_id,
    span_id,
    status_code,
    text,
    trace_id,
)
from timetracer_otel.span import Attributes, AttributeValue, Event, Link, Resource, Span, Status

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_STATE: Final = re.compile(r"\{key=([^,{}]*), value=([^{}]*)\}")


def is_one(item: Plain) -> bool:
    """Whether it is such an object."""
    return (
        isinstance(item, dict)
        and isinstance(item.get("context"), dict)
        and {"trace_id", "span_id"} <= item["context"].keys()
    )


def read_span(item: dict[str, Plain], depth: int) -> Span:
    """One object as a span.

    Args:
        item: see :func:`is_one`.
        depth: how deep an attribute value may be nested.

    Raises:
        CassetteFormatError: an id or a time of it is none.
        CassetteLimitError: a value is nested deeper than that.
    """
    context, status = item["context"], item.get("status")
    status = status if isinstance(status, dict) else {}
    return Span(
        trace_id(context.get("trace_id")),
        span_id(context.get("span_id")),
        text(item.get("name")),
        parent_id(item.get("parent_id")),
        kind(item.get("kind")),
        _moment(item.get("start_time"), "start_time"),
        _moment(item.get("end_time"), "end_time"),
        _attributes(item.get("attributes"), depth),
        [
            Event(
                text(event.get("name")),
                _moment(event.get("timestamp"), "timestamp"),
                _attributes(event.get("attributes"), depth),
            )
            for event in dicts(item.get("events"))
        ],
        [
            Link(
                trace_id(link["context"].get("trace_id"), "link trace id"),
                span_id(link["context"].get("span_id"), "link span id"),
                _state(link["context"]),
                _attributes(link.get("attributes"), depth),
            )
            for link in dicts(item.get("links"))
            if is_one(link)
        ],
        Status(status_code(status.get("status_code")), text(status.get("description"))),
        _state(context),
        resource=_resource(item.get("resource"), depth),
    )


def _resource(item: Plain, depth: int) -> Resource:
    if not isinstance(item, dict):
        return Resource()
    inside = item.get("attributes")
    # older releases print the attributes alone
    attributes = inside if isinstance(inside, dict) else item
    return Resource(_attributes(attributes, depth), text(item.get("schema_url")))


def _state(context: dict[str, Plain]) -> str:
    return ",".join(f"{key}={value}" for key, value in _STATE.findall(text(context.get("trace_state"))))


def _moment(value: Plain, field: str) -> int:
    if value is None:
        return 0
    try:
        moment = datetime.fromisoformat(text(value))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return nanoseconds((moment - _EPOCH) // _MICROSECOND, field, 1000)
    except (ValueError, OverflowError):
        raise CassetteFormatError(f"{field} {text(value)[:40]!r} is no time") from None


def _attributes(item: Plain, depth: int) -> Attributes:
    if not isinstance(item, dict):
        return {}
    return {name: _value(value, name, depth) for name, value in item.items()}


def _value(value: Plain, name: str, depth: int) -> AttributeValue:
    if isinstance(value, int) and not isinstance(value, bool):
        return int64(value, name)
    if isinstance(value, list | dict):
        if not depth:
            raise too_deep()
        if isinstance(value, list):
            return [_value(one, name, depth - 1) for one in value]
        return {key: _value(one, name, depth - 1) for key, one in value.items()}
    found: AttributeValue = value
    return found
