"""Arguments of PyMongo's functions, which are given by place or by name."""

from __future__ import annotations

from typing import Any

from timetracer_otel.integrations.base import Invocation


def argument(call: Invocation, at: int, name: str) -> Any:
    """The argument with that name, which may stand at a place."""
    return call.args[at] if len(call.args) > at else call.kwargs[name]
