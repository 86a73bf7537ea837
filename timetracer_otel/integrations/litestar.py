"""Litestar."""

from __future__ import annotations

from typing import Any

from timetracer_otel.integrations.asgi import AsgiIntegration, Message


class LitestarIntegration(AsgiIntegration):
    """Litestar, with its own OpenTelemetry plugin or without."""

    name = "litestar"
    oldest = ("litestar>=2.11",)
    module = "litestar.app"
    class_name = "Litestar"

    def traced(self, app: Any) -> bool:
        """True with Litestar's plugin, whose middleware is around everything else."""
        return hasattr(app.asgi_handler, "open_telemetry_middleware")

    def route(self, app: Any, scope: Message) -> str | None:
        """The template of the path; the plugin knows the path only."""
        return scope.get("path_template") or None
