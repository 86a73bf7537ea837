"""A cassette as the tree of what happened: ``timetracer-otel show``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.errors import CodecError
from timetracer_otel.span import AttributeValue, Event, Span, StatusCode
from timetracer_otel.views import text
from timetracer_otel.views.bodies import SHORT
from timetracer_otel.views.lines import Line, Piece, line, piece, spaced
from timetracer_otel.views.messages import message_lines

_NOISE: Final = "asgi.event.type"
_BRANCH, _LAST, _PASSING, _EMPTY = "├─ ", "└─ ", "│  ", "   "
_EXCEPTION: Final = "exception"
_UNNAMED: Final = "unknown_service"
"""What OpenTelemetry calls a service that nobody named."""


class _Node(NamedTuple):
    """A span about to be drawn."""

    span: Span
    guide: str
    under: str


def tree_lines(cassette: Cassette, *, full: bool = False) -> Iterator[Line]:
    """The entry with its request and answer, the tree below it, and what could not be recorded.

    Args:
        cassette: what to draw.
        full: everything that was recorded; else bodies and rows are cut short.
    """
    yield from _heading(cassette)
    calls = {call.span.span_id: call for call in cassette.calls()}
    entry_call = calls.get(cassette.entry.span_id)
    below = _shown_children(cassette, cassette.entry, full=full)
    details = (
        list(_entry_details(cassette, full=full))
        if entry_call is None
        else list(_call_details(entry_call, full=full))
    )
    rail = "│ " if below else "  "
    for detail in (*details, *_span_details(cassette.entry, entry_call, full=full)):
        yield detail.below(rail, rail)
    # a stack, not recursion: a tree may be deeper than Python recurses
    stack = _nodes(below, "")
    while stack:
        node = stack.pop()
        call = calls.get(node.span.span_id)
        children = _shown_children(cassette, node.span, full=full)
        yield _span_line(node.span, call).below(node.guide, node.under)
        rail = node.under + ("│ " if children else "  ")
        if call is not None:
            for detail in _call_details(call, full=full):
                yield detail.below(rail, rail)
        for detail in _span_details(node.span, call, full=full):
            yield detail.below(rail, rail)
        stack.extend(_nodes(children, node.under))
    yield from _gap_lines(cassette)


def _nodes(spans: list[Span], indent: str) -> list[_Node]:
    """The spans to draw below one, the first to draw last."""
    return [
        _Node(span, indent + (_BRANCH if place else _LAST), indent + (_PASSING if place else _EMPTY))
        for place, span in enumerate(reversed(spans))
    ]


def _shown_children(cassette: Cassette, span: Span, *, full: bool) -> list[Span]:
    children = cassette.children(span.span_id)
    # one span for each message of the ASGI protocol says nothing of what the app did
    return children if full else [child for child in children if _NOISE not in child.attributes]


def _heading(cassette: Cassette) -> Iterator[Line]:
    entry = cassette.entry
    yield spaced(piece(cassette.title, "bold"), _status(cassette.status), _took(entry), _failed(entry))
    attributes = cassette.resource.attributes
    facts = [f"{text.moment(cassette.started)} UTC", f"trace {entry.trace_id}"]
    facts += [
        f"{label} {attributes[name]!s}"
        for label, name in (("service", "service.name"), ("revision", names.GIT_REVISION))
        if attributes.get(name) and not str(attributes[name]).startswith(_UNNAMED)
    ]
    rail = "│ " if cassette.children(entry.span_id) else "  "
    yield line(piece(" · ".join(facts), "dim")).below(rail, rail)


def _span_line(span: Span, call: Call | None) -> Line:
    if call is None:
        return spaced(piece(text.clip(span.name, SHORT)), _took(span), _failed(span))
    title, status = span.name, None
    try:
        if call.request is not None:
            title = call.request.title()
        status = getattr(call.answer, "status", None)
    except CodecError:
        pass  # the details say so
    return spaced(
        piece(call.integration, "magenta"),
        piece(text.clip(title, SHORT)),
        _status(status if isinstance(status, int) else None),
        _took(span),
        _failed(span),
    )


def _entry_details(cassette: Cassette, *, full: bool) -> Iterator[Line]:
    try:
        request, response = cassette.inbound_message, cassette.inbound_answer
    except CodecError as error:
        yield _unreadable(error)
        return
    if request is not None:
        yield line(Piece("→ ", "cyan"), text.clip(request.title(), None if full else SHORT))
        yield from message_lines(request, full=full)
    if response is not None:
        yield from message_lines(response, full=full)
    if cassette.inbound_family == "websocket":
        yield line(piece("(what was said over the websocket is not recorded)", "dim"))
    elif response is None and request is not None and cassette.inbound_family != "kafka":
        yield line(piece("(response not recorded)", "yellow"))


def _call_details(call: Call, *, full: bool) -> Iterator[Line]:
    try:
        request, answer = call.request, call.answer
    except CodecError as error:
        yield _unreadable(error)
        return
    if request is not None:
        if full and len(request.title()) > SHORT:
            yield line(Piece("→ ", "cyan"), request.title())
        yield from message_lines(request, full=full)
    if answer is not None:
        yield from message_lines(answer, full=full)
    else:
        yield line(piece("(answer not recorded)", "yellow"))


def _unreadable(error: CodecError) -> Line:
    return line(piece(f"payload cannot be read: {error}", "red"))


def _span_details(span: Span, call: Call | None, *, full: bool) -> Iterator[Line]:
    """The exceptions and other events of a span; everything else that it carries when all is shown."""
    drawn: Counter[str] = Counter()
    for event in span.events:
        if event.name == names.EVENT_VALUE and not full:
            drawn[str(event.attributes.get("source", "value"))] += 1
        else:
            yield from _event_lines(event, full=full)
    if drawn:
        sources = ", ".join(f"{number} {source}" for source, number in drawn.items())
        yield line(piece(f"values drawn: {sources}", "dim"))
    if full:
        shown = _shown_attributes(span, call)
        for name, value in span.attributes.items():
            if not shown(name):
                yield line(piece(f"{name} = ", "dim"), text.value(value))


def _event_lines(event: Event, *, full: bool) -> Iterator[Line]:
    if event.name == _EXCEPTION:
        kind = event.attributes.get("exception.type", _EXCEPTION)
        said = event.attributes.get("exception.message", "")
        yield line(piece(text.clip(f"✗ {kind!s}: {said!s}", None if full else SHORT), "red"))
        if full:
            for row in str(event.attributes.get("exception.stacktrace", "")).splitlines():
                yield line(row, indent="  ")
    elif event.name == names.EVENT_VALUE:
        source, drawn = event.attributes.get("source", "value"), event.attributes.get("value", "")
        yield line(piece(f"• {source!s} gave {drawn!s}", "dim"))
    else:
        told = "  ".join(f"{name}={text.value(value)}" for name, value in event.attributes.items())
        yield line(piece(text.clip(f"• {event.name}  {told}".rstrip(), None if full else SHORT), "dim"))


def _shown_attributes(span: Span, call: Call | None) -> Callable[[str], bool]:
    """Whether an attribute was shown already: payloads are, as requests and answers."""
    prefixes = (
        names.HTTP_REQUEST_HEADER, names.HTTP_RESPONSE_HEADER, "timetracer.http.", "timetracer.call.",
        "timetracer.db.", "timetracer.redis.", "timetracer.grpc.", "timetracer.task.", "timetracer.kafka.",
        "timetracer.smtp.",
    )  # fmt: skip
    once = {
        names.GAPS, names.ENTRY_FRAMEWORK, names.ENTRY_FAMILY, names.ENTRY_TITLE, names.EXCEPTION,
        names.HTTP_REQUEST_BODY, names.HTTP_RESPONSE_BODY,
        names.HTTP_REQUEST_METHOD, names.URL_FULL, names.HTTP_RESPONSE_STATUS_CODE, names.DB_QUERY_TEXT,
        names.DB_RETURNED_ROWS,
    }  # fmt: skip
    carries = call is not None or names.ENTRY_FRAMEWORK in span.attributes
    return lambda name: carries and (name in once or name.startswith(prefixes))


def _gap_lines(cassette: Cassette) -> Iterator[Line]:
    gaps = cassette.gaps
    if not gaps:
        return
    yield line(piece(text.count(len(gaps), "gap"), "yellow"))
    for gap in gaps:
        span = cassette.span(gap.span_id)
        where = f"  ({span.name})" if span is not None and span is not cassette.entry else ""
        yield line(f"{gap.kind}: {gap.detail}" if gap.detail else gap.kind, piece(where, "dim"), indent="  ")


def _status(status: AttributeValue) -> Piece | None:
    if not isinstance(status, int):
        return None
    return piece(str(status), "green" if status < 400 else "yellow" if status < 500 else "red")


def _took(span: Span) -> Piece:
    if not span.end_time_unix_nano:
        return Piece("(never ended)", "yellow")
    return Piece(text.duration(max(0, span.end_time_unix_nano - span.start_time_unix_nano)), "dim")


def _failed(span: Span) -> Piece | None:
    if span.status.code is not StatusCode.ERROR:
        return None
    return piece(text.clip(f"ERROR {span.status.message}".rstrip(), SHORT), "red")
