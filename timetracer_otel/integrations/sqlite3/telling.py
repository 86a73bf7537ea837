"""What an ORM tells each new connection, which is about SQLite and not about data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_telling: ContextVar[bool] = ContextVar("timetracer_telling", default=False)


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """What a connection is asked in here is nobody's call. A replayed one, to memory, answers for itself."""
    token = _telling.set(True)
    try:
        yield
    finally:
        _telling.reset(token)


def is_telling() -> bool:
    """True within :func:`telling`."""
    return _telling.get()
