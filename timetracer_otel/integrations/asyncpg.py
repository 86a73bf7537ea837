"""asyncpg, used directly: ``execute``, ``executemany``, ``fetch`` and its kin, transactions and pools.

A replayed connection is asyncpg's own object with nothing where its protocol was. Prepared statements,
cursors, COPY, listeners and type codecs are not recorded, and refused in a replay.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import DriverIntegration, Statement, no_session, refused
from timetracer_otel.integrations.dbapi.values import plain, plain_row, record, restore, weight
from timetracer_otel.messages import SqlResult

_REFUSED = (
    "_prepare", "cursor", "_copy_in", "_copy_out", "add_listener", "set_type_codec", "set_builtin_type_codec",
    "fetchmany",
)  # fmt: skip


class AsyncpgIntegration(DriverIntegration):
    """Records and answers statements of asyncpg's connections."""

    name: ClassVar[str] = "asyncpg"
    system: ClassVar[str] = "postgresql"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.asyncpg",)

    def __init__(self) -> None:
        super().__init__()
        self._servers: dict[tuple[str, Any], str] = {}

    def points(self) -> Sequence[Point]:
        """Connecting, statements, and what cannot be answered."""
        module = "asyncpg.connection"
        return (
            Point("asyncpg.connect_utils", "_connect_addr", self._connect, asynchronous=True),
            Point(module, "Connection.execute", self._execute, asynchronous=True),
            Point(module, "Connection._execute", self._fetch, asynchronous=True),
            Point(module, "Connection._executemany", self._many, asynchronous=True),
            Point(module, "Connection.reset", self._reset, asynchronous=True),
            *(Point(module, f"Connection.{name}", wrapper=self._refuse, optional=True) for name in _REFUSED),
        )

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """Everything that asyncpg raises."""
        base = sys.modules["asyncpg.exceptions._base"]
        return base.PostgresMessage, base.InterfaceMessage

    # -- connecting

    def _connect(self, call: Invocation) -> Flow[Any]:
        parameters = call.kwargs.get("params")
        namespace = str(getattr(parameters, "database", "") or "")
        if not self.mocks():
            try:
                return (yield call.proceed)
            except Exception as error:
                self.report_connect(namespace, error)
                raise
        self.fail_to_connect(namespace)
        protocol = _NoProtocol(links.learned(self, namespace))
        kind = call.kwargs["connection_class"]
        return kind(
            protocol,
            _NoTransport(),
            call.kwargs["loop"],
            call.kwargs["addr"],
            call.kwargs["config"],
            parameters,
        )

    def _refuse(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(instance._protocol, _NoProtocol) and not ports.is_inside():
            raise refused(f"Connection.{wrapped.__name__.lstrip('_')}()", self.name)
        return wrapped(*args, **kwargs)

    def _reset(self, call: Invocation) -> Flow[Any]:
        """A connection goes back to its pool: nobody's call."""
        protocol = call.instance._protocol
        if not isinstance(protocol, _NoProtocol):
            with ports.inside():
                return (yield call.proceed)
        call.instance._listeners.clear()
        call.instance._top_xact = None
        protocol.in_transaction = False
        return None

    # -- statements

    def _execute(self, call: Invocation) -> Flow[Any]:
        query, *args = call.args
        return (yield from self._ask(call, query, args, lambda result: result.extra.get("statusmessage")))

    def _many(self, call: Invocation) -> Flow[Any]:
        query, args = call.args[0], call.args[1]
        args = args if isinstance(args, list | tuple) else list(args)
        again = Invocation(call.wrapped, call.instance, (query, args, *call.args[2:]), call.kwargs)
        return (yield from self._ask(again, query, args, lambda _: None, many=True))

    def _fetch(self, call: Invocation) -> Flow[Any]:
        query, args = call.args[0], call.args[1]
        status = call.kwargs.get("return_status", False)
        if call.kwargs.get("record_class") is not None and self.mocks():
            raise refused("a class of records", self.name)

        def load(result: SqlResult) -> Any:
            names = [str(column[0]) for column in result.columns or ()]
            rows = [record(names, list(restore(row))) for row in result.rows]
            return (rows, (result.extra.get("statusmessage") or "").encode(), True) if status else rows

        return (yield from self._ask(call, query, args, load))

    def _ask(
        self, call: Invocation, query: str, args: Sequence[Any], load: Any, *, many: bool = False
    ) -> Flow[Any]:
        connection = call.instance
        protocol = connection._protocol
        if connection.is_closed():
            return (yield call.proceed)
        replayed = isinstance(protocol, _NoProtocol)
        link = links.Link(self, str(connection._params.database or ""), replayed=replayed)
        if not replayed:
            link.server = self._server(connection, link.namespace)
        elif ports.current() is None:
            raise no_session()
        if replayed:
            connection._check_open()

        def loaded(result: SqlResult) -> Any:
            _hold(protocol, result.extra.get("state"))
            if not result.complete:
                raise refused("a result of which not all rows were kept", self.name)
            return load(result)

        statement = Statement(
            call.wrapped, connection, call.args, call.kwargs,
            link.statement(query, plain(list(args)), executemany=many),
            load=loaded,
            state=lambda: bool(protocol.is_in_transaction()), failed=lambda state: _hold(protocol, state),
        )  # fmt: skip
        return (yield from self.ask(statement))

    def answer(self, result: Any, call: Invocation) -> SqlResult:
        """Records, a status, or both."""
        statement = cast("Statement", call)
        state = statement.state() if statement.state is not None else None
        answer = SqlResult(extra={"state": state})
        records, status = result, None
        if isinstance(result, tuple) and len(result) == 3:
            records, status = result[0], result[1]
        elif isinstance(result, str):
            records, status = [], result
        if status is not None:
            answer.extra["statusmessage"] = status.decode() if isinstance(status, bytes) else status
        port = ports.current()
        room = 0 if port is None else port.body_limit
        for row in records or ():
            if answer.columns is None:
                answer.columns = [[name] for name in row.keys()]  # noqa: SIM118  # a record iterates over values
            kept = plain_row(tuple(row))
            room -= weight(kept)
            if room < 0:
                answer.complete = False
                break
            answer.rows.append(kept)
        answer.rowcount = len(records) if records else -1
        return answer

    def _server(self, connection: Any, namespace: str) -> str:
        key = namespace, connection.get_settings().server_version
        known = self._servers.get(key)
        if known is None:
            known = self._servers[key] = links.written("asyncpg", namespace, {"server_version": key[1]})
        return known


def _hold(protocol: Any, state: Any) -> None:
    if isinstance(protocol, _NoProtocol):
        protocol.in_transaction = state is True


class _NoTransport:
    """Where the connection to a server was."""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return None

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class _NoProtocol:
    """Reads like asyncpg's protocol, to a server that was there when it was recorded."""

    def __init__(self, learned: dict[str, Any]) -> None:
        version = str(learned.get("server_version") or "16.0")
        self.in_transaction = False
        self.queries_count = 0
        self._open = True
        self._settings = SimpleNamespace(server_version=version, crdb_version="", encoding="utf-8")

    def get_settings(self) -> Any:
        return self._settings

    def get_server_pid(self) -> int:
        return 0

    def is_in_transaction(self) -> bool:
        return self.in_transaction

    def is_connected(self) -> bool:
        return self._open

    def is_closed(self) -> bool:
        return not self._open

    def _is_cancelling(self) -> bool:
        return False

    async def _wait_for_cancellation(self) -> None:
        return None

    async def close(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's
        self._open = False

    def abort(self) -> None:
        self._open = False

    def set_connection(self, connection: Any) -> None:
        return None
