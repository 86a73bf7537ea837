"""ObjectIds that clients make: they are of the time, the process and a counter in it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.nondeterminism import Draw, Fallback, source

_CLIENTS_OWN: Final = frozenset({"monitor", "mongo_client", "pool", "server", "settings", "topology"})
"""Modules of PyMongo that name clients and topologies by ObjectIds, which no server gets to see."""


class NewObjectId(Draw[bytes]):
    """The twelve bytes of a new ObjectId."""

    __slots__ = ("_made", "_make")

    def __init__(self, package: str, made: Any, make: Callable[[], Any]) -> None:
        super().__init__(f"bson.ObjectId@{package}")
        self._made = made
        self._make = make

    def live(self) -> bytes:
        """A new one."""
        self._make()
        return bytes(self._made.binary)

    def invent(self, fallback: Fallback) -> bytes:
        """One of the session's time, the rest of the seeded generator."""
        return int(fallback.time_ns() // 10**9).to_bytes(4, "big") + fallback.random.randbytes(8)

    def restore(self, noted: object) -> bytes:
        """The bytes that were noted."""
        if type(noted) is not bytes or len(noted) != 12:
            raise ValueError(f"not an ObjectId: {noted!r}")
        return noted


def drawing(initialise: Callable[..., None]) -> Callable[..., None]:
    """``ObjectId.__init__`` that draws new ObjectIds from the context.

    Every ObjectId that is decoded comes by here: it must cost next to nothing.
    """

    @functools.wraps(initialise)
    def __init__(self: Any, oid: Any = None) -> None:  # noqa: N807  # it becomes that method
        if oid is not None:
            initialise(self, oid)
            return
        try:
            draw = None if source.idle() else _draw(self, initialise, sys._getframe(1))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("pymongo: drawing an ObjectId", error)
            draw = None
        initialise(self, None if draw is None else draw())

    return __init__


def _draw(made: Any, initialise: Callable[..., None], frame: FrameType) -> Callable[[], bytes] | None:
    """How to draw the bytes; ``None``: nobody draws values here, or not this one."""
    found = source.current_source()
    package = None if found is None else _package(frame)
    if found is None or package is None:
        return None
    return functools.partial(found.draw, NewObjectId(package, made, functools.partial(initialise, made)))


def _package(frame: FrameType) -> str | None:
    """Who wants an ObjectId; ``None``: the client itself."""
    package, _, rest = str(frame.f_globals.get("__name__", "")).partition(".")
    own = package == "pymongo" and rest.rpartition(".")[2] in _CLIENTS_OWN
    return None if own else package
