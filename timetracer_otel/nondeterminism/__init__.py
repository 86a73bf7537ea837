"""Values that cannot repeat: the clock, ``uuid``, ``random``, ``secrets``.

:func:`install` puts a question in front of each of them: who draws values here? The recorder, which
notes the value that the app got (:class:`ValueRecorder`); a replay session, which gives the value that was
recorded (:class:`ValueReplayer`); or nobody, and the call goes on as ever. The answer belongs to the context
(:func:`drawing_from`), so sessions side by side do not share a clock, or to the whole
process (:func:`set_process_source`).

Whose call it is decides too (:mod:`.callers`): OpenTelemetry, asyncio, logging, servers and test
tools always get the real clock.
"""

from __future__ import annotations

from timetracer_otel.nondeterminism import clock, entropy
from timetracer_otel.nondeterminism.importing import Importing, ImportRecorder, ImportReplayer, imported
from timetracer_otel.nondeterminism.recording import Event, ValueRecorder
from timetracer_otel.nondeterminism.replaying import ValueReplayer
from timetracer_otel.nondeterminism.source import (
    CHECKS,
    Draw,
    Fallback,
    ValueSource,
    current_source,
    drawing_from,
    set_process_source,
    undrawn,
)
from timetracer_otel.nondeterminism.starting import StartRecorder, StartReplayer

__all__ = [
    "CHECKS",
    "Draw",
    "Event",
    "Fallback",
    "ImportRecorder",
    "ImportReplayer",
    "Importing",
    "StartRecorder",
    "StartReplayer",
    "ValueRecorder",
    "ValueReplayer",
    "ValueSource",
    "current_source",
    "drawing_from",
    "imported",
    "install",
    "set_process_source",
    "undrawn",
    "uninstall",
]


def install() -> None:
    """Intercept the clock and the random sources of this process; once is enough."""
    entropy.install()
    clock.install()


def uninstall() -> None:
    """Give back what :func:`install` replaced."""
    clock.uninstall()
    entropy.uninstall()
