"""Copies of values that later changes by the app cannot reach."""

from __future__ import annotations

from typing import Any, Final

from timetracer_otel.values.registry import (
    CONTAINERS,
    MAX_CONTAINERS,
    MAX_DEPTH,
    Kind,
    TooLargeError,
    Unsupported,
    by_type,
    simplify,
    unsupported_value,
)

_IMMUTABLE: Final = frozenset({str, bytes, int, bool, float, type(None)})


def copy(value: Any) -> Any:
    """The value itself where it cannot change, else a copy; never raises."""
    try:
        return _Copier().copy(value, 0)
    except Exception as error:  # noqa: BLE001  # too large, or changed by another thread meanwhile
        reason = str(error) if isinstance(error, TooLargeError) else type(error).__name__
        return unsupported_value(value, f"<{reason}>")


class _Copier:
    __slots__ = ("containers", "path")

    def __init__(self) -> None:
        self.path: set[int] = set()
        self.containers = 0

    def copy(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _IMMUTABLE or kind is Unsupported:
            return value
        if kind in CONTAINERS:
            return self._container(kind, value, depth)
        known = by_type.get(kind)
        if known is None:
            known, value = simplify(value)
        return self.copy(value, depth) if known is None else self._registered(known, value)

    def _container(self, kind: type, value: Any, depth: int) -> Any:
        self.containers += 1
        if self.containers > MAX_CONTAINERS:
            raise TooLargeError(f"more than {MAX_CONTAINERS:,} containers")
        if depth > MAX_DEPTH:
            return unsupported_value(value, f"<nested deeper than {MAX_DEPTH}>")
        key = id(value)
        if key in self.path:
            return unsupported_value(value, "<contains itself>")
        self.path.add(key)
        try:
            below = depth + 1
            if kind is dict:
                if _IMMUTABLE.issuperset(map(type, value)) and _IMMUTABLE.issuperset(
                    map(type, value.values())
                ):
                    return value.copy()
                return {self.copy(k, below): self.copy(v, below) for k, v in list(value.items())}
            if _IMMUTABLE.issuperset(map(type, value)):
                return value if kind is tuple else kind(value)
            items = [self.copy(item, below) for item in list(value)]
            return items if kind is list else kind(items)
        finally:
            self.path.discard(key)

    def _registered(self, known: Kind, value: Any) -> Any:
        return value if known.copy is None else known.copy(value)
