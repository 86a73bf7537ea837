"""Applications of no framework: seen by a middleware, ours or OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from timetracer_otel.integrations.asgi import App, AsgiIntegration, Message, Receive, Send
from timetracer_otel.integrations.wsgi import StartResponse, WsgiIntegration

_INSTRUMENTATION = "opentelemetry.instrumentation."


class AsgiMiddlewareIntegration(AsgiIntegration):
    """Sees requests where OpenTelemetry's ASGI middleware is called, if no framework did before."""

    name = "asgi"
    module = "opentelemetry.instrumentation.asgi"
    class_name = "OpenTelemetryMiddleware"

    def traced(self, app: Any) -> bool:
        """True for OpenTelemetry's middleware, also right below ours."""
        return _is_theirs(app) or _is_theirs(getattr(app, "app", None))


class WsgiMiddlewareIntegration(WsgiIntegration):
    """Sees requests where OpenTelemetry's WSGI middleware is called, if no framework did before."""

    name = "wsgi"
    module = "opentelemetry.instrumentation.wsgi"
    class_name = "OpenTelemetryMiddleware"

    def traced(self, app: Any) -> bool:
        """True for OpenTelemetry's middleware, also right below ours."""
        return _is_theirs(app) or _is_theirs(getattr(app, "app", None))


def _is_theirs(app: Any) -> bool:
    return type(app).__module__.startswith(_INSTRUMENTATION)


_asgi = AsgiMiddlewareIntegration()
_wsgi = WsgiMiddlewareIntegration()


class AsgiMiddleware:
    """Shows the requests of an ASGI application to timetracer-otel.

    For applications of no framework, or of one that is not known here: ``app = AsgiMiddleware(app)``.
    Does nothing while the process neither records nor replays.

    Args:
        app: an ASGI 3 application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a connection on to the application."""
        await _asgi.serve(self.app, self, (scope, receive, send), {})


class WsgiMiddleware:
    """Shows the requests of a WSGI application to timetracer-otel.

    For applications of no framework, or of one that is not known here: ``app = WsgiMiddleware(app)``.
    Does nothing while the process neither records nor replays.

    Args:
        app: a WSGI application (PEP 3333).
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request on to the application."""
        result: Iterable[bytes] = _wsgi.serve(self.app, self, (environ, start_response), {})
        return result
