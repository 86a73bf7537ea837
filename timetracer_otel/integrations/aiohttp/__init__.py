"""aiohttp's client: requests at the connection, below sessions, redirects, cookies and traces."""

from __future__ import annotations

from timetracer_otel.integrations.aiohttp.integration import AiohttpIntegration

__all__ = ["AiohttpIntegration"]
