"""aiomysql, used directly: connections, pools, and cursors of all kinds.

As PyMySQL, on streams of asyncio with nothing behind them in a replay.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.mysql.calls import MySqlIntegration, read_once, statement_of
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.streams import (
    ReplayedReader,
    ReplayedWriter,
    WatchedReader,
    WatchedWriter,
)

_QUERY = ("query", "args")
_UNASKED = ("begin", "select_db", "set_charset", "autocommit")
_connecting: ContextVar[Line | None] = ContextVar("timetracer_aiomysql_connecting", default=None)


class AioMySqlIntegration(MySqlIntegration):
    """Records and answers statements of aiomysql's connections and cursors."""

    name: ClassVar[str] = "aiomysql"
    oldest = ("aiomysql>=0.2",)
    asynchronous: ClassVar[bool] = True

    def points(self) -> Sequence[Point]:
        """Connecting, statements, transactions, and what else is sent."""
        cursors, connections = "aiomysql.cursors", "aiomysql.connection"
        return (
            Point(connections, "_open_connection", wrapper=_open),
            Point(connections, "_open_unix_connection", wrapper=_open, optional=True),
            Point(connections, "Connection._connect", self._connect, asynchronous=True),
            Point(connections, "Connection.close", wrapper=self._close),
            Point(cursors, "Cursor.execute", self._execute, asynchronous=True),
            Point(cursors, "Cursor.executemany", self._executemany, asynchronous=True),
            Point(cursors, "Cursor.callproc", self._callproc, asynchronous=True),
            Point(connections, "Connection.query", self._query, asynchronous=True),
            Point(connections, "Connection.show_warnings", self._show_warnings, asynchronous=True),
            Point(connections, "Connection.commit", self._commit, asynchronous=True),
            Point(connections, "Connection.rollback", self._rollback, asynchronous=True),
            Point(connections, "Connection.ping", self.ping, asynchronous=True),
            *(
                Point(connections, f"Connection.{name}", self._unasked, asynchronous=True)
                for name in _UNASKED
            ),
        )

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``pymysql.err.MySQLError``, above errors and warnings."""
        return (sys.modules["pymysql.err"].MySQLError,)

    # -- connections

    def namespace(self, connection: Any) -> str:
        """The database's name."""
        return str(connection._db or "")

    def learned(self, connection: Any) -> dict[str, Any]:
        """What the server said of itself when it was connected to."""
        return {
            "version": connection.server_version,
            "capabilities": connection.server_capabilities,
            "charset": connection.server_language,
            "status": connection.server_status,
        }

    def watch(self, connection: Any, line: Line) -> None:
        """Watch its streams."""
        if connection._writer is not None:
            self.plug(connection, self.watched(connection, line))

    def watched(self, connection: Any, line: Line) -> Any:
        """Its streams, watched."""
        return WatchedReader(connection._reader, line), WatchedWriter(connection._writer, line)

    def plugged(self, connection: Any) -> Any:
        """Its streams."""
        return connection._reader, connection._writer

    def plug(self, connection: Any, ends: Any) -> None:
        """Give it streams."""
        connection._reader, connection._writer = ends

    def replayed_ends(self, line: Line) -> Any:
        """Streams with nothing behind them."""
        return ReplayedReader(line.serve()), ReplayedWriter(line.serve())

    def cancelled(self, connection: Any) -> None:
        """Aiomysql closes it, as nobody reads the reply any more."""
        connection._close_on_cancel()

    def _connect(self, call: Invocation) -> Flow[None]:
        connection = call.instance
        if self.mocks():
            namespace = self.named(connection)
            self.fail_to_connect(namespace)
            line = self.replayed_line(connection, namespace, functools.partial(_real, connection))
            before = _connecting.set(line)
            try:
                with ports.inside():
                    yield call.proceed
            finally:
                _connecting.reset(before)
            line.serve().connected()
            capabilities = line.learned.get("capabilities")
            if isinstance(capabilities, int):  # encryption among them
                connection.server_capabilities = capabilities
            return
        try:
            with ports.inside():
                yield call.proceed
        except self.error_roots() as error:
            self.report_connect(self.named(connection), error)
            raise
        self.forget(connection)
        self.line_of(connection)

    def _close(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            self.closed(connection)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("aiomysql: closing a connection", error)
        return wrapped(*args, **kwargs)

    # -- calls

    def _execute(self, call: Invocation) -> Flow[Any]:
        return self._on_cursor(call, lambda line: statement_of(line, call.args, call.kwargs, _QUERY))

    def _executemany(self, call: Invocation) -> Flow[Any]:
        call = yield read_once(call)
        flow = self._on_cursor(
            call, lambda line: statement_of(line, call.args, call.kwargs, _QUERY, many=True)
        )
        return (yield from flow)

    def _callproc(self, call: Invocation) -> Flow[Any]:
        named = (call.kwargs[key] for key in ("procname", "args") if key in call.kwargs)
        name, args, *_ = (*call.args, *named, ())
        return self._on_cursor(call, lambda line: statement_of(line, (f"CALL {name}", args), {}, _QUERY))

    def _on_cursor(self, call: Invocation, message: Any) -> Flow[Any]:
        connection = call.instance._connection
        if connection is None or connection._writer is None:
            return (yield call.proceed)  # closed: aiomysql's to refuse
        return (yield from self.converse(call, connection, message))

    def _query(self, call: Invocation) -> Flow[Any]:
        message = functools.partial(statement_of, args=call.args[:1], kwargs=call.kwargs, names=("sql", ""))
        return self.converse(call, call.instance, message)

    def _show_warnings(self, call: Invocation) -> Flow[Any]:
        return self.converse(call, call.instance, lambda line: line.statement("SHOW WARNINGS"))

    def _commit(self, call: Invocation) -> Flow[Any]:
        return self.transaction(call, call.instance, "COMMIT")

    def _rollback(self, call: Invocation) -> Flow[Any]:
        return self.transaction(call, call.instance, "ROLLBACK")

    def _unasked(self, call: Invocation) -> Flow[Any]:
        return self.unasked(call, call.instance)


async def _real(connection: Any) -> Any:
    """The real connection that the app asked for: one with the same attributes, connected."""
    real = object.__new__(type(connection))
    vars(real).update(vars(connection))
    vars(real).pop("_timetracer_line", None)
    real._reader = real._writer = real._result = None
    await real._connect()
    return real


async def _open(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    line = _connecting.get()
    if line is None:
        return await wrapped(*args, **kwargs)
    return ReplayedReader(line.serve()), ReplayedWriter(line.serve())
