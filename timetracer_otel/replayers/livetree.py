"""The live tree: the spans of a replay, as far as matching needs them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from timetracer_otel import ports
from timetracer_otel.light_spans import LightSpan, OwnProcessor, TraceIds, lighten
from timetracer_otel.tree import ENTRY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from timetracer_otel.cassette import Cassette

_ENTRIES = (otel_trace.SpanKind.SERVER, otel_trace.SpanKind.CONSUMER)
_parents: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_entries: weakref.WeakKeyDictionary[Any, Span] = weakref.WeakKeyDictionary()
_watched: weakref.WeakSet[TracerProvider] = weakref.WeakSet()


class _Watcher(OwnProcessor):
    """Notes each span's parent: the SDK's spans know only its id."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        parent = otel_trace.get_current_span(parent_context)
        if isinstance(parent, ReadableSpan):
            if isinstance(span, LightSpan):
                span.above = parent
            else:
                _parents[span] = parent
        elif (session := ports.session.get()) is not None:
            _entries.setdefault(session, span)


class _RecordedIds(TraceIds):
    """Gives the trace of a replayed request the id of the recorded one: an app may answer it, or send
    it on.
    """

    def generate_trace_id(self) -> int:
        session = ports.session.get()
        recorded = None if session is None or session in _entries else _trace_id_of(session)
        return self.other.generate_trace_id() if recorded is None else recorded


def _trace_id_of(session: Any) -> int | None:
    """The trace id of the cassette that a session replays; ``None`` where the live trace is exported: a
    backend would take both for one.
    """
    cassettes: Sequence[Cassette] = getattr(session, "cassettes", [])
    if len(cassettes) != 1 or session.settings.export_replay:
        return None
    try:
        return int(cassettes[0].entry.trace_id, 16) or None
    except ValueError:
        return None


def watch(provider: object) -> None:
    """Follow the spans of that provider, once; they are light where nobody else does."""
    if not isinstance(provider, TracerProvider):
        return
    if provider not in _watched:
        _watched.add(provider)
        provider.add_span_processor(_Watcher())
        provider.id_generator = _RecordedIds(provider.id_generator)  # type: ignore[assignment]  # declared as its default
    try:
        lighten(provider)
    except Exception as error:  # noqa: BLE001  # an SDK that is not known draws its own
        ports.report("following a tracer provider", error)


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
        span = _parent(span)
    names: list[str] = []
    while span is not None:
        parent = _parent(span)
        # the entry's own name does not count: a renamed route moves nothing
        if parent is not None or span.kind not in _ENTRIES:
            names.append(span.name)
        span = parent
    # where nothing draws a span for the request itself (Litestar), it is there all the same
    return (ENTRY, *reversed(names))


def _parent(span: Any) -> Any:
    return span.above if isinstance(span, LightSpan) else _parents.get(span)
