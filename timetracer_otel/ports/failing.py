"""What of ours went wrong in a process: said once, counted, listed as a gap."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter

from timetracer_otel.ports.standing import process_port

logger = logging.getLogger("timetracer_otel")

_reported: set[str] = set()
_failures: Counter[str] = Counter()


def report(where: str, error: BaseException | str) -> None:
    """Say once a place and kind that something of ours went wrong; never raises.

    It is counted each time (:func:`failures`), and listed as a gap of the recording under way here.
    """
    with contextlib.suppress(Exception):
        _failures[where] += 1
    with contextlib.suppress(Exception):
        key = f"{where}:{type(error).__name__}"
        if key not in _reported:
            _reported.add(key)
            text = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error
            logger.warning("timetracer-otel: %s: %s (the app is not affected; said once)", where, text)
            logger.debug("where that came from", exc_info=error if isinstance(error, BaseException) else None)
    with contextlib.suppress(Exception):
        port = process_port()
        if port is not None:
            port.lost(where, type(error).__name__ if isinstance(error, BaseException) else "")


def failures() -> dict[str, int]:
    """How often something of ours went wrong in this process, by place."""
    return dict(_failures)


def forget_failures() -> None:
    """Count from nothing, as a forked child does; what was said is not said again."""
    _failures.clear()
