"""A distributed trace by entry spans: what each process did for one request, apart from the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Final, Protocol, TypeVar

from timetracer_otel import attributes as names
from timetracer_otel.span import Resource, Span, SpanKind

_INBOUND: Final = frozenset({SpanKind.SERVER, SpanKind.CONSUMER})
_OUTBOUND: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
REMOTE_KNOWN: Final = 0x100
REMOTE: Final = 0x200
_PROCESS: Final = (
    "service.namespace",
    "service.name",
    "service.instance.id",
    "host.id",
    "host.name",
    "container.id",
    "k8s.pod.uid",
    "k8s.pod.name",
    "process.pid",
)
"""What tells one process from another."""
_MANY: Final = 2**63


class SpanLike(Protocol):
    """What splitting needs to know of a span; see :class:`~timetracer_otel.span.Span`."""

    @property
    def span_id(self) -> str:
        """Its id."""
        ...

    @property
    def parent_span_id(self) -> str:
        """Its parent's; empty for a root."""
        ...

    @property
    def kind(self) -> int:
        """Its kind, by number."""
        ...

    @property
    def flags(self) -> int:
        """Its flags."""
        ...

    @property
    def start_time_unix_nano(self) -> int:
        """When it began."""
        ...

    @property
    def end_time_unix_nano(self) -> int:
        """When it ended; 0 when it did not."""
        ...


S = TypeVar("S", bound=SpanLike)


def process_of(resource: Resource) -> Hashable:
    """What spans of one process have in common, and those of another have not."""
    attributes = resource.attributes
    said = tuple((name, repr(attributes[name])) for name in _PROCESS if name in attributes)
    return said or tuple(sorted((name, repr(value)) for name, value in attributes.items()))


def split(
    spans: Mapping[str, S], processes: Mapping[str, Hashable], known: Collection[str] = ()
) -> list[list[S]]:
    """The spans of one trace by entry span.

    A span begins a part of its own when its parent is in another process, as far as that can be told: the
    instrumentation says so, their resources differ, or it takes in what its parent sent out. One
    whose parent is missing belongs to the request that its process was working on then, if there was one.

    Args:
        spans: of one trace, by their ids.
        processes: by the same ids, what spans of one process have in common.
        known: ids of spans that were recorded as entries; with its parent missing, such a one is an entry.

    Returns:
        The parts by the start of their entry spans; in each the entry span, then the others by start.
    """
    entries: dict[str, S] = {}
    orphans: list[S] = []
    for span_id, span in spans.items():
        parent_id = span.parent_span_id
        if not parent_id:
            entries[span_id] = span
            continue
        parent, flags = spans.get(parent_id), span.flags
        if parent is span:
            entries[span_id] = span
        elif parent is None:
            if span.kind not in _INBOUND and not flags & REMOTE and span_id not in known:
                orphans.append(span)
            else:
                entries[span_id] = span
        elif flags & REMOTE_KNOWN:
            if flags & REMOTE:
                entries[span_id] = span
        elif processes[span_id] != processes[parent_id] or (
            span.kind in _INBOUND and parent.kind in _OUTBOUND
        ):
            entries[span_id] = span
    adopted = _adopt(orphans, entries, processes)
    parts: dict[str, list[S]] = {span_id: [entry] for span_id, entry in entries.items()}
    part_of = dict(parts)
    for span_id, owner in adopted.items():
        part_of[span_id] = parts[owner]
    for span in _by_start(spans.values()):  # parents mostly come before their children
        span_id = span.span_id
        part = part_of.get(span_id)
        if part is None:
            part = part_of.get(span.parent_span_id)
            if part is None:
                part = _climb(span, spans, part_of, parts)
            else:
                part_of[span_id] = part
        if part[0] is not span:
            part.append(span)
    return sorted(parts.values(), key=_of_entry)


def split_spans(spans: Sequence[Span]) -> list[list[Span]]:
    """:func:`split` for spans that know their resource.

    Args:
        spans: of one trace, each with an id of its own.
    """
    by_resource: dict[int, Hashable] = {}
    processes: dict[str, Hashable] = {}
    for span in spans:
        resource = span.resource
        found = by_resource.get(id(resource))
        if found is None:
            found = by_resource[id(resource)] = process_of(resource)
        processes[span.span_id] = found
    known = {span.span_id for span in spans if names.ENTRY_FRAMEWORK in span.attributes}
    return split({span.span_id: span for span in spans}, processes, known)


_start: Final[Callable[[SpanLike], int]] = attrgetter("start_time_unix_nano")
_order: Final[Callable[[SpanLike], tuple[int, str]]] = attrgetter("start_time_unix_nano", "span_id")


def _by_start(spans: Collection[S]) -> list[S]:
    """The spans by start, those that began at once by their ids."""
    starts = set(map(_start, spans))
    return sorted(spans, key=_start if len(starts) == len(spans) else _order)


def _of_entry(part: Sequence[SpanLike]) -> tuple[int, str]:
    return _order(part[0])


def _adopt(orphans: Sequence[S], entries: dict[str, S], processes: Mapping[str, Hashable]) -> dict[str, str]:
    """For each span whose parent is missing the entry it belongs to; those of none become entries."""
    if not orphans:
        return {}
    at_work: dict[Hashable, list[S]] = {}
    for entry in sorted(entries.values(), key=_order):
        at_work.setdefault(processes[entry.span_id], []).append(entry)
    adopted: dict[str, str] = {}
    for span in orphans:
        before = [
            entry
            for entry in at_work.get(processes[span.span_id], ())
            if entry.start_time_unix_nano <= span.start_time_unix_nano
        ]
        found = [
            entry for entry in before if span.start_time_unix_nano <= (entry.end_time_unix_nano or _MANY)
        ] or (before if len(before) == 1 else [])
        if found:
            adopted[span.span_id] = found[-1].span_id
        else:
            entries[span.span_id] = span
            adopted[span.span_id] = span.span_id
    return adopted


def _climb(
    span: S, by_id: Mapping[str, S], part_of: dict[str, list[S]], parts: dict[str, list[S]]
) -> list[S]:
    """Find the part that a span is in by the spans above it, and note it for all on the way."""
    way = [span.span_id]
    seen = {span.span_id}
    above = span.parent_span_id
    while above not in part_of and above in by_id and above not in seen:
        seen.add(above)
        way.append(above)
        above = by_id[above].parent_span_id
    part = part_of.get(above)
    if part is None:  # parents in a circle: the one they lead to begins a part, cut from its parent
        owner = above if above in by_id else span.span_id
        part = part_of[owner] = parts[owner] = [by_id[owner]]
    for span_id in way:
        part_of[span_id] = part
    return part
