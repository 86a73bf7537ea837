"""Work before the first request."""

from __future__ import annotations

from typing import Any

import httpx
from django.apps import AppConfig

from tests.fidelity.apps.httpx_told import url
from tests.fidelity.apps.redis_clients import sync_clients

clients = sync_clients()
started: dict[str, Any] = {}


class SiteConfig(AppConfig):
    """A ping, and a question to the upstream."""

    name = "tests.fidelity.apps.django_site"

    def ready(self) -> None:
        """Called once by ``django.setup()``."""
        started["redis"] = clients["resp3-text"].ping()
        started["upstream"] = httpx.get(url("/health")).json()
