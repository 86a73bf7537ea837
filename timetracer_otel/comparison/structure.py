"""A trace without payloads as it is compared: who was called, as its spans say in OpenTelemetry's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.findings import Finding
from timetracer_otel.comparison.parts import Words
from timetracer_otel.comparison.runs import TITLE, Made, Run
from timetracer_otel.messages import HttpRequest, SqlStatement
from timetracer_otel.span import Attributes, Span, SpanKind

_OUTBOUND: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
_METHODS: Final = (names.HTTP_REQUEST_METHOD, "http.method")
_URLS: Final = (names.URL_FULL, "http.url")
_STATEMENTS: Final = (names.DB_QUERY_TEXT, "db.statement")
_SYSTEMS: Final = (names.DB_SYSTEM_NAME, "db.system", "rpc.system", "messaging.system")


def structural_run(cassette: Cassette) -> Run:
    """The calls of a recording or a trace by their spans alone: one for each that leaves the process."""
    return Run(
        calls=[_made(cassette, span) for span in cassette.spans[1:] if _is_call(cassette, span)],
        took=cassette.duration or None,
    )


def structural_findings(first: Cassette, second: Cassette, words: Words) -> Iterator[Finding]:
    """What is to be said of a comparison by structure alone."""
    yield Finding("loose", "by structure only: not both hold what was asked and answered", fails=False)
    was, now = first.status, second.status
    if was is not None and now is not None and was != now:
        yield Finding("response", f"response status: {words[0]} {was}, {words[1]} {now}")


def _is_call(cassette: Cassette, span: Span) -> bool:
    """It leaves the process, and is not part of another that does: drivers have spans below those of ORMs."""
    if not _leaves(span):
        return False
    above = cassette.parent(span)
    while above is not None and above is not cassette.entry:
        if _leaves(above):
            return False
        above = cassette.parent(above)
    return True


def _leaves(span: Span) -> bool:
    return span.kind in _OUTBOUND or names.CALL_INTEGRATION in span.attributes


def _made(cassette: Cassette, span: Span) -> Made:
    attributes = span.attributes
    method, url = _first(attributes, _METHODS), _first(attributes, _URLS)
    statement, system = _first(attributes, _STATEMENTS), _first(attributes, _SYSTEMS)
    writes = False
    if method:
        title = f"{method} {url.partition('?')[0]}" if url else f"{method} {span.name}"
        writes = HttpRequest(method, url).writes
    elif statement:
        title, writes = statement, SqlStatement(statement).writes
    else:
        title = span.name
    ended = span.end_time_unix_nano
    return Made(
        request=None,
        title=title[:TITLE],
        family="http" if method else system or "call",
        integration=str(attributes.get(names.CALL_INTEGRATION, "")),
        writes=writes,
        path=cassette.path(span),
        began=span.start_time_unix_nano - cassette.started,
        took=ended - span.start_time_unix_nano if ended else None,
    )


def _first(attributes: Attributes, options: tuple[str, ...]) -> str:
    return next((value for name in options if isinstance(value := attributes.get(name), str)), "")
