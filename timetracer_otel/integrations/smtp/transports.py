"""A transport that gives recorded replies, and the event loop that makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class ReplayedTransport(asyncio.Transport):
    """Stands where a connection's transport would be; what is written goes nowhere.

    Args:
        protocol: whose it is.
        real: the transport it stands for, where there was one.
        secure: it stands for one with TLS.
    """

    def __init__(self, protocol: Any, *, real: Any = None, secure: bool = False) -> None:
        super().__init__()
        self._protocol = protocol
        self._closing = False
        self._secure = secure
        self.real = real

    def write(self, data: Any) -> None:
        """Nothing is sent."""

    def is_closing(self) -> bool:
        """It was closed."""
        return self._closing

    def close(self) -> None:
        """The protocol is told, as by a transport that has nothing more to send."""
        if not self._closing:
            self._closing = True
            if self.real is not None:
                self.real.close()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """That it has TLS; no more is known."""
        if self._secure and name in ("sslcontext", "ssl_object"):
            return self
        return default


class ReplayedLoop:
    """The event loop as a client sees it while it connects: connections lead nowhere.

    Args:
        loop: the one that runs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, factory: Callable[[], Any], *_where: Any, ssl: Any = None, **_how: Any
    ) -> tuple[ReplayedTransport, Any]:
        """A connection that leads nowhere."""
        protocol = factory()
        transport = ReplayedTransport(protocol, secure=ssl is not None)
        protocol.connection_made(transport)
        return transport, protocol

    create_unix_connection = create_connection

    async def start_tls(
        self, transport: ReplayedTransport, protocol: Any, *_how: Any, **_named: Any
    ) -> ReplayedTransport:
        """The same with TLS."""
        return ReplayedTransport(protocol, real=transport.real, secure=True)
