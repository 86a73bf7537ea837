"""How an application under load is prepared: by its environment, as the test wants it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from timetracer_otel import ports
from timetracer_otel.exporters import assembler, writer
from timetracer_otel.exporters.recorder import Recorder

REMEMBERED = "LOAD_REMEMBERED"
"""Written traces that are remembered, in place of what is ordinary: so that the number is soon reached."""
QUEUED = "LOAD_QUEUED"
"""The same for traces that wait to be written."""
BLOCKED = "LOAD_BLOCKED"
"""The disk is stuck from the start until this file is there."""


class BlockedStore:
    """A folder on a disk that does not answer."""

    def __init__(self, store: Any, until: Path) -> None:
        self._store = store
        self._until = until
        self._pause = threading.Event()

    def add(self, cassette: Any) -> Any:
        """Write it, once the disk answers."""
        while not self._until.exists():
            self._pause.wait(0.05)
        return self._store.add(cassette)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def prepare() -> None:
    """Do as the environment says."""
    if REMEMBERED in os.environ:
        assembler.MAX_REMEMBERED = int(os.environ[REMEMBERED])
    if QUEUED in os.environ:
        writer.MAX_QUEUED = int(os.environ[QUEUED])
    recorder = ports.process_port()
    if BLOCKED in os.environ and isinstance(recorder, Recorder):
        recorder.outbox.store = BlockedStore(recorder.outbox.store, Path(os.environ[BLOCKED]))  # type: ignore[assignment]
