"""Flask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.wsgi import WsgiIntegration


class FlaskIntegration(WsgiIntegration):
    """Sees requests where a Flask application is called as a WSGI application."""

    name = "flask"
    oldest = ("flask>=3.0",)
    module = "flask.app"
    class_name = "Flask"

    def points(self) -> Sequence[Point]:
        """The application's ``__call__``, and where it turns an exception into a response."""
        return (
            *super().points(),
            Point("flask.app", "Flask.handle_exception", wrapper=self._exception, optional=True),
        )

    def traced(self, app: Any) -> bool:
        """True where the instrumentation opens the request's span before the app does anything.

        It does so in a function to be called before the request. An app that was instrumented late has
        functions of its own before that; what these call belongs to the request, too.
        """
        if not super().traced(app):
            return False
        opens = getattr(app, "_before_request", None)
        first = next(iter(getattr(app, "before_request_funcs", {}).get(None, ())), None)
        return opens is None or first is None or first is opens

    def route(self, app: Any, environ: dict[str, Any]) -> str | None:
        """The rule that matched."""
        request = environ.get("werkzeug.request")
        return getattr(getattr(request, "url_rule", None), "rule", None)

    def _exception(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        entry = ports.current_entry()
        failed = getattr(entry, "failed", None)
        if failed is not None and args and isinstance(args[0], BaseException):
            safely(failed, args[0])
        return wrapped(*args, **kwargs)
