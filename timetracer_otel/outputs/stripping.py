"""Spans without the payloads they carry: what an OpenTelemetry backend would have got without us."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.span import Resource, Span

_PAYLOADS: Final = (
    names.HTTP_REQUEST_BODY,
    names.HTTP_RESPONSE_BODY,
    names.HTTP_REQUEST_HEADER,
    names.HTTP_RESPONSE_HEADER,
    "http.request.body",
    "http.response.body",
    "db.statement.parameters",
    "db.query.parameter",
    "db.parameters",
    "timetracer.",
)
"""What the names of attributes begin with that carry payloads, ours or others'."""
_SIZES: Final = ("http.request.body.size", "http.response.body.size")


def without_payloads(spans: Iterable[Span]) -> list[Span]:
    """Copies of the spans without bodies, headers, parameters and rows, and without all that is only for us.

    What the standard instrumentations say stays: methods, URLs, statements, statuses, exceptions.
    """
    resources: dict[int, Resource] = {}
    bare: list[Span] = []
    for span in spans:
        resource = resources.get(id(span.resource))
        if resource is None:
            kept = {
                name: value
                for name, value in span.resource.attributes.items()
                if not name.startswith("timetracer.")
            }
            resource = resources[id(span.resource)] = Resource(kept, span.resource.schema_url)
        bare.append(
            msgspec.structs.replace(
                span,
                attributes={name: value for name, value in span.attributes.items() if not is_payload(name)},
                events=[event for event in span.events if event.name != names.EVENT_VALUE],
                resource=resource,
            )
        )
    return bare


def is_payload(name: str) -> bool:
    """Whether an attribute of that name carries a payload."""
    return name.startswith(_PAYLOADS) and name not in _SIZES
