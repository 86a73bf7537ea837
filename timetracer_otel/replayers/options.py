"""What a replay is told beyond the settings."""

from __future__ import annotations

import msgspec

from timetracer_otel.comparison import Threshold


class ReplayOptions(msgspec.Struct, frozen=True):
    """How recorded requests are sent, and how what comes of them is judged.

    Attributes:
        headers: sent in place of the recorded ones of that name (credentials that were masked).
        threshold: how much slower is too slow; by default no time is.
        update: what is different is accepted: the live outcome replaces the cassette.
    """

    headers: tuple[tuple[str, str], ...] = ()
    threshold: Threshold | None = None
    update: bool = False
