"""Everything that an app can see of an exception, us and OpenTelemetry set aside."""

from __future__ import annotations

import re
from pathlib import PurePath
from types import TracebackType
from typing import Any

_NOT_THE_APPS = re.compile(r"[/\\](timetracer_otel|wrapt|opentelemetry)[/\\]")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+|:\d{4,5}\b")


def seen_error(error: BaseException | None, depth: int = 6) -> Any:
    """Class, text, notes, the functions it passed through, and what it is chained to."""
    if error is None or not depth:
        return None
    return {
        "class": f"{type(error).__module__}.{type(error).__qualname__}",
        "text": _ADDRESS.sub("", str(error)),
        "notes": list(getattr(error, "__notes__", [])),
        "frames": frames(error.__traceback__),
        "cause": seen_error(error.__cause__, depth - 1),
        "context": seen_error(error.__context__, depth - 1),
        "suppressed": error.__suppress_context__,
    }


def frames(trace: TracebackType | None) -> list[str]:
    """The functions of a traceback, from the outermost in."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not _NOT_THE_APPS.search(code.co_filename):
            found.append(f"{PurePath(code.co_filename).name}:{code.co_name}")
        trace = trace.tb_next
    return found
