"""What could not be recorded, as it is listed on the entry span."""

from __future__ import annotations

from typing import Final

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.span import AttributeValue, Span

STRUCTURE_ONLY: Final = "structure only"
"""The kind of gap that says that nothing of a cassette can be replayed."""


class Gap(msgspec.Struct, frozen=True):
    """Something that happened and could not be recorded.

    Attributes:
        kind: what sort of thing, a few words that are the same each time.
        detail: which one, for people.
        span_id: the span it belongs to, where there is one.
    """

    kind: str
    detail: str
    span_id: str = ""

    def value(self) -> AttributeValue:
        """The gap as it is listed on the entry span."""
        return {name: text for name, text in msgspec.structs.asdict(self).items() if text}


def listed_gaps(entry: Span) -> list[Gap]:
    """The gaps that an entry span lists."""
    listed = entry.attributes.get(names.GAPS)
    return [_gap(item) for item in listed] if isinstance(listed, list) else []


def _gap(item: AttributeValue) -> Gap:
    if isinstance(item, dict):
        return Gap(*(str(item.get(field) or "") for field in ("kind", "detail", "span_id")))
    return Gap(str(item), "")
