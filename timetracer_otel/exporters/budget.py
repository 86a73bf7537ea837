"""How much memory may hold what is not yet written."""

from __future__ import annotations

from timetracer_otel.exporters import native


class Budget:
    """Bytes of all traces that are under way or wait to be written: about what they hold, each counted by
    whoever keeps it, and given back once it is written or dropped.

    Args:
        limit: bytes of all traces together.
        trace_limit: bytes of the payloads of one.

    Attributes:
        held: bytes counted now.
        refused: payloads for which there was no room.
    """

    __slots__ = ("_limit", "_lock", "held", "refused", "trace_limit")

    def __init__(self, limit: int, trace_limit: int) -> None:
        self._limit = limit
        self.trace_limit = trace_limit
        self.reset()

    def reset(self) -> None:
        """In a forked child: what is held is the parent's."""
        self._lock = native.RLock()
        self.held = 0
        self.refused = 0

    def take(self, size: int, *, under_way: bool = False) -> bool:
        """Count so many bytes more; false when that is more than there may be.

        Args:
            size: bytes.
            under_way: a trace holds them that may go on for days: half of all room is left for others.
        """
        limit = self._limit // 2 if under_way else self._limit
        with self._lock:
            if self.held + size > limit:
                return False
            self.held += size
            return True

    def add(self, size: int) -> None:
        """Count so many bytes more whether there is room or not."""
        with self._lock:
            self.held += size

    def give(self, size: int) -> None:
        """So many bytes are held no longer."""
        with self._lock:
            self.held -= size

    def refuse(self) -> None:
        """A payload is not kept."""
        with self._lock:
            self.refused += 1

    @property
    def crowded(self) -> bool:
        """A good part of it is taken: time to write."""
        return self.held > self._limit // 8
