"""The libraries upon ``http.client``: whose calls they are, and what they do before they connect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.httpclient.callers import Attempt, HttpLibrary, Layer, layer, replaying
from timetracer_otel.integrations.wire.framing import address


class UrllibIntegration(HttpLibrary):
    """Calls of ``urllib.request``."""

    name: ClassVar[str] = "urllib"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.urllib",)
    renamed: ClassVar[Mapping[str, str]] = {"URLError": "refused"}

    def points(self) -> Sequence[Point]:
        """Where a handler makes its connection; files and data are opened elsewhere."""
        return (Point("urllib.request", "AbstractHTTPHandler.do_open", wrapper=self.mark),)


class Urllib3Integration(HttpLibrary):
    """Calls of urllib3's pools."""

    name: ClassVar[str] = "urllib3"
    oldest = ("urllib3>=1.26",)
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.urllib3",)
    renamed: ClassVar[Mapping[str, str]] = {
        "ConnectTimeoutError": "connect timeout",
        "NewConnectionError": "refused",
        "ProtocolError": "reset",
        "ReadTimeoutError": "timeout",
    }

    def points(self) -> Sequence[Point]:
        """Where a pool is asked."""
        return (Point("urllib3.connectionpool", "HTTPConnectionPool.urlopen", wrapper=self._ask_pool),)

    def _ask_pool(
        self, wrapped: Callable[..., Any], pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note what is asked: TLS and proxies are connected to before the connection knows."""
        if ports.current() is None:
            return wrapped(*args, **kwargs)
        above = layer.get()
        attempt = None
        try:
            attempt = _attempt(pool, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # urllib3 says to the app what is wrong with it
            ports.report(f"{self.name}: reading a request", error)
        token = layer.set(Layer(self if above is None else above.caller, attempt))
        try:
            return wrapped(*args, **kwargs)
        finally:
            layer.reset(token)


def _attempt(
    pool: Any, method: str, url: str, body: Any = None, headers: Any = None, *_more: Any, **_named: Any
) -> Attempt:
    if "://" not in url.split("?", 1)[0]:
        url = address(str(pool.host), pool.port, pool.scheme) + url.split("#", 1)[0]
    return Attempt(method, url, pool.headers if headers is None else headers, body)


class RequestsIntegration(HttpLibrary):
    """Calls of requests' own adapters; those of others are the app's own code."""

    name: ClassVar[str] = "requests"
    oldest = ("requests>=2.31",)
    scopes: ClassVar[tuple[str, ...]] = (
        "opentelemetry.instrumentation.requests",
        "opentelemetry.instrumentation.urllib3",
    )
    renamed: ClassVar[Mapping[str, str]] = {
        "ConnectTimeout": "connect timeout",
        "ConnectionError": "refused",
        "ReadTimeout": "timeout",
        "Timeout": "timeout",
    }

    def points(self) -> Sequence[Point]:
        """Where an adapter sends, and where it looks for certificates, which replay does without."""
        return (
            Point("requests.adapters", "HTTPAdapter.send", wrapper=self.mark),
            Point("requests.adapters", "HTTPAdapter.cert_verify", wrapper=self._certificates),
        )

    def _certificates(
        self, wrapped: Callable[..., Any], _adapter: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not replaying(self):
            return wrapped(*args, **kwargs)
        try:
            return wrapped(*args, **kwargs)
        except OSError:
            return None
