"""Everything that an app can see of an exception, us and OpenTelemetry set aside."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
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


def attempt(call: Callable[[], Any]) -> Any:
    """What it returns, or everything that can be seen of what it raises."""
    try:
        return call()
    except Exception as error:
        return seen_error(error)


async def attempt_async(awaitable: Awaitable[Any]) -> Any:
    """As :func:`attempt`."""
    try:
        return await awaitable
    except Exception as error:
        return seen_error(error)


class OwnError(Exception):
    """The app's own."""
