"""Classes between a driver's own and an app's: objects stay of their classes, and ours see what passes."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any


@functools.lru_cache(maxsize=512)
def between(kind: Hashable, ours: Hashable) -> Any:
    """A class like ``kind`` in which ``ours`` stands below what the app has overridden.

    Args:
        kind: the driver's class, or one that the app derived from it.
        ours: derived from the driver's class; calls the app's class makes with ``super()`` arrive there.
    """
    assert isinstance(kind, type), "the cache wants it hashable"
    assert isinstance(ours, type), "as above"
    if issubclass(kind, ours):
        return kind
    bases = (ours,) if issubclass(ours, kind) else (kind, ours)
    namespace: dict[str, Any] = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
    }
    return type(kind.__name__, bases, namespace)
