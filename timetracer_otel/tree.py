"""The tree that a list of spans draws: which one is the entry, what lies below what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final, Protocol

from timetracer_otel import attributes as names
from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.span import Span, SpanKind

ENTRY: Final = ""
"""What stands for the entry span in a path, so that a renamed route changes no path."""

_NOISE: Final = "asgi.event.type"
_INBOUND: Final = (SpanKind.SERVER, SpanKind.CONSUMER)
_REMOTE_PARENT: Final = 0x200
"""``SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`` of trace.proto."""
_MAX_DEPTH: Final = 1000
_MAX_DEPTHS: Final = 5_000_000
"""All depths together: so many names are in the paths of a cassette's spans."""


class HasParent(Protocol):
    """What a tree is made by."""

    @property
    def parent_span_id(self) -> str:
        """The id of the span above; empty for a root."""
        ...


class SpanTree:
    """The spans of one cassette by their parents. A span whose parent is missing (it was not
    recorded, or the work was started without a context) counts as a child of the entry.

    Args:
        spans: at least one, in any order.
        entry_id: the span id of the entry; by default the best of the local roots.

    Raises:
        CassetteFormatError: no spans, two with one id, parents in a circle, or no such entry.
        CassetteLimitError: nested more than a thousand deep.
    """

    def __init__(self, spans: Sequence[Span], entry_id: str | None = None) -> None:
        if not spans:
            raise CassetteFormatError("there are no spans in it")
        by_id = {span.span_id: span for span in spans}
        if len(by_id) != len(spans):
            raise CassetteFormatError(f"two of its {len(spans)} spans have the same span id")
        check_depth(by_id)
        self._by_id = by_id
        self.entry = _choose_entry(by_id) if entry_id is None else _find(by_id, entry_id)
        rest = [span for span in spans if span is not self.entry]
        rest.sort(key=_order)
        self.spans = [self.entry, *rest]
        self._children: dict[str, list[Span]] | None = None

    def find(self, span_id: str) -> Span | None:
        """The span of that id."""
        return self._by_id.get(span_id)

    def parent(self, span: Span) -> Span | None:
        """The span above; ``None`` for the entry."""
        if span is self.entry:
            return None
        return self._by_id.get(span.parent_span_id, self.entry)

    def children(self, span_id: str) -> list[Span]:
        """The spans directly below, by start."""
        if self._children is None:
            self._children = {}
            for span in self.spans[1:]:
                parent = self._by_id.get(span.parent_span_id, self.entry)
                self._children.setdefault(parent.span_id, []).append(span)
        return list(self._children.get(span_id, ()))

    def path(self, span: Span) -> tuple[str, ...]:
        """The names of the spans above, from the entry (as :data:`ENTRY`) down; ``()`` for the
        entry itself. Spans that stand for one message of the ASGI protocol are left out.
        """
        path: list[str] = []
        above = self.parent(span)
        while above is not None and above is not self.entry:
            if _NOISE not in above.attributes:
                path.append(above.name)
            above = self.parent(above)
        if above is not None:
            path.append(ENTRY)
        return tuple(reversed(path))


_order: Final[Callable[[Span], tuple[int, str]]] = attrgetter("start_time_unix_nano", "span_id")
"""By start; of those that began at the same time, by id."""


def _find(by_id: dict[str, Span], entry_id: str) -> Span:
    entry = by_id.get(entry_id)
    if entry is None:
        raise CassetteFormatError(f"its entry span {entry_id} is missing")
    return entry


def _choose_entry(by_id: dict[str, Span]) -> Span:
    """Of the spans without a parent here: one recorded as an entry, else the first that took a
    request or a message in, else the first. Of several that began at once one is taken whose parent is not
    missing: it has none, or is known to have it in another process.
    """
    roots = [span for span in by_id.values() if span.parent_span_id not in by_id]
    if len(roots) == 1:
        return roots[0]
    return min(
        roots,
        key=lambda span: (
            names.ENTRY_FRAMEWORK not in span.attributes,
            span.kind not in _INBOUND,
            span.start_time_unix_nano,
            bool(span.parent_span_id) and not span.flags & _REMOTE_PARENT,
            span.span_id,
        ),
    )


def check_depth(by_id: Mapping[str, HasParent]) -> None:
    """Refuse circles, and trees so deep that walking up from every span would take for ever.

    Args:
        by_id: the spans, by their ids.

    Raises:
        CassetteFormatError: parents in a circle.
        CassetteLimitError: nested more than a thousand deep, or deep and very many.
    """
    # only spans with others below them can be in a circle, and few have any
    above_others = {span.parent_span_id for span in by_id.values()} & by_id.keys()
    if len(above_others) == 1 and len(by_id) < _MAX_DEPTHS // 2:
        (root,) = above_others
        if by_id[root].parent_span_id not in by_id:
            return  # all others are directly below it
    depths: dict[str, int] = {}
    for span_id in above_others:
        if span_id in depths:
            continue
        climbed = [span_id]
        above = by_id[span_id].parent_span_id
        while above not in depths and above in by_id:
            climbed.append(above)
            if len(climbed) > len(by_id):
                raise CassetteFormatError(f"span {above} is below itself")
            above = by_id[above].parent_span_id
        depth = depths.get(above, 0)
        for climbed_id in reversed(climbed):
            depth += 1
            depths[climbed_id] = depth
    deepest = max(depths.values(), default=0) + 1  # below the deepest of them there is another
    if deepest > _MAX_DEPTH:
        raise CassetteLimitError(f"spans nested more than {_MAX_DEPTH} deep")
    if deepest * len(by_id) > _MAX_DEPTHS:
        total = sum(depths.get(span.parent_span_id, 0) + 1 for span in by_id.values())
        if total > _MAX_DEPTHS:
            raise CassetteLimitError(
                f"{len(by_id)} spans, nested {deepest} deep: more than anybody would replay"
            )
