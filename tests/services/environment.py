"""The environment of processes that tests start."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import Final

DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
EVERYTHING: Final = {DISABLED: ""}
"""What tells the launcher to instrument all that is installed."""


def settings() -> list[str]:
    """The variables of this process that say how something records or replays, but for what the launcher
    leaves alone.
    """
    return [name for name in os.environ if name.startswith(("OTEL_", "TIMETRACER_")) and name != DISABLED]


def without_settings() -> dict[str, str]:
    """This process's environment without those, as a process of a test's own begins with."""
    left_out = settings()
    return {name: value for name, value in os.environ.items() if name not in left_out}


def instrumenting(*libraries: str) -> dict[str, str]:
    """What tells the launcher to instrument these only, as in an environment where nothing else is installed:
    it loads each library that it instruments, and all of them together for longer than a small app lives.
    """
    others = {found.name for found in entry_points(group="opentelemetry_instrumentor")} - set(libraries)
    return {DISABLED: ",".join(sorted(others))}


def instrumenting_the_usual() -> dict[str, str]:
    """The same for the libraries that the small apps of tests use: what is started without a word of its own
    instruments these.
    """
    return instrumenting(
        *("asgi", "django", "fastapi", "flask", "starlette", "wsgi"),
        *("httpx", "requests", "urllib", "urllib3"),
        *("redis", "sqlalchemy", "sqlite3", "threading"),
    )
