"""Prepared statements: preparing is a call of its own, running one is the same call as without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel.integrations.asyncpg.integration import FIRST_ROW, Reply, is_replayed
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.messages import SqlResult

if TYPE_CHECKING:
    from timetracer_otel.integrations.asyncpg.integration import AsyncpgIntegration

_DESCRIBED = "described"


def points(integration: AsyncpgIntegration) -> Sequence[Point]:
    """Preparing, and what is done with what was prepared."""
    ours = _Prepared(integration)
    kind = "PreparedStatement"
    module = "asyncpg.prepared_stmt"
    return (
        Point("asyncpg.connection", "Connection._prepare", ours.prepare, asynchronous=True),
        Point(module, f"{kind}._{kind}__bind_execute", ours.run, asynchronous=True),
        Point(module, f"{kind}.executemany", ours.many, asynchronous=True),
        Point(module, f"{kind}.fetchmany", ours.many, asynchronous=True, optional=True),
    )


class _Prepared:
    def __init__(self, integration: AsyncpgIntegration) -> None:
        self._integration = integration

    def prepare(self, call: Invocation) -> Flow[Any]:
        connection, query = call.instance, call.args[0]

        def reply(statement: Any) -> Reply:
            from timetracer_otel.integrations.asyncpg.replayed import described

            return (), None, {_DESCRIBED: described(statement._state)}

        def load(result: SqlResult) -> Any:
            from asyncpg.prepared_stmt import PreparedStatement

            state = self.state(connection, query, call.kwargs, result.extra.get(_DESCRIBED) or {})
            return PreparedStatement(connection, query, state)

        return (
            yield from self._integration.ask_of(
                connection, call, query, None, load=load, reply=reply, step="prepare"
            )
        )

    def state(self, connection: Any, query: str, options: dict[str, Any], described: dict[str, Any]) -> Any:
        """What stands for a prepared statement of a replayed connection."""
        from timetracer_otel.integrations.asyncpg.replayed import NoStatement

        name = options.get("name")
        if name is None:
            name = connection._stmt_cache_enabled
        if not isinstance(name, str):
            name = connection._get_unique_id("stmt") if name else ""
        kind = options.get("record_class") or connection._protocol.get_record_class()
        return NoStatement(name, query, kind, described)

    def run(self, call: Invocation) -> Flow[Any]:
        statement = call.instance
        args, limit = call.args[0], call.args[1]

        def reply(records: Any) -> Reply:
            return records or (), statement._last_status, {}

        def load(result: SqlResult) -> Any:
            status = result.extra.get("statusmessage")
            statement._last_status = status.encode() if isinstance(status, str) else None
            return self._integration.rows(statement._connection, result, statement._state.record_class)

        flow = self._integration.ask_of(
            statement._connection, call, statement._query, plain(list(args)), load=load, reply=reply,
            step=FIRST_ROW if limit == 1 else "",
        )  # fmt: skip
        return (yield from flow)

    def many(self, call: Invocation) -> Flow[Any]:
        statement = call.instance
        name = call.wrapped.__name__
        rows = name == "fetchmany"
        if is_replayed(statement._connection._protocol):
            statement._check_conn_validity(name)
        sets, again = self._integration.sets_of(call, call.args[0] if call.args else call.kwargs["args"], 0)

        def reply(records: Any) -> Reply:
            return records or (), None, {}

        def load(result: SqlResult) -> Any:
            if not rows:
                return None
            return self._integration.rows(statement._connection, result, statement._state.record_class)

        flow = self._integration.ask_of(
            statement._connection, again, statement._query, sets, load=load, reply=reply, many=True
        )
        return (yield from flow)
