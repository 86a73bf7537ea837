"""Record real requests of a Python service with everything they said, and replay them anywhere.

Importing this module imports no framework, driver or web library, and changes nothing: names are
loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timetracer_otel.api import install, record, replay, statistics, uninstall
    from timetracer_otel.cassette import Cassette
    from timetracer_otel.exporters.processor import CassetteSpanExporter, CassetteSpanProcessor
    from timetracer_otel.integrations.middleware import AsgiMiddleware, WsgiMiddleware
    from timetracer_otel.launcher.in_code import auto_setup

__version__ = "0.1.0"

__all__ = [
    "AsgiMiddleware",
    "Cassette",
    "CassetteSpanExporter",
    "CassetteSpanProcessor",
    "WsgiMiddleware",
    "__version__",
    "auto_setup",
    "install",
    "record",
    "replay",
    "statistics",
    "uninstall",
]

_HOMES = {
    "AsgiMiddleware": "timetracer_otel.integrations.middleware",
    "Cassette": "timetracer_otel.cassette",
    "CassetteSpanExporter": "timetracer_otel.exporters.processor",
    "CassetteSpanProcessor": "timetracer_otel.exporters.processor",
    "WsgiMiddleware": "timetracer_otel.integrations.middleware",
    "auto_setup": "timetracer_otel.launcher.in_code",
    "install": "timetracer_otel.api",
    "record": "timetracer_otel.api",
    "replay": "timetracer_otel.api",
    "statistics": "timetracer_otel.api",
    "uninstall": "timetracer_otel.api",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
