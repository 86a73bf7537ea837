"""The live tree: the spans of a replay, as far as matching needs them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from timetracer_otel import ports
from timetracer_otel.tree import ENTRY

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

_parents: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_entries: weakref.WeakKeyDictionary[Any, Span] = weakref.WeakKeyDictionary()
_watched: weakref.WeakSet[TracerProvider] = weakref.WeakSet()


class _Watcher(SpanProcessor):
    """Notes each span's parent: the SDK's spans know only its id."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        parent = otel_trace.get_current_span(parent_context)
        if isinstance(parent, ReadableSpan):
            _parents[span] = parent
        elif (session := ports.session.get()) is not None:
            _entries.setdefault(session, span)


def watch(provider: object) -> None:
    """Follow the spans of that provider, once."""
    if isinstance(provider, TracerProvider) and provider not in _watched:
        _watched.add(provider)
        provider.add_span_processor(_Watcher())


def entry_of(session: object) -> Span | None:
    """The entry span of the request that a session answers; ``None`` where none was drawn."""
    return _entries.get(session)


def path_above(span: Any, scopes: tuple[str, ...]) -> tuple[str, ...] | None:
    """Names of the spans above a call, as :meth:`~timetracer_otel.cassette.Cassette.path` has them;
    ``None`` when not known.

    Args:
        span: the call's own span, or the one it is made in.
        scopes: the instrumentation scopes whose spans are the call's own.
    """
    if not isinstance(span, ReadableSpan):
        return None
    scope = span.instrumentation_scope
    if scope is not None and scope.name in scopes:
        span = _parents.get(span)
    names: list[str] = []
    while span is not None:
        parent = _parents.get(span)
        # the entry's own name does not count: a renamed route moves nothing
        names.append(ENTRY if parent is None else span.name)
        span = parent
    return tuple(reversed(names))
