"""In which order an app, OpenTelemetry's instrumentor and ours may come, and what is seen after each."""

from __future__ import annotations

from typing import Final

import msgspec

OURS: Final = "timetracer_otel"
"""The scope of spans of our own, and the package of our wrappers."""

ORDERS: Final[dict[str, tuple[str, ...]]] = {
    "nothing": ("import", "client"),
    "ours, theirs, import": ("ours", "theirs", "import", "client"),
    "theirs, ours, import": ("theirs", "ours", "import", "client"),
    "import, ours, theirs": ("import", "ours", "theirs", "client"),
    "import, theirs, ours": ("import", "theirs", "ours", "client"),
    "ours twice": ("ours", "import", "ours", "theirs", "ours", "client"),
    "ours alone": ("ours", "import", "client"),
    "ours after the client": ("theirs", "import", "client", "ours"),
    "both after the client": ("import", "client", "ours", "theirs"),
    "both after the client, theirs first": ("import", "client", "theirs", "ours"),
    "ours, theirs, theirs undone": ("import", "ours", "theirs", "theirs undone", "client"),
    "theirs, ours, theirs undone": ("import", "theirs", "ours", "theirs undone", "client"),
    "ours, theirs, ours undone": ("import", "ours", "theirs", "ours undone", "client"),
    "theirs, ours, ours undone": ("import", "theirs", "ours", "ours undone", "client"),
    "ours, theirs, undone in order": ("import", "ours", "theirs", "ours undone", "theirs undone", "client"),
    "ours, theirs, undone backwards": ("import", "ours", "theirs", "theirs undone", "ours undone", "client"),
    "ours undone and again": ("import", "ours", "theirs", "ours undone", "ours", "client"),
}
"""Steps by the name of the order; after the last one the library is used."""

REPLAY: Final = "replayed"
STEPS: Final = {**ORDERS, REPLAY: ("import", "ours", "theirs", "client", "replay")}
"""The orders, and one more in which the library is used again, answered from what was recorded."""


def in_force(steps: tuple[str, ...], who: str) -> bool:
    """True when that one's last word was not to undo."""
    words = [step for step in steps if step in (who, f"{who} undone")]
    return bool(words) and words[-1] == who


class Seen(msgspec.Struct, frozen=True):
    """One dependency call, or one inbound request, in a cassette.

    Attributes:
        integration: the integration, or the framework.
        request: its title, without scheme and host.
        scope: the instrumentation scope of the span that carries it.
        answer: the class of the message that answered it.
    """

    integration: str
    request: str
    scope: str
    answer: str


class Facts(msgspec.Struct):
    """What one order led to.

    Attributes:
        results: what the app got, by way of calling.
        recorded: one list a cassette, in the order they began.
        gaps: kinds of gaps in any cassette.
        scopes: how many spans of the library each scope made.
        ours: points that still have a wrapper of ours.
        changed: points beneath whose wrappers there is no longer the library's very own function.
        problems: what was logged.
        replayed: as ``results``, answered from the recording (:data:`REPLAY` only).
    """

    results: dict[str, str]
    recorded: list[list[Seen]]
    gaps: list[str]
    scopes: dict[str, int]
    ours: list[str]
    changed: list[str]
    problems: list[str]
    replayed: dict[str, str] = {}
