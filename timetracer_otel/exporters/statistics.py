"""What a recorder wrote, and what it lost."""

from __future__ import annotations

import logging

import msgspec


class Statistics(msgspec.Struct, frozen=True):
    """Counts since the process began to record. A forked child counts from nothing.

    Attributes:
        written: cassettes that are in the store.
        not_kept: traces left out on purpose: a start-up that called nobody, one without an error where
            only those are wanted.
        waiting: traces that are finished and not yet written.
        failed: traces that could not be written: a full disk, a folder that is read-only.
        dropped: traces given up because the disk, or the end of their spans, was too long in coming.
        cut: payloads left out because too many bytes were waiting, or of one trace: a gap where they belong.
        faults: how often something of ours went wrong, by place; each place was logged once.
    """

    written: int = 0
    not_kept: int = 0
    waiting: int = 0
    failed: int = 0
    dropped: int = 0
    cut: int = 0
    faults: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Traces of which there is no cassette though there should be one."""
        return self.failed + self.dropped

    @property
    def level(self) -> int:
        """How loudly to say so: a warning where something was lost."""
        return logging.WARNING if self.lost or self.cut or self.faults else logging.INFO

    def __str__(self) -> str:
        """One line, without what is zero."""
        counts = {
            "failed": self.failed,
            "dropped": self.dropped,
            "waiting": self.waiting,
            "not kept": self.not_kept,
            "cut": self.cut,
        }
        parts = [
            f"{self.written} cassette{'' if self.written == 1 else 's'} written",
            *(f"{count} {name}" for name, count in counts.items() if count),
            *(f"{where} ({count} times)" for where, count in sorted(self.faults.items())),
        ]
        return "; ".join(parts)
