"""The calls that an app makes in a replay, and which of them go out."""

from __future__ import annotations

import enum
import time

import msgspec

from timetracer_otel.cassette import Call
from timetracer_otel.config import Settings
from timetracer_otel.messages import Request
from timetracer_otel.replayers.matching import Grade


class Outcome(enum.StrEnum):
    """What became of a live call."""

    ANSWERED = "answered"
    LIVE = "live"
    MISSED = "missed"


class LiveCall(msgspec.Struct):
    """One call the app made during a replay.

    Attributes:
        path: names of the spans above it, ``None`` when not known.
        lane: the task or thread that made it.
        began: when, by :func:`time.perf_counter_ns`.
        recorded: the recorded call that answered it, and how exactly it matched.
        explanation: why none did.
    """

    integration: str
    title: str
    outcome: Outcome
    writes: bool
    request: Request
    path: tuple[str, ...] | None = None
    lane: int = 0
    began: int = msgspec.field(default_factory=time.perf_counter_ns)
    grade: Grade | None = None
    recorded: Call | None = None
    explanation: str = ""


def is_live(settings: Settings, integration: str, family: str) -> bool:
    """True when the settings leave that integration live in a replay."""
    if integration in settings.live_plugins or family in settings.live_plugins:
        return True
    mocked = settings.mock_plugins
    return bool(mocked) and integration not in mocked and family not in mocked
