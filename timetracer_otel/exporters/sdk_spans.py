"""What the SDK's spans hold, read without the locks, copies and views of its properties: of every span that
is recorded each is read twice. Where an SDK keeps it elsewhere, the properties say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel.exporters.light_spans import LightSpan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """The span's attributes; a copy, since another thread may set more on a live one."""
    if type(span) is LightSpan:
        return span.plain.copy()
    held = getattr(getattr(span, "_attributes", None), "_dict", None)
    return held.copy() if type(held) is dict else span.attributes or {}


def events_of(span: ReadableSpan) -> Sequence[Event]:
    """The span's events; most have none."""
    if type(span) is LightSpan and "_events" not in vars(span):
        return ()
    held = getattr(getattr(span, "_events", None), "_dq", None)
    return span.events if held is None or held else ()


def links_of(span: ReadableSpan) -> Sequence[Link]:
    """The span's links; most have none."""
    if type(span) is LightSpan and "_links" not in vars(span):
        return ()
    held = getattr(getattr(span, "_links", None), "_dq", None)
    return span.links if held is None or held else ()
