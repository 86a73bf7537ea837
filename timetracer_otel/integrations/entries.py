"""What the framework integrations share: reporting an inbound request without ever failing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError

P = ParamSpec("P")
T = TypeVar("T")


def safely(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call something of ours; what it raises is reported once and goes no further."""
    try:
        return call(*args, **kwargs)
    except ReplayError:
        raise
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("recording a request", error)
        return None
