"""Speedscope's file format (https://www.speedscope.app/file-format-schema.json): one profile for each row
of a cassette, in which spans open and close.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from timetracer_otel import __version__
from timetracer_otel.cassette import Cassette
from timetracer_otel.outputs.rows import Placed, placed

_SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"


def document(cassettes: Sequence[Cassette]) -> dict[str, Any]:
    """One document of several cassettes."""
    frames: dict[str, int] = {}
    profiles: list[dict[str, Any]] = []
    for cassette in cassettes:
        spans = placed(cassette)
        for row in range(max(one.row for one in spans) + 1):
            name = cassette.title if row == 0 else f"{cassette.title}, beside it {row}"
            profiles.append(_profile(name, [one for one in spans if one.row == row], cassette, frames))
    return {
        "$schema": _SCHEMA,
        "name": cassettes[0].title if len(cassettes) == 1 else f"{len(cassettes)} cassettes",
        "exporter": f"timetracer-otel {__version__}",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": profiles,
    }


def _profile(name: str, spans: list[Placed], cassette: Cassette, frames: dict[str, int]) -> dict[str, Any]:
    began = cassette.started
    events: list[dict[str, Any]] = []
    open_ones: list[Placed] = []

    def close_until(moment: int | None) -> None:
        while open_ones and (moment is None or open_ones[-1].end <= moment):
            ended = open_ones.pop()
            events.append({"type": "C", "frame": frames[ended.span.name], "at": ended.end - began})

    for one in spans:
        close_until(one.start)
        events.append(
            {"type": "O", "frame": frames.setdefault(one.span.name, len(frames)), "at": one.start - began}
        )
        open_ones.append(one)
    close_until(None)
    return {
        "type": "evented",
        "name": name,
        "unit": "nanoseconds",
        "startValue": events[0]["at"],
        "endValue": events[-1]["at"],
        "events": events,
    }
