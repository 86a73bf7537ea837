"""What timetracer-otel knows of each library, one file a library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cache

from timetracer_otel import nondeterminism, ports
from timetracer_otel.integrations import loading, threads
from timetracer_otel.integrations.base import Wrappable
from timetracer_otel.integrations.credentials import comparing
from timetracer_otel.integrations.known import KNOWN
from timetracer_otel.integrations.loading import ENTRY_POINT_GROUP

__all__ = ["ENTRY_POINT_GROUP", "all_integrations", "families", "install", "load", "uninstall"]

_lock = threading.Lock()


def all_integrations() -> tuple[Wrappable, ...]:
    """One object of every integration there is, ours and those of other packages; loads them all."""
    return (*filter(None, map(loading.load, KNOWN)), *loading.theirs())


def load(name: str) -> Wrappable | None:
    """The one of that name, loaded where it was not; ``None`` where there is none."""
    for known in KNOWN:
        if known.name == name:
            return loading.load(known)
    return next((one for one in loading.theirs() if one.name == name), None)


@cache
def families() -> Mapping[str, str]:
    """The family of the calls of each integration there is, by its name; empty where it makes none.

    Loads none of ours.
    """
    ours = {known.name: known.family for known in KNOWN}
    return ours | {one.name: getattr(one, "family", "") for one in loading.theirs()}


def install() -> None:
    """Wrap every library, now where it is loaded, else when it loads. Again does nothing."""
    with _lock:
        loading.begin()
        _safely("following threads", threads.install)
        _safely("watching the clock and random sources", nondeterminism.install)
        _safely("watching comparisons of credentials", comparing.install)


def uninstall() -> None:
    """Take every wrapper of ours away; everybody else's stay."""
    with _lock:
        loading.end()
        threads.uninstall()
        nondeterminism.uninstall()
        comparing.uninstall()


def _safely(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:  # noqa: BLE001  # what cannot be wrapped must not cost the rest
        ports.report(what, error)
