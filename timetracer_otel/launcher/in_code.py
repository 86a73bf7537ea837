"""Starting from the app's own code, where nothing can be put in front of its command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

from timetracer_otel import launcher, ports

_INSTRUMENTED: Final = "_is_instrumented_by_opentelemetry"
"""Where the standard instrumentations mark an app."""
_DJANGO: Final = ("django.core.handlers.wsgi", "django.core.handlers.asgi")
_KNOWN: Final = {
    "fastapi.applications": "opentelemetry.instrumentation.fastapi:FastAPIInstrumentor",
    "starlette.applications": "opentelemetry.instrumentation.starlette:StarletteInstrumentor",
    "flask.app": "opentelemetry.instrumentation.flask:FlaskInstrumentor",
    "litestar.app": "",
    "timetracer_otel.integrations.middleware": "",
    "opentelemetry.instrumentation.asgi": "",
    "opentelemetry.instrumentation.wsgi": "",
}
"""Where the classes of applications are, and what draws the spans of their requests; nothing for those
that have it built in, or have none.
"""


def auto_setup(app: Any = None) -> None:
    """Record or replay this process, as ``TIMETRACER_MODE`` and the other settings say.

    One line in the app's own code, for where nothing can be put in front of its command::

        app = FastAPI()
        ...
        timetracer_otel.auto_setup(app)

    In Django it goes into ``settings.py``, with no app, or below the application in ``wsgi.py`` or
    ``asgi.py``. With the mode ``off``, the default, it does nothing. Recording, it sets a tracer provider
    if there is none, and has the standard instrumentation draw the spans of the app's requests if that is
    installed and does not already. Again, or below ``timetracer-otel record``, it changes nothing more.

    What goes wrong is said in one line. Recording, the app then runs unrecorded; in replay the process
    ends with status 2: it would go live.

    Args:
        app: an application of FastAPI, Starlette, Flask, Django or Litestar; of another framework, within
            :class:`~timetracer_otel.AsgiMiddleware` or :class:`~timetracer_otel.WsgiMiddleware`.
    """
    launcher.start()
    if not launcher.started():
        return
    try:
        _instrument(app)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("instrumenting the app", error)


def _instrument(app: Any) -> None:
    modules = [kind.__module__ for kind in type(app).__mro__]
    if any(module in _DJANGO for module in modules) or (app is None and "django" in sys.modules):
        _instrument_django(app)
        return
    if app is None:
        return
    module = next((module for module in modules if module in _KNOWN), None)
    if module is None:
        ports.report(
            "instrumenting the app",
            f"{type(app).__module__}.{type(app).__qualname__} is of no framework that is known here, so its"
            " requests are not seen: wrap it in timetracer_otel.AsgiMiddleware or WsgiMiddleware",
        )
        return
    instrumentor = _load(_KNOWN[module])
    if instrumentor is not None and not getattr(app, _INSTRUMENTED, False) and not _traces_itself(app):
        # after its first request an app takes no more middleware: our own span stands in for theirs
        instrumentor.instrument_app(app)
        _before_all_else(app)


def _before_all_else(app: Any) -> None:
    """Flask's instrumentation opens the request's span in a function to be called before the request: before
    those that the app registered, which belong to the request.
    """
    functions = getattr(app, "before_request_funcs", {}).get(None, [])
    opens = getattr(app, "_before_request", None)
    if opens in functions:
        functions.remove(opens)
        functions.insert(0, opens)


def _traces_itself(app: Any) -> bool:
    """FastAPI has telemetry of its own, which a provider switches on."""
    native = getattr(app, "_native_telemetry", None)
    return native is not None and bool(native.enabled())


def _instrument_django(handler: Any) -> None:
    instrumentor = _load("opentelemetry.instrumentation.django:DjangoInstrumentor")
    if instrumentor is None or instrumentor().is_instrumented_by_opentelemetry:
        return
    instrumentor().instrument(skip_dep_check=True)
    if handler is not None:  # it has read its middleware already
        handler.load_middleware(is_async=hasattr(handler, "handle"))


def _load(name: str) -> Any:
    """The instrumentor, if its package is installed."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, ValueError):
        return None
