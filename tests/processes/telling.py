"""What the applications here tell about the process that answers."""

from __future__ import annotations

import os

from timetracer_otel import ports
from timetracer_otel.exporters.recorder import Recorder

PROCESS = "x-process"
WRITTEN = "x-written"


def about_this_process() -> dict[str, str]:
    """Headers: the process, and how many cassettes it has written by now."""
    recorder = ports.process_port()
    written = recorder.outbox.writer.written if isinstance(recorder, Recorder) else 0
    return {PROCESS: str(os.getpid()), WRITTEN: str(written)}
