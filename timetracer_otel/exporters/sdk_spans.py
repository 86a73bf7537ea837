"""What the SDK's spans hold, read without the locks, copies and views of its properties: of every span that
is recorded each is read twice. Where an SDK keeps it elsewhere, the properties say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from timetracer_otel.light_spans import LightSpan
from timetracer_otel.messages import Request
from timetracer_otel.span import Attributes

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event
    from opentelemetry.trace import Link

_HEAD: Final = ("name", "parent", "kind", "start_time", "end_time", "status", "instrumentation_scope")
_LISTS: Final = ("attributes", "events", "links")
_MADE_LATER: Final = frozenset(f"_{name}" for name in _LISTS)
"""What a light span has only when it was asked for it."""
_head: Final = attrgetter(*(f"_{name}" for name in _HEAD))
_said: Final = attrgetter(*_HEAD, *(f"dropped_{name}" for name in _LISTS))
_bounded: Final = attrgetter(
    *(f"_{name}.dropped" for name in _LISTS),
    "_attributes._dict", "_events._dq", "_links._dq",
)  # fmt: skip


def scope_name(span: Any) -> str | None:
    """What drew the span; ``None`` where it does not say."""
    if type(span) is LightSpan:
        return span._tracer.scope_name
    scope = getattr(span, "instrumentation_scope", None)
    return None if scope is None else scope.name


def parts_of(span: ReadableSpan) -> tuple[Any, ...]:
    """The span's name, parent, kind, start, end, status and scope; how many attributes, events and links it
    dropped; and those that it has, see below.
    """
    if type(span) is LightSpan:
        if _MADE_LATER.isdisjoint(vars(span)):
            return *_head(span), 0, 0, 0, span.plain.copy(), (), ()
    elif type(span) is ReadableSpan:
        try:
            *dropped, attributes, events, links = _bounded(span)
            if type(attributes) is dict:
                return *_head(span), *dropped, attributes.copy(), tuple(events), tuple(links)
        except AttributeError:
            pass  # another SDK's
    return *_said(span), attributes_of(span), events_of(span), links_of(span)


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


def span_name(request: Request, standard: Attributes) -> str:
    """A name of low cardinality, as semantic conventions ask: the method, or the operation.

    Args:
        request: what the span is of.
        standard: its attributes.
    """
    for key in ("http.request.method", "db.operation.name", "code.function.name", "rpc.method"):
        if isinstance(name := standard.get(key), str) and name:
            return name
    text = standard.get("db.query.text")
    words = text.split(None, 1) if isinstance(text, str) else []
    return words[0].upper() if words else request.family
