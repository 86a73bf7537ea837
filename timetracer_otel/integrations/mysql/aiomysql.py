"""aiomysql, used directly: connections, pools, and cursors of all kinds.

As PyMySQL, on streams of asyncio with nothing behind them in a replay.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.pymysql_like import PyMySqlLike
from timetracer_otel.integrations.mysql.streams import (
    ReplayedReader,
    ReplayedWriter,
    WatchedReader,
    WatchedWriter,
)
from timetracer_otel.messages import SqlStatement

_UNASKED = ("begin", "select_db", "set_charset", "autocommit")
_connecting: ContextVar[Line | None] = ContextVar("timetracer_aiomysql_connecting", default=None)


class AioMySqlIntegration(PyMySqlLike):
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

    # -- connections

    def namespace(self, connection: Any) -> str:
        """The database's name."""
        return str(connection._db or "")

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
        yield from self._connect_live(call)

    # -- calls

    def _on_cursor(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        connection = call.instance._connection
        if connection is None or connection._writer is None:
            return (yield call.proceed)  # closed: aiomysql's to refuse
        return (yield from self.converse(call, connection, message))


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
