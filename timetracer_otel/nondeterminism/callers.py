"""Whose call is it? The app's, or a library's that the app uses; or the machinery's around them.

Decided by the module that calls, once a module. Only the former is recorded and replayed: spans, logs,
event loops, servers, connection pools and test tools need the real clock in a replay too.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from types import FrameType
from typing import Final

_MACHINERY: Final = frozenset(
    {
        # what records and replays, and what it is built on
        "timetracer_otel", "opentelemetry", "wrapt",
        # the standard library's own workings
        "asyncio", "_strptime", "concurrent", "http.server", "importlib", "linecache", "logging",
        "multiprocessing", "queue", "sched", "selectors", "socket", "socketserver", "ssl", "subprocess",
        "tempfile", "threading", "wsgiref", "zipfile", "zipimport",
        # servers, loops and logs; werkzeug itself signs and dates for the app, its server does not
        "anyio", "gunicorn", "granian", "h11", "hypercorn", "loguru", "structlog", "uvicorn", "uvloop",
        "waitress", "watchfiles", "werkzeug._internal", "werkzeug._reloader", "werkzeug.serving",
        # makes ObjectIds, which are recorded as such; sessions and requests have random ids of their own
        "bson", "pymongo",
        # deadlines, and threads that serve all calls of a channel
        "grpc",
        # pools outlive the request that grew them
        "asyncpg.pool", "psycopg_pool", "sqlalchemy.pool",
        # test tools
        "_pytest", "coverage", "execnet", "freezegun", "hypothesis", "pluggy", "pytest", "xdist",
    }
)  # fmt: skip

_TRANSPARENT: Final = frozenset(
    {"_pydatetime", "datetime", "email.utils", "random", "secrets", "time_machine", "uuid"}
)
"""Modules that ask on behalf of their caller."""

_MAX_MODULES: Final = 10_000
_SEE_CALLER: Final = ""
_packages: dict[object, str | None] = {}


def machinery(frame: FrameType) -> bool:
    """True when the module that called is known to be machinery: the quick answer, for most calls."""
    try:
        return _packages[frame.f_globals["__name__"]] is None
    except (KeyError, TypeError):
        return False


def package_of(frame: FrameType | None) -> str | None:
    """The top-level package that called, ``None`` when its calls are not the app's."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        try:
            package = _packages[module]
        except KeyError:
            package = _decide(module)
        except TypeError:  # a __name__ that cannot be looked up
            return None
        if package != _SEE_CALLER:
            return package
        frame = frame.f_back
    return None


def transparent(frame: FrameType) -> bool:
    """True for code that asks on behalf of its caller."""
    return package_of_module(frame.f_globals.get("__name__")) == _SEE_CALLER


def package_of_module(module: object) -> str | None:
    """The top-level package of a module, ``None`` for machinery, an empty text for what asks for others."""
    try:
        return _packages[module]
    except KeyError:
        return _decide(module)


def module_name(frame: FrameType) -> str:
    """The module that a frame belongs to; of the program, as it is called when it is imported."""
    module = frame.f_globals.get("__name__")
    if module not in ("__main__", "__mp_main__"):
        return str(module)
    spec = frame.f_globals.get("__spec__")
    return str(spec.name) if spec is not None and spec.name else PurePath(frame.f_code.co_filename).stem


def _decide(module: object) -> str | None:
    if len(_packages) >= _MAX_MODULES:
        _packages.clear()
    package = _packages[module] = _package(module)
    return package


def _package(module: object) -> str | None:
    if module in _TRANSPARENT or not isinstance(module, str) or not module:
        return _SEE_CALLER  # code without a module: generated for its caller
    parts = module.split(".")
    if any(".".join(parts[:count]) in _MACHINERY for count in range(1, len(parts) + 1)):
        return None
    return _main_package() if parts[0] in {"__main__", "__mp_main__"} else parts[0]


def _main_package() -> str:
    """The package of the program: ``python app.py`` now may be ``uvicorn app:app`` tomorrow."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).partition(".")[0]
    file = getattr(main, "__file__", None)
    return PurePath(file).stem if file else "__main__"
