"""botocore, and boto3 upon it: HTTP calls like any, and credentials that a replay has none of."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.httpclient.callers import HttpLibrary, replaying


class BotocoreIntegration(HttpLibrary):
    """Calls of botocore's own HTTP session, each attempt by itself.

    Credentials are neither recorded nor needed: looking for them (files, metadata services,
    token services) is not seen when recording, and in replay none are looked for.
    """

    name: ClassVar[str] = "botocore"
    oldest = ("botocore>=1.34",)
    scopes: ClassVar[tuple[str, ...]] = (
        "opentelemetry.instrumentation.botocore",
        "opentelemetry.instrumentation.urllib3",
    )

    renamed: ClassVar[Mapping[str, str]] = {
        "ConnectTimeoutError": "connect timeout",
        "ConnectionClosedError": "disconnected",
        "EndpointConnectionError": "refused",
        "ReadTimeoutError": "timeout",
    }

    def points(self) -> Sequence[Point]:
        """Where requests are sent, and where credentials are looked for."""
        return (
            Point("botocore.httpsession", "URLLib3Session.send", wrapper=self.mark),
            Point("botocore.credentials", "CredentialResolver.load_credentials", wrapper=self._credentials),
            Point("botocore.credentials", "RefreshableCredentials._refresh", wrapper=self._refresh),
        )

    def _credentials(
        self, wrapped: Callable[..., Any], resolver: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if replaying(self):
            module: Any = sys.modules["botocore.credentials"]
            for provider in resolver.providers:
                if provider.METHOD == "env" and (found := provider.load()) is not None:
                    return found
            return module.Credentials("replay", "replay", method="timetracer-otel")
        with ports.inside():
            return wrapped(*args, **kwargs)

    def _refresh(
        self, wrapped: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if replaying(self):
            return None
        with ports.inside():
            return wrapped(*args, **kwargs)
