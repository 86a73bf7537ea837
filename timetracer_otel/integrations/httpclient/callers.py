"""Whose call it is that a connection makes: the outermost library's that is at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple

import msgspec

from timetracer_otel import ports
from timetracer_otel.integrations.base import Wrappable
from timetracer_otel.integrations.httpclient.failures import connection_faults
from timetracer_otel.messages import Answer, Failure


class Attempt(msgspec.Struct):
    """What a connection pool is asked for, before there is a connection to ask.

    Attributes:
        url: scheme, host and path.
        seen: a call was begun for it.
        exchange: that call, where it was begun before there was a connection.
    """

    method: str
    url: str
    headers: Mapping[str, Any]
    body: Any
    seen: bool = False
    exchange: ports.Exchange | None = None


class Layer(NamedTuple):
    """The libraries at work in this context."""

    caller: ports.Caller
    attempt: Attempt | None = None


layer: ContextVar[Layer | None] = ContextVar("timetracer_http_layer", default=None)


class HttpLibrary(Wrappable):
    """A library whose calls go over ``http.client``'s connections."""

    family: ClassVar[str] = "http"
    scopes: ClassVar[tuple[str, ...]] = ()
    """Instrumentation scopes whose spans are this library's own."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """What the library makes of what its connection raises, by the names of its exceptions."""

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What the connection raises; the library makes its own exceptions of it."""
        found = connection_faults(self.name)
        return {**found, **{name: found[kind] for name, kind in self.renamed.items()}}

    def mark(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A wrapper: calls made below are this library's."""
        if layer.get() is not None or ports.current() is None:
            return wrapped(*args, **kwargs)
        token = layer.set(Layer(self))
        try:
            return wrapped(*args, **kwargs)
        finally:
            layer.reset(token)


def replaying(caller: ports.Caller) -> bool:
    """True where that caller's calls are answered from a recording: nothing may be opened."""
    port = ports.current()
    return port is not None and port.replaying and not port.live(caller)
