"""Codecs of the app's own. Setting one is nobody's call, unless it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.integrations.asyncpg.integration import Reply, is_replayed, raising
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.core import told
from timetracer_otel.integrations.flows import run_async
from timetracer_otel.messages import SqlResult, SqlStatement

if TYPE_CHECKING:
    from timetracer_otel.integrations.asyncpg.integration import AsyncpgIntegration


def points(integration: AsyncpgIntegration) -> Sequence[Point]:
    """Setting and resetting codecs, and forgetting types."""
    ours = _Types(integration)
    module = "asyncpg.connection"
    return (
        Point(module, "Connection.set_type_codec", wrapper=ours.set),
        *(
            Point(module, f"Connection.{name}", ours.set_up, asynchronous=True)
            for name in ("set_builtin_type_codec", "reset_type_codec")
        ),
    )


class _Types:
    def __init__(self, integration: AsyncpgIntegration) -> None:
        self._integration = integration

    def set(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        """Decoders note what they are given, whoever records what is decoded later."""
        try:
            key = _key(args, kwargs)
            decoder = kwargs.get("decoder")
            if callable(decoder) and not connection.is_closed():
                kwargs = {
                    **kwargs,
                    "decoder": self._integration.known(connection).codecs.noting(key, decoder),
                }
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("asyncpg: a codec of the app's", error)
        where = "asyncpg: setting a codec"
        if ports.current() is None and not told(where, lambda: is_replayed(connection._protocol), False):
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, connection, args, kwargs)
        strict = told(where, self._integration.mocks, False)
        return run_async(self.set_up(call), None if strict else call)

    def set_up(self, call: Invocation) -> Flow[Any]:
        connection = call.instance
        schema, name = _key(call.args, call.kwargs)
        query = f'{call.wrapped.__name__} "{schema}"."{name}"'
        if is_replayed(connection._protocol):
            connection._check_open()
            if not self._failed_when_recorded(query):
                return None
        else:
            with ports.inside():
                try:
                    return (yield call.proceed)
                except Exception as caught:  # noqa: BLE001  # raised again, as the call that failed
                    error = caught
            call = Invocation(raising(error), connection, (), {})

        def reply(_: Any) -> Reply:
            return (), None, {}

        def load(_: SqlResult) -> Any:
            return None

        flow = self._integration.ask_of(connection, call, query, None, load=load, reply=reply, step="prepare")
        return (yield from flow)

    def _failed_when_recorded(self, query: str) -> bool:
        port = ports.current()
        known = () if port is None else port.pending_requests(self._integration)
        return any(isinstance(one, SqlStatement) and one.text == query for one in known)


def _key(args: Any, kwargs: Any) -> tuple[str, str]:
    return str(kwargs.get("schema", "public")), str(args[0] if args else kwargs["typename"])
