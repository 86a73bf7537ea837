"""Django's instrumentation, loaded when Django is.

It imports Django, and with it objects that read the settings whenever anybody asks for their class. In a
process that has Django installed and does not use it there are no settings, and who asks all objects fails:
gevent does, as it patches a process. (By itself the instrumentation would make empty settings, and a Django
app that makes its own later would be refused.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from timetracer_otel import ports

_HANDLERS = "django.core.handlers.base"
_OVER_ASGI = "django.core.handlers.asgi"
"""Imports the other one, and the instrumentation takes a name from it that is not there by then."""


def load_django_later() -> None:
    """Have the launcher put off what it would do for Django until the app imports what handles requests."""
    wrapt.wrap_function_wrapper("opentelemetry.instrumentation.distro", "BaseDistro.load_instrumentor", _load)


def _load(wrapped: Callable[..., None], distro: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    point = args[0] if args else kwargs.get("entry_point")
    if getattr(point, "name", None) != "django" or _HANDLERS in sys.modules:
        wrapped(*args, **kwargs)
        return

    done = False

    def now(_: ModuleType) -> None:
        nonlocal done
        over_asgi = sys.modules.get(_OVER_ASGI)
        if done or (over_asgi is not None and not hasattr(over_asgi, "ASGIRequest")):
            return
        done = True
        try:
            wrapped(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the app's import, not the launcher, would get it
            ports.report("loading Django's instrumentation", error)

    wrapt.register_post_import_hook(now, _HANDLERS)
    wrapt.register_post_import_hook(now, _OVER_ASGI)
