"""The spans of one trace as cassettes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from timetracer_otel import attributes as names
from timetracer_otel.cassette import STRUCTURE_ONLY, Cassette, Gap
from timetracer_otel.converters.payloads import is_ours, take_over
from timetracer_otel.converters.splitting import REMOTE, REMOTE_KNOWN, SpanLike, split_spans
from timetracer_otel.redaction import KnownSecrets, Redactor
from timetracer_otel.redaction.everywhere import mask_cassette
from timetracer_otel.span import Span, SpanKind

STRUCTURE_ONLY_GAP: Final = Gap(
    STRUCTURE_ONLY,
    "no request and no answer was recorded with these spans: they can be looked at, not replayed",
)
_MAX_GAPS: Final = 1000
_OUTBOUND: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
_INBOUND: Final = frozenset({SpanKind.SERVER, SpanKind.CONSUMER})


def cassettes_of(spans: Sequence[Span], redactor: Redactor | None) -> list[Cassette]:
    """One cassette for each entry span of a trace, with what its process received and called.

    Args:
        spans: all of one trace, of any number of services; they are changed. Of several with one id the
            first is taken.
        redactor: masks secrets in payloads that stand under others' names; ``None`` when masking is off.

    Raises:
        CassetteError: they make no tree, or are nested too deeply.
    """
    secrets: set[str] = set()
    made = [cassette_of(part, redactor, secrets) for part in split_spans(without_repetition(spans))]
    if secrets:
        known = KnownSecrets(secrets)
        for cassette in made:
            mask_cassette(cassette, known)
    return made


def cassette_of(part: Sequence[Span], redactor: Redactor | None, secrets: set[str]) -> Cassette:
    """The cassette of one part of a trace; secrets are masked where their names give them away.

    Args:
        part: the entry span, then the others; they are changed.
        redactor: as above.
        secrets: takes what was masked, to be looked for in all parts.

    Raises:
        CassetteError: they make no tree, or are nested too deeply.
    """
    entry = part[0]
    mark_entry(entry, part)
    cassette = Cassette.from_spans(part, entry_id=entry.span_id)
    ours = any(map(is_ours, part))
    gaps: list[Gap] = []
    taken = calls = 0
    for span in part:
        inbound = span is entry and span.kind in _INBOUND
        # beside calls that were recorded by us, and are numbered, the order is that of time
        index = -1 if ours else calls + 1
        found = take_over(span, inbound=inbound, index=index, redactor=redactor, secrets=secrets)
        if found is not None:
            gaps += found
            taken += 1
            calls += not inbound
    if taken:
        gaps += _calls_without_payload(cassette)
    elif not ours:
        gaps.append(STRUCTURE_ONLY_GAP)
    cassette.add_gaps(gaps[:_MAX_GAPS])
    return cassette


def mark_entry(entry: Span, part: Sequence[SpanLike]) -> None:
    """Have the entry span of a part be found to be that when the cassette is read.

    Args:
        entry: it is changed.
        part: the entry span, then the others.
    """
    if not entry.parent_span_id:
        return
    if any(span.span_id == entry.parent_span_id for span in part):
        entry.parent_span_id = ""  # parents in a circle
    elif any(span.start_time_unix_nano == entry.start_time_unix_nano for span in part[1:]):
        entry.flags |= REMOTE_KNOWN | REMOTE  # else another that began then and lacks its parent would be it


def without_repetition(spans: Sequence[Span]) -> list[Span]:
    """The spans, each once: exporters send again what they think was lost."""
    by_id: dict[str, Span] = {}
    for span in spans:
        by_id.setdefault(span.span_id, span)
    return list(by_id.values())


def _calls_without_payload(cassette: Cassette) -> list[Gap]:
    return [
        Gap("call without a payload", span.name[:200], span.span_id)
        for span in cassette.spans[1:]
        if span.kind in _OUTBOUND
        and names.CALL_INTEGRATION not in span.attributes
        and not _below_a_call(cassette, span)
    ]


def _below_a_call(cassette: Cassette, span: Span) -> bool:
    above = cassette.parent(span)
    while above is not None:
        if names.CALL_INTEGRATION in above.attributes:
            return True
        above = cassette.parent(above)
    return False
