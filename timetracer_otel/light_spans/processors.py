"""Who sees the spans of a provider."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk import trace as sdk


class OwnProcessor(sdk.SpanProcessor):
    """A processor of ours: its spans may be light."""


class Alone:
    """What the tracers of one provider share.

    Attributes:
        processors: the provider's.
        only: what these were when all of them were ours.
        starts, ends: their methods.
    """

    __slots__ = ("ends", "only", "processors", "starts")

    def __init__(self, processors: Any) -> None:
        self.processors = processors
        self.know()

    def know(self) -> None:
        """The processors that there are now are ours."""
        self.only: tuple[Any, ...] = self.processors._span_processors
        self.starts = [one.on_start for one in self.only]
        unlike = sdk.SpanProcessor.on_end
        self.ends = [one.on_end for one in self.only if type(one).on_end is not unlike]
