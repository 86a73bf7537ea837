"""What aiokafka's producers make of a key and a value, seen where they make it.

The serializers are the app's: they are asked once, by the producer, and what they raise is the app's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from timetracer_otel.integrations.entries import safely


class Serializing:
    """One record on its way.

    Args:
        once: a serializer that was asked is not asked again: a replay has asked it to know the record.

    Attributes:
        given: what its key and its value have become, by those names.
        refused: a serializer raised.
    """

    __slots__ = ("_once", "given", "refused")

    def __init__(self, *, once: bool = False) -> None:
        self._once = once
        self.given: dict[str, Any] = {}
        self.refused = False

    def ask(self, name: str, serializer: Callable[[Any], Any], value: Any) -> Any:
        """Have the app's serializer do it."""
        if self._once and name in self.given:
            return self.given[name]
        self.refused = True
        self.given[name] = made = serializer(value)
        self.refused = False
        return made


under_way: ContextVar[Serializing | None] = ContextVar("timetracer_serializing", default=None)
"""The record that this task sends."""


class _Producer:
    """A producer, whose serializers are watched."""

    def __init__(self, producer: Any, sending: Serializing) -> None:
        self._producer = producer
        for name in ("key", "value"):
            serializer = getattr(producer, f"_{name}_serializer")
            watched = None if serializer is None else functools.partial(sending.ask, name, serializer)
            setattr(self, f"_{name}_serializer", watched)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)


def serialize(wrapped: Any, producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A wrapt wrapper of a producer's own way to do it."""
    sending = under_way.get()
    watched = None if sending is None else safely(_Producer, producer, sending)
    return wrapped(*args, **kwargs) if watched is None else wrapped.__func__(watched, *args, **kwargs)
