"""mysql.connector.aio, used directly: connections, pools, and cursors of all kinds.

As mysql.connector, on streams of asyncio with nothing behind them in a replay. What passes is watched where
the library has whole packets, so compressed connections are recorded as any other.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.core import replaying, told
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.flows import run_async
from timetracer_otel.integrations.mysql.calls import statement_of
from timetracer_otel.integrations.mysql.connector_calls import COMPRESSED, ConnectorIntegration, asked
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.server import NOT_HERE
from timetracer_otel.integrations.mysql.streams import ReplayedReader, ReplayedWriter, WatchedBroker

_PACKAGE = "mysql.connector.aio"
_UNASKED = ("cmd_ping", "cmd_reset_connection", "set_autocommit", "set_charset_collation", "_execute_query")
_ENCRYPTED = 1 << 11
_connecting: ContextVar[Line | None] = ContextVar("timetracer_mysqlconnector_aio_connecting", default=None)


class MySqlConnectorAioIntegration(ConnectorIntegration):
    """Records and answers statements of mysql.connector.aio's connections and cursors."""

    name: ClassVar[str] = "mysqlconnector.aio"
    oldest = ("mysql-connector-python>=9",)
    asynchronous: ClassVar[bool] = True

    def points(self) -> Sequence[Point]:
        """Connecting, statements, transactions, and what else is sent."""
        cursors, connections = f"{_PACKAGE}.cursor", f"{_PACKAGE}.connection"
        calls = {
            "connect": self._connect, "cmd_query": self._query, "cmd_init_db": self._init_db,
            "cmd_change_user": self._change_user, "cmd_stmt_prepare": self._prepare,
            "cmd_stmt_execute": self._execute_prepared,
            "cmd_statistics": self._command, "cmd_debug": self._command,
            "commit": self._commit, "rollback": self._rollback, **dict.fromkeys(_UNASKED, self._unasked),
        }  # fmt: skip
        return (
            Point(f"{_PACKAGE}.network", "MySQLTcpSocket.open_connection", wrapper=_open),
            Point(f"{_PACKAGE}.network", "MySQLUnixSocket.open_connection", wrapper=_open),
            *(
                Point(connections, f"MySQLConnection.{name}", wrapper=self._close)
                for name in ("close", "disconnect", "shutdown")  # the second is another name of the first
            ),
            Point(connections, "MySQLConnection.info_query", wrapper=self._probe),
            Point(connections, "MySQLConnection.cmd_query_iter", wrapper=self._query_iter),
            *(
                Point(connections, f"MySQLConnection.{name}", handler, asynchronous=True)
                for name, handler in calls.items()
            ),
            *(
                Point(cursors, f"{kind}.{method}", handler, asynchronous=True)
                for kind in ("MySQLCursor", "MySQLCursorPrepared")
                for method, handler in (("execute", self._execute), ("executemany", self._executemany))
            ),
            Point(cursors, "MySQLCursor.callproc", self._callproc, asynchronous=True),
        )

    # -- connections

    def is_open(self, connection: Any) -> bool:
        """Whether its streams are open."""
        return bool(connection.is_socket_connected())

    def learned(self, connection: Any) -> dict[str, Any]:
        """What the server said of itself when it was connected to."""
        said = connection._handshake or {}
        return {
            "version": said.get("server_version_original"),
            "capabilities": said.get("capabilities"),
            "charset": said.get("charset"),
            "status": said.get("server_status"),
        }

    def watch(self, connection: Any, line: Line) -> None:
        """Watch its packets."""
        if connection._socket is not None:
            self.plug(connection, self.watched(connection, line))

    def watched(self, connection: Any, line: Line) -> Any:
        """Its streams, and what makes packets of them, watched."""
        socket = connection._socket
        return socket._reader, socket._writer, WatchedBroker(socket._netbroker, line)

    def plugged(self, connection: Any) -> Any:
        """Its streams, and what makes packets of them."""
        socket = connection._socket
        return socket._reader, socket._writer, socket._netbroker

    def plug(self, connection: Any, ends: Any) -> None:
        """Give it streams, and what makes packets of them."""
        socket = connection._socket
        if socket is not None:
            socket._reader, socket._writer, socket._netbroker = ends

    def replayed_ends(self, line: Line) -> Any:
        """Streams with nothing behind them."""
        broker = sys.modules[f"{_PACKAGE}.network"].NetworkBrokerPlain()
        return ReplayedReader(line.serve()), ReplayedWriter(line.serve()), broker

    def _connect(self, call: Invocation) -> Flow[None]:
        connection = call.instance
        if self.mocks():
            yield from self._connect_to_nothing(call, connection)
            return
        try:
            with ports.inside():
                yield call.proceed
        except Exception as error:  # of sockets, too: the library passes them on as they are
            self.report_connect(self.named(connection), error)
            raise
        self.forget(connection)
        self.line_of(connection)

    def _connect_to_nothing(self, call: Invocation, connection: Any) -> Flow[None]:
        namespace = self.named(connection)
        self.fail_to_connect(namespace)
        real: Callable[[], Any] = functools.partial(_real, type(connection), dict(vars(connection)))
        line = self.replayed_line(connection, namespace, real)
        line.hang_up = _hang_up
        chosen = {
            name: getattr(connection, name)
            for name in ("_ssl_disabled", "_ssl_verify_cert", "_auth_plugin", "_auth_plugin_class")
        }
        # nothing is sent: neither a password nor anything that is encrypted or compressed
        vars(connection).update(dict.fromkeys(chosen), _ssl_disabled=True)
        flags = connection._client_flags
        connection._client_flags &= ~COMPRESSED
        before = _connecting.set(line)
        try:
            with ports.inside():
                yield call.proceed
        finally:
            _connecting.reset(before)
            vars(connection).update(chosen)
            connection._client_flags |= flags & COMPRESSED
        line.serve().connected()
        capabilities = line.learned.get("capabilities")
        if isinstance(capabilities, int):
            connection._handshake["capabilities"] = connection._server_info.capabilities = capabilities
            negotiated = capabilities & NOT_HERE & ~(_ENCRYPTED if connection._ssl_disabled else 0)
            connection._client_flags |= negotiated
            connection._ssl_active = bool(negotiated & _ENCRYPTED)

    # -- calls

    def _query_iter(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        results = wrapped(*args, **kwargs)
        if told("mysqlconnector.aio: asking who is there", ports.current, None) is None:
            return results
        first = Invocation(results.__anext__, connection, (), {})
        message = functools.partial(statement_of, args=args[:1], kwargs=kwargs, names=("statements", ""))
        return self._results(results, first, lambda: self.converse(first, connection, message))

    async def _results(self, results: Any, first: Invocation, flow: Any) -> AsyncIterator[Any]:
        """The first result is that of the call; the others are read, or given, after it."""
        try:
            yield await run_async(flow(), None if replaying() else first)
            async for result in results:
                yield result
        finally:
            await results.aclose()

    def _probe(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        line = told("mysqlconnector.aio: what a connection asks", lambda: self._asking(connection), None)
        if line is None:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, connection, args, kwargs)
        answered = line.answering is not None or line.replayed
        return run_async(self._learning(call, line, asked(call)), None if answered else call)

    def _asking(self, connection: Any) -> Line | None:
        """Within a call; else it is asked on a cursor, which is a call of its own."""
        return self.known_line(connection) if ports.is_inside() else None

    def _init_db(self, call: Invocation) -> Flow[Any]:
        name = call.args[0] if call.args else call.kwargs["database"]
        return self.converse(call, call.instance, lambda line: line.statement(f"USE {name}"))

    def _change_user(self, call: Invocation) -> Flow[Any]:
        """A call, as it may be denied; of what is given, passwords among it, only the first name is kept."""
        name = call.args[0] if call.args else call.kwargs.get("username", "")
        return self.converse(call, call.instance, lambda line: line.statement(f"CHANGE USER {name}"))

    def _prepare(self, call: Invocation) -> Flow[Any]:
        prepared = call.args[0] if call.args else call.kwargs["statement"]
        written = bytes(prepared).decode("utf-8", "replace")
        return self.converse(call, call.instance, lambda line: line.statement(f"PREPARE {written}"))

    def _execute_prepared(self, call: Invocation) -> Flow[Any]:
        number, data, *_ = (
            *call.args,
            *(call.kwargs[name] for name in ("statement_id", "data") if name in call.kwargs),
            (),
        )
        return self.converse(
            call, call.instance, lambda line: line.statement(f"EXECUTE {number}", plain(tuple(data)))
        )


async def _real(kind: type, asked: dict[str, Any]) -> Any:
    """The real connection that the app asked for: one with the attributes that it had before, connected."""
    real: Any = object.__new__(kind)
    vars(real).update(asked)
    vars(real).pop("_timetracer_line", None)
    await real.connect()
    return real


def _hang_up(real: Any) -> None:
    """Close it as far as nothing must be awaited."""
    if real._socket is not None:
        real._socket._writer.close()


async def _open(wrapped: Any, socket: Any, args: Any, kwargs: Any) -> Any:
    line = _connecting.get()
    if line is None:
        return await wrapped(*args, **kwargs)
    socket._reader, socket._writer = ReplayedReader(line.serve()), ReplayedWriter(line.serve())
    socket._is_connected = True
    return None
