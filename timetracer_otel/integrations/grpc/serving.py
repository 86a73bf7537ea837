"""Where grpc's servers find the handler of an RPC, synchronous and asynchronous."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point, Wrappable
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.grpc.rpc import Rpc
from timetracer_otel.messages import GrpcRequest


class GrpcServerIntegration(Wrappable):
    """Each RPC that a server of this process answers is an entry.

    It is seen outside all interceptors, as bytes, so that any message class and any interceptor's work is
    part of it.
    """

    name: ClassVar[str] = "grpc_server"
    oldest = ("grpcio>=1.62",)
    family: ClassVar[str] = "grpc"
    scopes: ClassVar[tuple[str, ...]] = ()

    def points(self) -> Sequence[Point]:
        """The look-up of a handler, and the interceptors of an asynchronous server."""
        return (
            Point("grpc._server", "_find_method_handler", wrapper=self._find),
            Point("grpc.aio._server", "Server.__init__", wrapper=self._aio_server),
        )

    def _find(
        self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        handler = wrapped(*args, **kwargs)
        watched = safely(self._watched_sync, handler, args)
        return handler if watched is None else watched

    def _watched_sync(self, handler: Any, args: tuple[Any, ...]) -> Any:
        if handler is None:
            return None  # the server answers that there is no such method
        event, _, known, pipeline = args
        method = (known.name() if hasattr(known, "name") else None) or event.call_details.method
        return self.watched(handler, method, getattr(pipeline, "interceptors", ()))

    def watched(self, handler: Any, method: Any, interceptors: Iterable[Any]) -> Any:
        """The handler, watched for one RPC; ``None`` when nobody wants it."""
        port = ports.entry_port()
        if port is None:
            return None
        name = method.decode("utf-8", "replace") if isinstance(method, bytes) else str(method)
        streaming = bool(handler.request_streaming)
        request = GrpcRequest(name, streaming=streaming, complete=not streaming)
        return Rpc(self, port, request, traced=any(map(_traces, interceptors))).handler(handler)

    def _aio_server(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        changed = safely(self._with_interceptor, args, kwargs)
        if changed is not None:
            args, kwargs = changed
        return wrapped(*args, **kwargs)

    def _with_interceptor(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        names = ("thread_pool", "generic_handlers", "interceptors")
        given = dict(zip(names, args, strict=False)) | {
            name: kwargs[name] for name in names if name in kwargs
        }
        theirs = tuple(given.get("interceptors") or ())
        ours = _interceptor_class()(self, theirs)
        if len(args) > 2:
            return (*args[:2], (ours, *theirs), *args[3:]), kwargs
        return args, {**kwargs, "interceptors": (ours, *theirs)}


def _traces(interceptor: Any) -> bool:
    """True for an interceptor that draws the SERVER span."""
    return type(interceptor).__module__.startswith("opentelemetry.instrumentation.grpc")


@functools.cache
def _interceptor_class() -> type[Any]:
    base: Any = sys.modules["grpc.aio"].ServerInterceptor

    class _Outermost(base):  # type: ignore[misc]  # known when grpc is loaded
        """Asks the other interceptors for the handler, and watches it."""

        def __init__(self, integration: GrpcServerIntegration, others: tuple[Any, ...]) -> None:
            self._integration = integration
            self._others = others

        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            """The handler, watched."""
            handler = await continuation(details)
            if handler is None:
                return None
            watched = safely(self._integration.watched, handler, details.method, self._others)
            return handler if watched is None else watched

    return _Outermost
