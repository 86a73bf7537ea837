"""The calls that an app makes in a replay, and which of them go out."""

from __future__ import annotations

import enum
import threading
import time
from types import TracebackType

import msgspec

from timetracer_otel.cassette import Call
from timetracer_otel.config import Settings
from timetracer_otel.integrations import families
from timetracer_otel.messages import Request
from timetracer_otel.replayers.matching import Grade


class Outcome(enum.StrEnum):
    """What became of a live call."""

    ANSWERED = "answered"
    LIVE = "live"
    MISSED = "missed"


class UnderWay:
    """True while something goes on within it, in whichever threads."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._count -= 1

    def __bool__(self) -> bool:
        return self._count > 0


class LiveCall(msgspec.Struct):
    """One call the app made during a replay.

    Attributes:
        path: names of the spans above it, ``None`` when not known.
        lane: the task or thread that made it.
        began: when, by :func:`time.perf_counter_ns`.
        recorded: the recorded call that answered it, and how exactly it matched.
        explanation: why none did.
        elsewhere: the name of another cassette that asked this, where this one did not; with what is to be
            said of it where nothing answered it.
    """

    integration: str
    outcome: Outcome
    request: Request
    path: tuple[str, ...] | None = None
    lane: int = 0
    began: int = msgspec.field(default_factory=time.perf_counter_ns)
    grade: Grade | None = None
    recorded: Call | None = None
    explanation: str = ""
    elsewhere: str = ""

    @property
    def title(self) -> str:
        """What it asked, on one line."""
        return self.request.title()[:500]

    @property
    def writes(self) -> bool:
        """It changes something in the world."""
        return self.request.writes


def is_live(settings: Settings, integration: str, family: str) -> bool:
    """True when the settings leave that integration live in a replay.

    Calls may be of another family than their library (what Kafka is asked beside records is calls of
    functions): it is named by its own as well.
    """
    if not settings.live_plugins and not settings.mock_plugins:
        return False
    named = {integration, family, families().get(integration) or family}
    if not named.isdisjoint(settings.live_plugins):
        return True
    return bool(settings.mock_plugins) and named.isdisjoint(settings.mock_plugins)
